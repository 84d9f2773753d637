package bolt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/filelock"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// lockPause is how long to wait between two attempts to get the lock.
const lockPause = 20 * time.Millisecond

// lockedFile opens the vault's file and takes its lock.
func lockedFile(path string, how int, timeout time.Duration) (*os.File, error) {
	deadline := time.Now().Add(timeout)
	for {
		f, err := tryFile(path, how)
		again := errors.Is(err, fault.ErrInUse) || errors.Is(err, errMoved)
		if !again || !time.Now().Before(deadline) {
			return f, err
		}
		time.Sleep(lockPause)
	}
}

var errMoved = errors.New("another file was put there meanwhile")

// tryFile makes sure that the lock is on the file that is at path now: a restore
// puts another one there.
func tryFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, how, 0)
	if err != nil {
		return nil, fault.Disk("open", path, err)
	}
	locked, err := filelock.Try(f)
	if err != nil {
		err = fault.Disk("lock", path, err)
	} else if !locked {
		err = inUse(path)
	} else if here, serr := f.Stat(); serr != nil {
		err = fault.Disk("open", path, serr)
	} else if there, serr := os.Lstat(path); errors.Is(serr, fs.ErrNotExist) || serr == nil && !os.SameFile(here, there) {
		err = fault.New("open", path, errMoved)
	} else {
		err = fault.Disk("open", path, serr)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// inUse names the holder where it left its name.
func inUse(path string) error {
	e := &fault.Error{Op: "open", Path: path, Err: fault.ErrInUse}
	if p, err := Holder(filepath.Dir(path)); err == nil {
		e.PID = p.PID
	}
	return e
}
