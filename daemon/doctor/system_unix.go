//go:build unix

package doctor

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

func ownerOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// denied is why this process may not make a file in a directory.
func denied(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
