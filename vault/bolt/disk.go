package bolt

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// replaced reports whether another file, or none, lies at the path by now. Where
// the disk does not say, it does not.
func (f *File) replaced() bool {
	there, err := os.Lstat(f.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	here, err := f.file.Stat()
	return err == nil && !os.SameFile(here, there)
}

// CheckPlace ends the use of a file that is not at its path any more, with
// ErrReplaced.
func (f *File) CheckPlace() error {
	if !f.closed.Load() && f.replaced() {
		e := &fault.Error{Op: "write", Path: f.path, Err: fault.ErrReplaced}
		if f.dead.CompareAndSwap(nil, e) {
			close(f.failed)
		}
	}
	return f.Err()
}

// Committing is for how long the commit under way has lasted, 0 where there is
// none. It asks nobody.
func (f *File) Committing() time.Duration {
	if began := f.committing.Load(); began != nil {
		return time.Since(*began)
	}
	return 0
}

// Respond returns when the disk has answered, however it did. Nothing is written:
// to remove a name that is not there waits where the file system is frozen or its
// server is away, and so does a flush where the device is. The flush goes through
// a file of its own, so that an error of the disk is still told to the next
// commit.
func (f *File) Respond() {
	_ = os.Remove(f.path + ".answers")
	if file, err := os.Open(f.path); err == nil {
		_ = file.Sync()
		_ = file.Close()
	}
}
