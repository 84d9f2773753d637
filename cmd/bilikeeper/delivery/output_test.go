package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/internal/golden"
)

var fixedNow = time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := fixedNow.Add(d)
	return &t
}

func TestOutputTable(t *testing.T) {
	list := []client.Output{
		{Name: "yt-dlp", Account: "main", Kind: "file", Format: "netscape", Place: "/srv/media/cookies.txt", State: client.OutputOK,
			LastWritten: at(-2 * time.Hour), LastFailed: at(-30 * 24 * time.Hour), HookAt: at(-2 * time.Hour)},
		{Name: "录播", Account: "main", Kind: "push", Format: "header", Place: "127.0.0.1:2233", State: client.OutputRetrying,
			LastWritten: at(-40 * 24 * time.Hour), LastFailed: at(-10 * time.Second), RetryAt: at(20 * time.Second),
			LastError: "push: 127.0.0.1:2233: no connection"},
		{Name: "restart", Account: "main", Kind: "hook", State: client.OutputHook, LastWritten: at(-time.Minute),
			HookAt: at(-30 * time.Second), HookExit: 3, HookError: "sh ended with exit status 3: no such unit", RetryAt: at(4 * time.Second)},
		{Name: "slow", Account: "other", Kind: "file", Format: "json", Place: "/mnt/nas/c.json", State: client.OutputHook, LastWritten: at(-time.Minute),
			HookAt: at(-time.Second), HookExit: -1, HookError: "sh was killed after 30s"},
		{Name: "new", Account: "other", Kind: "file", Format: "json", Place: "/srv/d.json", State: client.OutputWaiting},
	}
	golden.Equal(t, "outputs.golden", outputTable(list, cli.Screen{}, fixedNow))
	if coloured := outputTable(list, cli.Screen{Colour: true}, fixedNow); !strings.Contains(coloured, "\x1b["+cli.Green+"mok") {
		t.Errorf("no colour in %q", coloured)
	}
}

// The words of the wire are the engine's.
func TestOutputStates(t *testing.T) {
	for word, of := range map[string]string{
		client.OutputOK: engine.StateOK, client.OutputWaiting: engine.StateWaiting, client.OutputRetrying: engine.StateRetrying,
		client.OutputFailed: engine.StateFailed, client.OutputHook: engine.StateHook, client.OutputPending: engine.StatePending,
	} {
		if word != of {
			t.Errorf("%s is called %s", of, word)
		}
	}
}
