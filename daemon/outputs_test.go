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
