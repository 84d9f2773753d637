package account

import (
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// A code that cannot be drawn is not put down to a terminal that is too small.
func TestCodeThatIsNotDrawn(t *testing.T) {
	ends := fixedNow.Add(time.Hour)
	v := codeView{login: client.Login{Account: "main", State: client.LoginWaiting, URL: "https://example.com/code", ExpiresAt: &ends}}
	for _, tt := range []struct {
		screen cli.Screen
		want   string
	}{
		{cli.Screen{TTY: true, UTF8: true, Width: 20, Height: 10}, "terminal is too"},
		{cli.Screen{TTY: true, Colour: true, Width: 40, Height: 20}, "terminal is too"},
		{cli.Screen{TTY: true, Width: 200, Height: 100}, "without colours in this character set"},
		{cli.Screen{TTY: true, Colour: true, Width: 200, Height: 100}, "\x1b["},
		{cli.Screen{TTY: true, UTF8: true, Width: 200, Height: 100}, "█"},
	} {
		if got := v.content(tt.screen); !strings.Contains(got, tt.want) || !strings.Contains(got, v.login.URL) {
			t.Errorf("on %+v it shows\n%s", tt.screen, got)
		}
	}
}
