package control

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// dialAs connects as another user.
func dialAs(uid, gid int, path string) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) { return dialWith(uid, gid, nil, path) }
}

// dialWith connects as another user with supplementary groups. Linux keeps the
// ids per thread, so one thread takes them on and is thrown away.
func dialWith(uid, gid int, groups []uint32, path string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for _, call := range [][4]uintptr{
			{unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups)))},
			{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
			{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
		} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				done <- result{nil, errno}
				return
			}
		}
		runtime.KeepAlive(groups)
		conn, err := net.Dial("unix", path)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// A foreign user against the kernel's own word: the way to the socket first,
// then the policy.
func TestStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	const uid, gid = 5001, 5001
	path := filepath.Join(openDir(t), "run", "c.sock")
	l, err := Listen(path, true)
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	policy := Policy{Owner: 0, Rules: []Rule{{User: "5001", Accounts: []string{"main"}, May: []string{VerbGet}}}}
	s := f.server(t, policy, nil)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })

	outside := &client.Client{Socket: path, Dial: dialAs(uid, gid, path)}
	if _, err := outside.Health(t.Context()); !errors.Is(err, client.ErrNoPermission) {
		t.Errorf("not let in yet: %v", err)
	}
	if troubles := Admit(path, policy); len(troubles) > 0 {
		t.Fatal(troubles)
	}
	inside := &client.Client{Socket: path, Dial: dialAs(uid, gid, path)}
	if got, err := inside.Credential(t.Context(), "main", client.CredentialOptions{}); err != nil || string(got.Body) != canary {
		t.Errorf("permitted: %v", err)
	}
	_, err = inside.Credential(t.Context(), "other", client.CredentialOptions{})
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Type != client.ProblemNotPermitted || !strings.Contains(p.Hint, `accounts = ["other"]`) {
		t.Errorf("another account: %v", err)
	}
	if got := f.log(); len(got) != 2 || got[0] != "read main header uid=5001" || got[1] != "refused get other uid=5001" {
		t.Errorf("recorded %q", got)
	}
}

// openDir is a directory to which everybody gets, where t.TempDir may lie deeper.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "control")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
