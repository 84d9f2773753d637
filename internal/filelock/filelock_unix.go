//go:build !windows

package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Try takes the lock of an open file and reports whether it did; false is somebody
// else's lock. To take it again on the same open file is no error.
func Try(f *os.File) (bool, error) {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		default:
			return false, err
		}
	}
}

// Release gives the lock back before the file is closed. That is needed where it
// stays mapped: the mapping keeps the open file alive, and with it the lock.
func Release(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }
