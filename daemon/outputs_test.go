package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
)

// TestOutputFollowsTheCredential: written after the login, again after a
// rotation, never with a dead credential.
func TestOutputFollowsTheCredential(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cookies.txt")
	inHouse(t, func(c *config.Config) {
		c.Output = []config.Output{{Name: "tool", Account: "main", Format: "header", Path: path, Mode: "0600"}}
	}, func(h *house) {
		o, err := newOutputs(h.keeper)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		o.start(ctx)
		defer func() { cancel(); o.wait() }()

		if _, err := o.RunOutput(ctx, "tool"); !errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) {
			t.Errorf("before the login: %v", err)
		}
		h.login("main", mid)
		time.Sleep(5 * time.Second)
		h.wantFile(path)
		h.refresh(true)
		time.Sleep(5 * time.Second)
		h.wantFile(path)
		alive := h.sessdata()

		h.site.Kill(mid)
		time.Sleep(9 * time.Hour)
		if text, _ := os.ReadFile(path); !strings.Contains(string(text), alive) {
			t.Error("the file changed although nothing living was there to write")
		}
		if got := o.Outputs()[0]; got.State != engine.StateWaiting || got.Generation != 2 || got.LastWritten == nil {
			t.Errorf("%+v", got)
		}
		if n := len(h.events(client.EventOutputWritten)); n != 2 {
			t.Errorf("told %d times of a file written twice", n)
		}
		if _, err := o.RunOutput(ctx, "nosuch"); !errors.Is(err, &client.Problem{Type: client.ProblemNoOutput}) {
			t.Errorf("an output that is not there: %v", err)
		}
	})
}

// TestFailingOutputIsAProblem: the status tells of it until it works, also
// after a restart, and no longer when the output is gone.
func TestFailingOutputIsAProblem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not-there-yet")
	failing := config.Output{Name: "tool", Account: "main", Format: "header", Path: filepath.Join(dir, "cookies.txt"), Mode: "0600"}
	inHouse(t, func(c *config.Config) { c.Output = []config.Output{failing} }, func(h *house) {
		var o *outputs
		var cancel context.CancelFunc
		begin := func() {
			var err error
			if o, err = newOutputs(h.keeper); err != nil {
				t.Fatal(err)
			}
			var ctx context.Context
			ctx, cancel = context.WithCancel(context.Background())
			o.start(ctx)
		}
		want := func(when, text string) {
			t.Helper()
			time.Sleep(time.Second)
			got := strings.Join(h.keeper.Status().Daemon.Problems, "; ")
			if text == "" && got != "" || !strings.Contains(got, text) {
				t.Errorf("%s: the problems are %q, want %q", when, got, text)
			}
		}
		begin()
		want("before the login", "")
		h.login("main", mid)
		want("without a directory", "output tool: file: ")
		if got := o.Outputs()[0]; got.State != client.OutputRetrying || got.RetryAt == nil || got.LastFailed == nil {
			t.Errorf("%+v", got)
		}
		cancel()
		o.wait()
		h.restart()
		begin()
		want("after a restart", "output tool: file: ")
		if err := o.replace(context.Background(), config.Config{}); err != nil {
			t.Fatal(err)
		}
		want("without the output", "")
		if err := o.replace(context.Background(), config.Config{Output: []config.Output{failing}}); err != nil {
			t.Fatal(err)
		}
		want("with it again", "output tool: file: ")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := o.RunOutput(context.Background(), "tool"); err != nil {
			t.Error(err)
		}
		want("with a directory", "")
		h.wantFile(failing.Path)
		if err := o.replace(context.Background(), config.Config{Output: []config.Output{{Name: "bad", Account: "main", Format: "xml", Path: "/x", Mode: "0600"}}}); err == nil {
			t.Error("a format that there is not was taken")
		}
		if got := o.Outputs(); len(got) != 1 || got[0].Name != "tool" {
			t.Errorf("after a configuration that was refused: %+v", got)
		}
		o.stop()
		o.wait()
	})
}

func (h *house) wantFile(path string) {
	h.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	if string(text) != h.header() {
		h.t.Error("the file is not the credential in use")
	}
}
