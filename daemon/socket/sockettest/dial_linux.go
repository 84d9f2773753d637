// Package sockettest connects to a socket as somebody else, for the tests of
// rooms that listen on one. It needs root, and Linux.
package sockettest

import (
	"context"
	"net"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DialAs connects as another user.
func DialAs(uid, gid int, path string) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) { return DialWith(uid, gid, nil, path) }
}

// DialWith connects as another user with supplementary groups. Linux keeps the
// ids per thread, so one thread takes them on and is thrown away.
func DialWith(uid, gid int, groups []uint32, path string) (net.Conn, error) {
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

// OpenDir is a directory to which everybody gets, where t.TempDir may lie deeper.
func OpenDir(t *testing.T) string {
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
