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

	"golang.org/x/sys/unix"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// dialAs connects as another user. Linux keeps the ids per thread, so one
// thread takes them on and is thrown away.
func dialAs(uid, gid int, path string) func(context.Context) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	return func(context.Context) (net.Conn, error) {
		done := make(chan result, 1)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			for _, call := range [][4]uintptr{
				{unix.SYS_SETGROUPS, 0, 0, 0},
				{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
				{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
			} {
				if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
					done <- result{nil, errno}
					return
				}
			}
			conn, err := net.Dial("unix", path)
			done <- result{conn, err}
		}()
		r := <-done
		return r.conn, r.err
	}
}

// A foreign user against the kernel's own word: the socket's mode first, then
// the policy.
func TestStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	const uid, gid = 5001, 5001
	dir, err := os.MkdirTemp("", "control") // t.TempDir may lie where a stranger cannot go
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "c.sock")
	l, err := Listen(path, true)
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	s := f.server(t, Policy{Owner: 0, Rules: []Rule{{User: "5001", Accounts: []string{"main"}, May: []string{VerbGet}}}}, nil)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })

	outside := &client.Client{Socket: path, Dial: dialAs(uid, gid, path)}
	if _, err := outside.Health(t.Context()); !errors.Is(err, client.ErrNoPermission) {
		t.Errorf("not in the socket's group: %v", err)
	}
	inside := &client.Client{Socket: path, Dial: dialAs(uid, 0, path)}
	if got, err := inside.Credential(t.Context(), "main", client.CredentialOptions{}); err != nil || string(got.Body) != canary {
		t.Errorf("permitted: %v", err)
	}
	_, err = inside.Credential(t.Context(), "other", client.CredentialOptions{})
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Type != client.ProblemNotPermitted || !strings.Contains(p.Hint, `accounts = ["other"]`) {
		t.Errorf("another account: %v", err)
	}
	if got := f.log(); len(got) != 1 || got[0] != "read main header uid=5001" {
		t.Errorf("recorded %q", got)
	}
}
