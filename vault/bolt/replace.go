package bolt

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/internal/filelock"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// A file is replaced as a whole: by a smaller one, by one under another key, by
// a backup. The new file is finished, flushed and read back before it replaces
// the old one with a rename, so that there is a vault at every moment, and it is
// whole.

// Build makes a database that is going to be at path, flushed and closed.
func Build(op, temp, path string, fill func(*Tx) error) error {
	err := buildFile(temp, func(db *bbolt.DB) error {
		return db.Update(func(b *bbolt.Tx) error {
			return fill(&Tx{f: &File{path: path}, op: op, b: b, Writable: true})
		})
	})
	return diskError(op, path, err)
}

func buildFile(path string, fill func(*bbolt.DB) error) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoStatistics: true})
	if err != nil {
		return err
	}
	err = fill(db)
	if serr := db.Sync(); err == nil {
		err = serr
	}
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	return err
}

// Compact writes the file's content to a new one, without the free pages.
func (f *File) Compact(temp string) error {
	err := buildFile(temp, func(db *bbolt.DB) error {
		return f.guard("compact", func() error { return bbolt.Compact(db, f.db, 1<<20) })
	})
	return diskError("compact", f.path, err)
}

// Backup writes the file as of one moment to path, where it may replace another
// file.
func (f *File) Backup(path string) error {
	if here, err := os.Stat(path); err == nil {
		if own, err := f.file.Stat(); err == nil && os.SameFile(here, own) {
			return fault.New("backup", path, errors.New("this is the vault itself"))
		}
	}
	return f.View("backup", func(tx *Tx) error {
		return fault.Disk("backup", path, durable.Write(path, 0o600, func(w io.Writer) error {
			_, err := tx.writeTo(w)
			return err
		}))
	})
}

// CopyTo writes the file as of one moment to a new one, flushed.
func (f *File) CopyTo(path string) (size int64, sum [sha256.Size]byte, err error) {
	defer f.Disk().GiveBack()
	err = f.View("backup", func(tx *Tx) error {
		h := sha256.New()
		err := writeNew(path, func(w io.Writer) (err error) {
			size, err = tx.writeTo(io.MultiWriter(w, h))
			return err
		})
		h.Sum(sum[:0])
		return fault.Disk("backup", path, err)
	})
	return size, sum, err
}

// CopyIn copies a file, flushed.
func CopyIn(from, temp string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, &fs.PathError{Op: "read", Path: from, Err: durable.ErrNotRegular})
	}
	return writeNew(temp, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

func writeNew(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// ReplaceBy replaces the file by a finished one and closes it. With aside, the
// old file stays under that name.
func (f *File) ReplaceBy(op, temp, aside string) error {
	if err := GiveTo(temp, f.path); err != nil {
		return fault.Disk(op, temp, err)
	}
	return replace(op, temp, f.path, aside, f.Close)
}

// Replace is [File.ReplaceBy] for a file that is not open, and perhaps cannot
// be. It is locked meanwhile.
func Replace(op, temp, path, aside string, timeout time.Duration) error {
	if timeout <= 0 {
		timeout = defaultLockTimeout
	}
	lock, err := lockedFile(path, os.O_RDWR, timeout)
	if err != nil {
		return err
	}
	return replace(op, temp, path, aside, func() error {
		_, _ = filelock.Release(lock), lock.Close()
		return nil
	})
}

// Move gives an open file another name in its directory, and closes it.
func Move(f *File, path string) error {
	move := func() error {
		err := os.Rename(f.path, path)
		if err == nil {
			err = durable.SyncDir(filepath.Dir(path))
		}
		return fault.Disk("move", f.path, err)
	}
	if !replacesOpen {
		return errors.Join(f.Close(), move())
	}
	return errors.Join(move(), f.Close())
}

// replace lets the old file go before the rename where a file that is open
// cannot be replaced, and after it elsewhere.
func replace(op, temp, path, aside string, letGo func() error) error {
	if !replacesOpen {
		if err := letGo(); err != nil {
			return err
		}
	}
	err := rename(op, temp, path, aside)
	if replacesOpen {
		if cerr := letGo(); err == nil {
			err = cerr
		}
	}
	return err
}

func rename(op, temp, path, aside string) error {
	if aside != "" {
		if err := keepAside(path, aside); err != nil {
			return fault.Disk(op, aside, err)
		}
	}
	return fault.Disk(op, path, durable.Publish(temp, path))
}

// keepAside gives a file a second name, and copies it where the file system
// knows no second names.
func keepAside(path, aside string) error {
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(path, aside); err == nil {
		return durable.SyncDir(filepath.Dir(aside))
	}
	temp := durable.TempName(aside)
	defer func() { _ = os.Remove(temp) }()
	if err := CopyIn(path, temp); err != nil {
		return err
	}
	if err := GiveTo(temp, path); err != nil {
		return err
	}
	return durable.Publish(temp, aside, durable.Exclusive())
}
