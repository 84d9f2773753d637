package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// lockPause is how long to wait between two tries to get the lock.
const lockPause = 20 * time.Millisecond

// lockedFile opens the vault's file and takes its lock.
func lockedFile(path string, timeout time.Duration) (*os.File, error) {
	return lockedAs(path, os.O_RDWR, timeout)
}

func lockedAs(path string, how int, timeout time.Duration) (*os.File, error) {
	deadline := time.Now().Add(timeout)
	for {
		f, err := os.OpenFile(path, how, 0)
		if err != nil {
			return nil, diskError("open", path, err)
		}
		err = waitLock(f, path, deadline)
		if err == nil {
			err = samePlace(f, path)
		}
		if err == nil {
			return f, nil
		}
		_ = f.Close()
		if !errors.Is(err, errMoved) || time.Now().After(deadline) {
			return nil, err
		}
	}
}

func waitLock(f *os.File, path string, deadline time.Time) error {
	for {
		locked, err := tryLock(f)
		if err != nil {
			return diskError("lock", path, err)
		}
		if locked {
			return nil
		}
		if !time.Now().Before(deadline) {
			return inUse(path)
		}
		time.Sleep(lockPause)
	}
}

var errMoved = errors.New("another file took its place meanwhile")

// samePlace makes sure that the lock is on the file that lies at path now: a
// restore puts another one there.
func samePlace(f *os.File, path string) error {
	here, err := f.Stat()
	if err != nil {
		return diskError("open", path, err)
	}
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Op: "open", Path: path, Err: errMoved}
	}
	if err != nil {
		return diskError("open", path, err)
	}
	if !os.SameFile(here, there) {
		return &Error{Op: "open", Path: path, Err: errMoved}
	}
	return nil
}

// inUse names the holder where it left its name.
func inUse(path string) error {
	e := &Error{Op: "open", Path: path, Err: ErrInUse}
	if p, err := Holder(filepath.Dir(path)); err == nil {
		e.PID = p.PID
	}
	return e
}
