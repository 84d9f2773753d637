//go:build !windows

package bolt

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock that bbolt will ask for again on the same open file,
// which then has it already.
func tryLock(f *os.File) (bool, error) {
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

// unlock is needed where the file stays mapped: the mapping keeps the open file
// alive, and with it the lock, after the file was closed.
func unlock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }

// handOver does nothing: the lock stays with the open file.
func handOver(*os.File) error { return nil }

// GiveTo gives a file to the owner of another: what root makes beside a
// service's vault has to stay the service's.
func GiveTo(path, like string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || st.Uid == 0 {
		return nil
	}
	return os.Lchown(path, int(st.Uid), int(st.Gid))
}

// replacesOpen tells whether a file that is open can be replaced.
const replacesOpen = true
