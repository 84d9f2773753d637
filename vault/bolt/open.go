package bolt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/bilikeeper/bilikeeper/internal/filelock"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// CheckedWhole is the size up to which all that is in a file is looked at when it is
// opened.
const CheckedWhole = 64 << 20

const defaultLockTimeout = time.Second

// File is an open vault's file. Its methods may be called from any goroutine.
type File struct {
	path string
	db   *bbolt.DB
	file *os.File // the one that db has open, for when db cannot close it

	// dead is set once the file can no longer be used and says why; failed is
	// closed right after.
	dead   atomic.Pointer[fault.Error]
	failed chan struct{}
	// stuck is set where bbolt panicked with its locks held: it would wait for
	// them for ever.
	stuck  atomic.Bool
	closed atomic.Bool
	// committing is when the commit under way began, nil where there is none.
	committing atomic.Pointer[time.Time]

	// writer is held for the length of a transaction that writes, starting for
	// the start of any: nobody waits for a lock inside bbolt that a panic has
	// left taken. The order is writer, starting, then bbolt's own.
	writer   sync.Mutex
	starting sync.Mutex
	group    group
}

// Open locks a file, waiting up to timeout (0 means a second), checks its pages
// and opens it.
func Open(path string, timeout time.Duration) (*File, error) {
	return open(path, os.O_RDWR, timeout)
}

// OpenRead opens a file to read it: a copy, or the vault of nobody.
func OpenRead(path string, timeout time.Duration) (*File, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New("open", path, fault.ErrNotFound)
	case err != nil:
		return nil, fault.Disk("open", path, err)
	case !info.Mode().IsRegular():
		return nil, fault.Corrupt("open", path, "it is not a regular file")
	}
	return open(path, os.O_RDONLY, timeout)
}

func open(path string, how int, timeout time.Duration) (*File, error) {
	if timeout <= 0 {
		timeout = defaultLockTimeout
	}
	file, err := lockedFile(path, how, timeout)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, file: file, failed: make(chan struct{})}
	if err := f.start(timeout, how == os.O_RDONLY); err != nil {
		_ = f.Abandon()
		return nil, diskError("open", path, err)
	}
	return f, nil
}

// start gets from a locked file to a database.
func (f *File) start(timeout time.Duration, readOnly bool) error {
	// bbolt takes an empty file for a new one; here it never is.
	if err := checkFile(f, "open"); err != nil {
		return err
	}
	if err := handOver(f.file); err != nil {
		return err
	}
	options := bbolt.Options{
		Timeout: timeout, ReadOnly: readOnly,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
		// The very file that was locked and checked.
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return f.file, nil },
	}
	err := f.guard("open", func() (err error) {
		f.db, err = bbolt.Open(f.path, 0o600, &options)
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return inUse(f.path)
	}
	return err
}

// checkFile tells whether bbolt may open a file.
func checkFile(f *File, op string) error {
	size := f.Size()
	content, release := mapped(f.file, size)
	defer release()
	var found error
	err := f.guard(op, func() error {
		found = checkPages(content, size)
		return nil
	})
	if found != nil {
		err = fault.New(op, f.path, fault.Join(fault.ErrCorrupt, found))
	}
	return err
}

// Size is the file's size now.
func (f *File) Size() int64 {
	info, err := f.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// Failed returns a channel that is closed once the file can no longer be used:
// the disk failed in a way that leaves open what is on it, or the file was
// damaged while it was open. [File.Err] then says why.
func (f *File) Failed() <-chan struct{} { return f.failed }

// Err is why the file can no longer be used, nil while it can.
func (f *File) Err() error {
	if dead := f.dead.Load(); dead != nil {
		return dead
	}
	return nil
}

// Close waits for transactions under way and gives the file and its lock back.
func (f *File) Close() error {
	if f.closed.Swap(true) {
		return nil
	}
	f.writer.Lock()
	defer f.writer.Unlock()
	if !f.db.IsReadOnly() && !errors.Is(f.Err(), fault.ErrReplaced) {
		// Before the lock goes: afterwards it could be the next holder's.
		_ = os.Remove(filepath.Join(filepath.Dir(f.path), HolderFile))
	}
	return f.Abandon()
}

// Abandon closes the file at once, as what an opening that failed leaves.
func (f *File) Abandon() error {
	if f.db == nil || f.stuck.Load() {
		_ = filelock.Release(f.file)
		return fault.Disk("close", f.path, f.file.Close())
	}
	return diskError("close", f.path, f.guard("close", f.db.Close))
}
