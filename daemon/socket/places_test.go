package socket

import (
	"os"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// The client imports nothing and so works out the default socket by itself. It
// has to be the one on which the keeper listens.
func TestClientAndKeeperAgreeOnTheSocket(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"bare":      {},
		"runtime":   {"XDG_RUNTIME_DIR": "/run/user/7"},
		"state":     {"XDG_STATE_HOME": "/st"},
		"state dir": {"BILIKEEPER_STATE_DIR": "/my"},
		"socket":    {"BILIKEEPER_SOCKET": "/my.sock", "XDG_RUNTIME_DIR": "/run/user/7"},
		"service":   {"STATE_DIRECTORY": "/var/lib/bilikeeper"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"BILIKEEPER_SOCKET", "BILIKEEPER_STATE_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
				"STATE_DIRECTORY", "RUNTIME_DIRECTORY"} {
				t.Setenv(key, env[key])
			}
			if got, want := client.DefaultSocket(), config.Locate(config.Flags{}, os.Getenv).Socket; got != want {
				t.Errorf("the client looks at %s, the keeper listens on %s", got, want)
			}
		})
	}
}
