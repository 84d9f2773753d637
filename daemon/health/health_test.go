package health_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/health"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
)

// watch is a keeper with a socket, a page that is on, a channel and an output.
func watch(h *keepertest.Fixture, channel client.Channel, output client.Output) *health.Health {
	h.T.Helper()
	socket := filepath.Join(h.Dir, "control.sock")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		h.T.Fatal(err)
	}
	return health.New(health.Parts{
		Keeper: h.Keeper, Socket: socket,
		Channels: func() []client.Channel { return []client.Channel{channel} },
		Outputs:  func() []client.Output { return []client.Output{output} },
		Listeners: []health.Listener{
			{Part: health.PartPage, Problem: "login page", On: func() bool { return true }},
			{Part: health.PartServe, Problem: "read listener", On: func() bool { return false }},
		},
	})
}

func names(r client.Readiness) string {
	var list []string
	for _, p := range r.Parts {
		word := p.Name
		if !p.Ready {
			word = "!" + word
		}
		list = append(list, word)
	}
	return strings.Join(list, " ")
}

func TestReady(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		failed := time.Now()
		well := watch(h, client.Channel{Name: "phone"}, client.Output{Name: "file", State: client.OutputOK})
		const all = "vault schedule socket page serve channel:phone output:file"
		if r, ok := well.Ready(h.T.Context(), ""); !ok || !r.Ready || names(r) != all {
			t.Errorf("all is well: %+v, %v", r, ok)
		}
		ill := watch(h, client.Channel{Name: "phone", FailingSince: &failed, LastError: "no such host"}, client.Output{Name: "phone", State: client.OutputRetrying, LastError: "no room"})
		h.Keeper.Problems().Set("login page", os.ErrClosed)
		for _, tt := range []struct{ part, want, reason string }{
			{"vault", "vault", ""},
			{"page", "!page", "file already closed"},
			{"serve", "serve", "off"},
			{"channel:phone", "!channel:phone", "no such host"},
			{"output", "!output:phone", "no room"},
			{"phone", "!channel:phone !output:phone", "no such host"},
		} {
			r, ok := ill.Ready(h.T.Context(), tt.part)
			if !ok || names(r) != tt.want || r.Ready != !strings.Contains(tt.want, "!") || !strings.Contains(r.Parts[0].Reason, tt.reason) {
				t.Errorf("%s: %+v, %v", tt.part, r, ok)
			}
		}
		if r, ok := ill.Ready(h.T.Context(), "teapot"); ok {
			t.Errorf("a part that there is not: %+v", r)
		}
		if err := ill.Working(h.T.Context()); err != nil {
			t.Errorf("a channel that fails keeps nobody from working: %v", err)
		}
	})
}

// A channel that is called like a part does not stand in its place.
func TestNamesOfParts(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		failed := time.Now()
		w := watch(h, client.Channel{Name: "vault", FailingSince: &failed}, client.Output{Name: "socket", State: client.OutputFailed})
		for _, part := range []string{"vault", "socket"} {
			if r, ok := w.Ready(h.T.Context(), part); !ok || !r.Ready || names(r) != part {
				t.Errorf("%s: %+v", part, r)
			}
		}
	})
}

// The socket and the schedule are looked at, not believed.
func TestWhatStopped(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		w := watch(h, client.Channel{}, client.Output{})
		time.Sleep(48 * time.Hour) // nothing is due for long
		if err := w.Working(h.T.Context()); err != nil {
			t.Errorf("an idle keeper: %v", err)
		}
		if err := os.Remove(filepath.Join(h.Dir, "control.sock")); err != nil {
			t.Fatal(err)
		}
		if r, _ := w.Ready(h.T.Context(), "socket"); r.Ready {
			t.Error("the socket is gone")
		}
		h.Stop()
		h.Stop = func() {}
		time.Sleep(time.Minute)
		if err := w.Working(h.T.Context()); err == nil || !strings.Contains(err.Error(), "the vault") {
			t.Errorf("a closed vault: %v", err)
		}
		time.Sleep(5 * time.Minute)
		if r, _ := w.Ready(h.T.Context(), "schedule"); r.Ready || !strings.Contains(r.Parts[0].Reason, "gone through") {
			t.Errorf("a schedule that stands still: %+v", r)
		}
	})
}
