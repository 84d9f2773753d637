package client

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSockets: a user's own keeper comes first, wherever it may be, then the
// machine's.
func TestSockets(t *testing.T) {
	if os.PathSeparator != '/' {
		t.Skip("the table is written with slashes")
	}
	for _, tt := range []struct {
		name     string
		m        Machine
		env      map[string]string
		stateDir string
		want     []string
	}{
		{"a session", Machine{OS: "linux", UID: 7}, map[string]string{"HOME": "/h", "XDG_RUNTIME_DIR": "/run/user/7"}, "/s",
			[]string{"/run/user/7/bilikeeper/control.sock", "/s/control.sock", "/run/bilikeeper/control.sock"}},
		{"without its variables", Machine{OS: "linux", UID: 7, Home: "/h"}, nil, "/h/.local/state/bilikeeper",
			[]string{"/h/.local/state/bilikeeper/control.sock", "/run/user/7/bilikeeper/control.sock", "/run/bilikeeper/control.sock"}},
		{"root", Machine{OS: "linux", Home: "/root"}, map[string]string{"XDG_RUNTIME_DIR": "/run/user/0"}, "/var/lib/bilikeeper",
			[]string{"/run/bilikeeper/control.sock"}},
		{"macOS", Machine{OS: "darwin", UID: 501, Home: "/Users/me"}, nil, "/s", []string{"/s/control.sock", "/var/run/bilikeeper/control.sock"}},
	} {
		tt.m.Env = func(name string) string { return tt.env[name] }
		own := tt.m.socket()
		if own == filepath.Join(tt.m.Places().StateDir, socketName) {
			own = filepath.Join(tt.stateDir, socketName)
		}
		if got := append(tt.m.OwnSockets(own, tt.stateDir), tt.m.OthersSocket()...); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestAnnouncedSocket: the file of a process that lives names one more place, and
// that of a dead one does not.
func TestAnnouncedSocket(t *testing.T) {
	dir := t.TempDir()
	note := func(pid int) {
		t.Helper()
		text := fmt.Sprintf(`{"pid":%d,"socket":"/elsewhere.sock"}`, pid)
		if err := os.WriteFile(filepath.Join(dir, "keeper.pid"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := announced(dir); got != "" {
		t.Errorf("without a file: %s", got)
	}
	note(os.Getpid())
	if got := announced(dir); got != "/elsewhere.sock" {
		t.Errorf("of a process that lives: %q", got)
	}
	note(1 << 30)
	if got := announced(dir); got != "" {
		t.Errorf("of a dead one: %s", got)
	}
}

// TestSearch: the first that answers, which is stayed with.
func TestSearch(t *testing.T) {
	dir, err := os.MkdirTemp("", "bk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	own, system := filepath.Join(dir, "own.sock"), filepath.Join(dir, "system.sock")
	listen := func(path string) net.Listener {
		t.Helper()
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	c := &Client{Sockets: []string{own, system}}
	reaches := func() string {
		conn, err := c.dial(t.Context())
		if err != nil {
			if !errors.Is(err, ErrNoKeeper) {
				t.Errorf("it is another error: %v", err)
			}
			return err.Error()
		}
		defer conn.Close()
		return filepath.Base(conn.RemoteAddr().String())
	}
	if got := reaches(); !strings.Contains(got, own+" (") || !strings.Contains(got, system+" (") {
		t.Errorf("it does not say where it looked: %s", got)
	}
	first := listen(system)
	if got := reaches(); got != "system.sock" {
		t.Errorf("one is there: %s", got)
	}
	_ = first.Close()
	listen(own)
	if got := reaches(); strings.Contains(got, own) {
		t.Errorf("that one is restarted, and another is there: %s", got)
	}
	c = &Client{Sockets: []string{own, system}}
	listen(system)
	if got := reaches(); got != "own.sock" {
		t.Errorf("both are there: %s", got)
	}
}

// What keeps this user out of a keeper says more than that another is not there.
func TestSearchThatIsNotPermitted(t *testing.T) {
	shut := func(path string) Tried {
		return Tried{path, &fs.PathError{Op: "dial", Path: path, Err: fs.ErrPermission}}
	}
	for _, tried := range [][]Tried{{{"/own", fs.ErrNotExist}, shut("/system")}, {shut("/root/own"), shut("/system")}} {
		err := error(&SearchError{Tried: tried})
		if !errors.Is(err, ErrNoPermission) || errors.Is(err, ErrNoKeeper) || !strings.Contains(err.Error(), "/system") {
			t.Errorf("it is %v", err)
		}
	}
}
