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

// checkPlace ends the use of a file that is not at its path any more.
func (f *File) checkPlace() error {
	if !f.closed.Load() && f.replaced() {
		e := &fault.Error{Op: "write", Path: f.path, Err: fault.ErrReplaced}
		if f.dead.CompareAndSwap(nil, e) {
			close(f.failed)
		}
	}
	return f.Err()
}

// Disk is what a file knows of the disk that it lies on.
type Disk struct{ file *File }

// Disk returns what is known of the file's disk.
func (f *File) Disk() Disk { return Disk{f} }

// CheckPlace ends the use of a file that is not at its path any more, with
// ErrReplaced. Each commit looks as well.
func (d Disk) CheckPlace() error { return d.file.checkPlace() }

// Committing is for how long the commit under way has lasted, 0 where there is
// none. It asks nobody.
func (d Disk) Committing() time.Duration {
	if began := d.file.committing.Load(); began != nil {
		return time.Since(*began)
	}
	return 0
}

// Respond returns when the disk has answered, however it did. Nothing is written:
// to remove a name that is not there waits where the file system is frozen or its
// server is away, and so does a flush where the device is. The flush goes through
// a file of its own, so that an error of the disk is still told to the next
// commit.
func (d Disk) Respond() {
	_ = os.Remove(d.file.path + ".answers")
	if file, err := os.Open(d.file.path); err == nil {
		_ = file.Sync()
		_ = file.Close()
	}
}
