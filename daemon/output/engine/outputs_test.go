package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/output"

	"github.com/google/go-cmp/cmp"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/output/serve"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// TestOutputFollowsTheCredential: written after the login, again after a
// rotation, never with a dead credential.
func TestOutputFollowsTheCredential(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cookies.txt")
	keepertest.Run(t, func(c *config.Config) {
		c.Output = []config.Output{{Name: "tool", Account: "main", Format: "header", Path: path, Mode: "0600"}}
	}, func(h *keepertest.Fixture) {
		o := Configured(h.Keeper, h.Config, nil)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = o.Run(ctx) }()
		defer func() { cancel(); <-done }()

		if _, err := o.RunNow(ctx, "tool"); !errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) {
			t.Errorf("before the login: %v", err)
		}
		h.Login("main", keepertest.Mid)
		time.Sleep(5 * time.Second)
		wantHeader(h, path)
		h.Refresh(true)
		time.Sleep(5 * time.Second)
		wantHeader(h, path)
		alive := h.SESSDATA()

		h.Site.Kill(keepertest.Mid)
		time.Sleep(9 * time.Hour)
		if text, _ := os.ReadFile(path); !strings.Contains(string(text), alive) {
			t.Error("the file changed although nothing living was there to write")
		}
		if got := o.Status()[0]; got.State != StateWaiting || got.Generation != 2 || got.LastWritten == nil {
			t.Errorf("%+v", got)
		}
		if n := len(h.Events(client.EventOutputWritten)); n != 2 {
			t.Errorf("told %d times of a file written twice", n)
		}
		if _, err := o.RunNow(ctx, "nosuch"); !errors.Is(err, &client.Problem{Type: client.ProblemNoOutput}) {
			t.Errorf("an output that is not there: %v", err)
		}
	})
}

// TestFailingOutputIsAProblem: the status tells of it until it works, also
// after a restart, and no longer when the output is gone.
func TestFailingOutputIsAProblem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not-there-yet")
	failing := config.Output{Name: "tool", Account: "main", Format: "header", Path: filepath.Join(dir, "cookies.txt"), Mode: "0600"}
	keepertest.Run(t, func(c *config.Config) { c.Output = []config.Output{failing} }, func(h *keepertest.Fixture) {
		var o *Outputs
		var stop func()
		begin := func(c config.Config) {
			t.Helper()
			next := Configured(h.Keeper, c, nil)
			if o != nil {
				stop()
				next.Replaces(o)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); _ = next.Run(ctx) }()
			o, stop = next, func() { cancel(); <-done }
		}
		want := func(when, text string) {
			t.Helper()
			time.Sleep(time.Second)
			got := strings.Join(h.Keeper.Accounts().Status().Daemon.Problems, "; ")
			if text == "" && got != "" || !strings.Contains(got, text) {
				t.Errorf("%s: the problems are %q, want %q", when, got, text)
			}
		}
		begin(h.Config)
		want("before the login", "")
		h.Login("main", keepertest.Mid)
		want("without a directory", "output tool: file: ")
		if got := o.Status()[0]; got.State != client.OutputRetrying || got.RetryAt == nil || got.LastFailed == nil {
			t.Errorf("%+v", got)
		}
		stop()
		h.Restart()
		o = nil
		begin(h.Config)
		want("after a restart", "output tool: file: ")
		begin(config.Config{})
		want("without the output", "")
		begin(h.Config)
		want("with it again", "output tool: file: ")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := o.RunNow(context.Background(), "tool"); err != nil {
			t.Error(err)
		}
		want("with a directory", "")
		wantHeader(h, failing.Path)
		bad := config.Config{Output: []config.Output{{Name: "bad", Account: "main", Format: "xml", Path: "/x", Mode: "0600"}}}
		bad.Output = append(bad.Output, failing)
		mixed := Configured(h.Keeper, bad, nil)
		if left := mixed.LeftOut(); len(left) != 1 || left["bad"] == nil || Check(bad.Output[0], nil, config.ReadSecret) == nil || Check(failing, nil, config.ReadSecret) != nil {
			t.Errorf("left out are %v", left)
		}
		if got := mixed.Status(); len(got) != 2 || got[1].Name != "bad" || got[1].State != client.OutputFailed || !strings.HasPrefix(got[1].LastError, "left out: ") {
			t.Errorf("%+v", got)
		}
		if _, err := mixed.RunNow(context.Background(), "bad"); !errors.Is(err, &client.Problem{Type: client.ProblemOutput}) {
			t.Errorf("to run what is left out: %v", err)
		}
		stop()
	})
}

func wantHeader(h *keepertest.Fixture, path string) {
	h.T.Helper()
	want, err := output.Render("header", h.Keeper.Credentials().Held("main"), output.Options{})
	if err != nil {
		h.T.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(want.Body) {
		h.T.Errorf("the file is not the credential in use: %v", err)
	}
}

// What the configuration calls a preset or a way to encrypt is what acts on it.
func TestWordsOfOtherRooms(t *testing.T) {
	if diff := cmp.Diff(Presets(), output.Presets()); diff != "" {
		t.Error(diff)
	}
	if config.CryptoFixed != serve.CryptoFixed || config.CryptoLegacy != serve.CryptoLegacy {
		t.Error("CookieCloud's ways are called otherwise")
	}
}
