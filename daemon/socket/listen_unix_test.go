//go:build !windows

package socket

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestListenModes(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077} {
		for _, shared := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "above", "d", "c.sock")
			old := unix.Umask(mask)
			l, err := Listen(path, shared)
			after := unix.Umask(old)
			if err != nil {
				t.Fatal(err)
			}
			if got := mode(t, path); got != 0o600 {
				t.Errorf("mask %o, shared %v: socket %o", mask, shared, got)
			}
			if got := mode(t, filepath.Dir(path)); got != 0o700 {
				t.Errorf("mask %o, shared %v: directory %o", mask, shared, got)
			}
			above := fs.FileMode(0o700)
			if shared {
				above = 0o711 &^ fs.FileMode(mask)
			}
			if got := mode(t, filepath.Dir(filepath.Dir(path))); got != above {
				t.Errorf("mask %o, shared %v: the directory above %o, want %o", mask, shared, got, above)
			}
			if after != mask {
				t.Errorf("the mask became %o", after)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("left behind: %v", err)
			}
		}
	}
}

func TestListenRefuses(t *testing.T) {
	dir := t.TempDir()
	live := filepath.Join(dir, "live.sock")
	l, err := Listen(live, false)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file := filepath.Join(dir, "file")
	link := filepath.Join(dir, "link")
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.WriteFile(file, []byte("precious"), 0o600), os.Symlink(live, link),
		os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		path string
		want error
	}{
		{live, ErrInUse}, {file, ErrNotSocket}, {link, ErrNotSocket}, {dir, ErrNotSocket},
		{filepath.Join(open, "c.sock"), ErrExposed},
		{filepath.Join(dir, strings.Repeat("x", maxSocketPath)), ErrPathLength},
	} {
		_, err := Listen(tc.path, false)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.path, err)
		}
		if own, ok := errors.AsType[*ListenError](err); !ok || own.Path != tc.path {
			t.Errorf("%s: %T", tc.path, err)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "precious" {
		t.Error("the file was touched")
	}
	if _, err := net.Dial("unix", live); err != nil {
		t.Errorf("the living socket was touched: %v", err)
	}
}

func TestListenTakesOverAStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as a killed keeper leaves it
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := mode(t, path); got != 0o600 {
		t.Errorf("%o", got)
	}
}

// The mask belongs to the process: sockets made at once must not get each
// other's.
func TestListenAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			path := filepath.Join(dir, string(rune('A'+i))+".sock")
			l, err := Listen(path, i%2 == 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer l.Close()
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", err, info.Mode())
			}
		})
	}
	all.Wait()
}

// TestRestore: a socket whose path was removed, or taken by something dead, is
// put back, and whoever accepts notices nothing.
func TestRestore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d", "c.sock")
	l, err := Listen(path, false)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error)
	go func() {
		for {
			conn, err := l.Accept()
			if err == nil {
				err = conn.Close()
			}
			accepted <- err
			if err != nil {
				return
			}
		}
	}()
	connect := func() {
		t.Helper()
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(<-accepted, conn.Close()); err != nil {
			t.Fatal(err)
		}
	}
	connect()
	if again, err := l.Restore(); again || err != nil {
		t.Errorf("in place: %v, %v", again, err)
	}
	for what, remove := range map[string]func() error{
		"the socket":       func() error { return os.Remove(path) },
		"the directory":    func() error { return os.RemoveAll(filepath.Dir(path)) },
		"put a dead there": func() error { return errors.Join(os.Remove(path), deadSocket(path)) },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		if again, err := l.Restore(); !again || err != nil {
			t.Errorf("%s: %v, %v", what, again, err)
		}
		if got := mode(t, path); got != 0o600 {
			t.Errorf("%s: mode %o", what, got)
		}
		connect()
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if again, err := l.Restore(); again || !errors.Is(err, ErrNotSocket) {
		t.Errorf("a file lies there: %v, %v", again, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting ends with %v", err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error("what is not ours was removed")
	}
}

// deadSocket leaves a socket on which nobody listens.
func deadSocket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}
