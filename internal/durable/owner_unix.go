//go:build unix

package durable

import (
	"io/fs"
	"os"
	"syscall"
)

// noWait keeps an open from waiting for the other end of a pipe.
const noWait = syscall.O_NONBLOCK

// guarded reports whether this process can write where others cannot, so that a
// link of theirs would be worth something to them.
func guarded() bool { return os.Geteuid() == 0 }

// steady reports whether nobody but root can change a link in a directory.
func steady(dir, link fs.FileInfo) bool {
	d, ok := dir.Sys().(*syscall.Stat_t)
	l, lok := link.Sys().(*syscall.Stat_t)
	if !ok || !lok || d.Uid != 0 {
		return false
	}
	open := dir.Mode().Perm()&0o002 != 0 || dir.Mode().Perm()&0o020 != 0 && d.Gid != 0
	return !open || dir.Mode()&fs.ModeSticky != 0 && l.Uid == 0
}

// SameMode reports whether others than the owner may do with a file what a mode
// says.
func SameMode(info fs.FileInfo, mode fs.FileMode) bool { return (info.Mode()^mode)&0o077 == 0 }

// Owned reports whether a file is the user's and the group's; -1 is anybody.
func Owned(info fs.FileInfo, uid, gid int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (uid < 0 || int(st.Uid) == uid) && (gid < 0 || int(st.Gid) == gid)
}

// Names is how many names a file has.
func Names(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Nlink)
	}
	return 1
}
