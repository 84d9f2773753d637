//go:build linux

package agentcmd

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// The user's own keeper comes first; whichever answered first is stayed with.
func TestFirstKeeper(t *testing.T) {
	dir := t.TempDir()
	own, system := filepath.Join(dir, "own.sock"), filepath.Join(dir, "system.sock")
	listen := func(path string) net.Listener {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	d := &firstKeeper{paths: []string{own, system}}
	reaches := func() string {
		conn, err := d.dial(t.Context())
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		return filepath.Base(conn.RemoteAddr().String())
	}
	if got := reaches(); !strings.Contains(got, "own.sock") || !strings.Contains(got, "no such file") {
		t.Errorf("nobody is there: %s", got)
	}
	first := listen(system)
	if got := reaches(); got != "system.sock" {
		t.Errorf("one is there: %s", got)
	}
	_ = first.Close()
	listen(own)
	if got := reaches(); !strings.Contains(got, "system.sock: connect") {
		t.Errorf("that one is restarted, and another is there: %s", got)
	}
	d.found.Store(nil)
	listen(system)
	if got := reaches(); got != "own.sock" {
		t.Errorf("both are there: %s", got)
	}
}

func TestSessionSockets(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root's own keeper is the machine's")
	}
	for _, tc := range []struct {
		flag string
		env  map[string]string
		want []string
	}{
		{"", nil, []string{"/r/bilikeeper/control.sock", systemSocket}},
		{"/x.sock", nil, []string{"/x.sock"}},
		{"", map[string]string{"BILIKEEPER_SOCKET": "/y.sock"}, []string{"/y.sock"}},
		{"", map[string]string{"BILIKEEPER_STATE_DIR": "/z"}, []string{"/r/bilikeeper/control.sock"}},
	} {
		env := &cli.Env{Stderr: io.Discard, Getenv: func(name string) string {
			if name == "XDG_RUNTIME_DIR" {
				return "/r"
			}
			if name == "HOME" || name == "XDG_CONFIG_HOME" {
				return "/nonexistent"
			}
			return tc.env[name]
		}}
		env.Flags.Socket = tc.flag
		if _, got := sessionClient(env); !slices.Equal(got, tc.want) {
			t.Errorf("%q, %v: %q", tc.flag, tc.env, got)
		}
	}
}
