//go:build unix

package secretfile

import (
	"io/fs"
	"os"
	"syscall"
)

// openFlags do not wait for somebody to write to a pipe that took the file's
// place since it was looked at.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

// owner is the number of the file's user, -1 where it has none.
func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
