//go:build linux || darwin || freebsd || dragonfly

package durable

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// FreeSpace returns how many bytes an ordinary user can still write to the
// file system that path lies on. Where the system does not tell, the error is
// [errors.ErrUnsupported].
func FreeSpace(path string) (uint64, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(path, &st)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
		}
		break
	}
	// The fields' types differ from system to system, and FreeBSD counts below
	// zero once the reserve is being used.
	if free := int64(st.Bavail); free > 0 {
		return uint64(free) * uint64(st.Bsize), nil
	}
	return 0, nil
}
