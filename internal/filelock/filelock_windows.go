package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// region is the last byte that a file can have: other bytes stay readable for those
// who do not hold the lock. bbolt locks the same one.
func region() *windows.Overlapped {
	const last = 1<<32 - 1
	return &windows.Overlapped{Offset: last, OffsetHigh: last}
}

// Try takes the lock of an open file and reports whether it did; false is somebody's
// lock, that of the same open file too.
func Try(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, region())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// Release gives the lock back before the file is closed.
func Release(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, region())
}
