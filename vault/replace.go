package vault

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	bolt "go.etcd.io/bbolt"
)

// A vault is replaced as a whole: by a smaller file, by one under another key,
// by a backup. The new file is finished, flushed and read back before it takes
// the place of the old one with a rename, so that there is a vault at every
// moment, and it is whole.

// beforeRekey ends the name of the file that a rekeying replaced. It is gone
// when the new one has been opened in its place.
const beforeRekey = ".before-rekey"

// Copy is a copy of a vault, checked, flushed and closed to others. It lies
// beside the vault until its Remove.
type Copy struct {
	Path   string
	Size   int64
	SHA256 [sha256.Size]byte
}

// Remove takes the copy away.
func (c Copy) Remove() { _ = os.Remove(c.Path) }

// Copy makes a copy of the vault as of one moment, opens every seal in it, and
// leaves it to the caller. It is made in full before anybody reads it: whoever
// takes it slowly would otherwise hold up the next growth of the file, and with
// it every write.
func (v *Vault) Copy() (Copy, error) {
	c := Copy{Path: durable.TempName(v.path)}
	err := v.reading("backup", func(b *bolt.Tx) error {
		h := sha256.New()
		err := writeNew(c.Path, func(w io.Writer) (err error) {
			c.Size, err = b.WriteTo(io.MultiWriter(w, h))
			return err
		})
		h.Sum(c.SHA256[:0])
		return diskError("backup", c.Path, err)
	})
	if err == nil {
		err = checkCopy(c.Path, v.seal)
	}
	if err != nil {
		c.Remove()
		return Copy{}, err
	}
	return c, nil
}

// BackedUp notes that a copy has arrived where it is kept.
func (v *Vault) BackedUp(at time.Time) error {
	return v.exclusiveCommit("backup", func(b *bolt.Tx) error {
		meta, err := bucket(b, v.path, bucketMeta)
		if err != nil {
			return err
		}
		return meta.Put([]byte(metaBackedUp), number(uint64(at.Unix())))
	})
}

// writeNew makes a file of a temporary name, flushed.
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

// checkCopy reads all of a file that is going to be a vault, as it lies on the
// disk.
func checkCopy(path string, s *sealer) error {
	v, err := openCopy(path, 0)
	if err != nil {
		return err
	}
	v.seal = s
	err = v.reading("verify", func(b *bolt.Tx) error {
		_, err := v.readAll(b, true)
		return err
	})
	if cerr := v.abandon(); err == nil {
		err = cerr
	}
	return err
}

// replaceWith puts a finished file in the vault's place and closes the vault.
// With aside, the old file stays under that name.
func (v *Vault) replaceWith(op, temp, aside string) error {
	if err := giveTo(temp, v.path); err != nil {
		return diskError(op, temp, err)
	}
	// Where a file that is open cannot be replaced, the lock has to go before
	// the rename.
	if !replacesOpen {
		if err := v.Close(); err != nil {
			return err
		}
	}
	err := takePlace(op, temp, v.path, aside)
	if replacesOpen {
		if cerr := v.Close(); err == nil {
			err = cerr
		}
	}
	return err
}

func takePlace(op, temp, path, aside string) error {
	if aside != "" {
		if err := keepAside(path, aside); err != nil {
			return diskError(op, aside, err)
		}
	}
	return diskError(op, path, durable.Publish(temp, path))
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
	err := durable.Write(aside, 0o600, func(w io.Writer) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		_, err = io.Copy(w, f)
		return err
	}, durable.Exclusive())
	if err == nil {
		err = giveTo(aside, path)
	}
	return err
}

// Compacted says what a compaction came to, in bytes.
type Compacted struct{ Before, After int64 }

// Compact writes the vault anew without its free pages. Nobody may use it.
func Compact(o Options) (Compacted, error) {
	const op = "compact"
	o.Existing = true
	v, err := Open(o)
	if err != nil {
		return Compacted{}, err
	}
	defer func() { _ = v.Close() }()
	if err := v.Verify(); err != nil {
		return Compacted{}, err
	}
	c := Compacted{Before: v.Info().Size}
	temp := durable.TempName(v.path)
	defer func() { _ = os.Remove(temp) }()
	err = buildFile(temp, func(db *bolt.DB) error {
		return v.guard(op, func() error { return bolt.Compact(db, v.db, 1<<20) })
	})
	if err != nil {
		return Compacted{}, diskError(op, v.path, err)
	}
	if err := checkCopy(temp, v.seal); err != nil {
		return Compacted{}, err
	}
	if info, err := os.Stat(temp); err == nil {
		c.After = info.Size()
	}
	return c, v.replaceWith(op, temp, "")
}

// buildFile makes a database, flushed and closed.
func buildFile(path string, fill func(*bolt.DB) error) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType, NoStatistics: true})
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

// ErrOtherVault says that a backup is not of the vault whose place it is to
// take.
var ErrOtherVault = errors.New("this is another vault")

// Restored says what a restore came to.
type Restored struct {
	// Aside is the file that was replaced, "" where there was none.
	Aside string
	// Details are those of the vault that is in place now, Opened the slot
	// that proved it.
	Details Details
	Opened  SlotInfo
}

// Restore puts a backup in the vault's place, after it was opened and read to
// its end. What was there stays beside it. A backup of another vault is
// refused, unless it is forced.
func Restore(o Options, from string, force bool) (Restored, error) {
	const op = "restore"
	o, err := o.complete()
	if err != nil {
		return Restored{}, err
	}
	dir := filepath.Dir(o.Path)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return Restored{}, diskError(op, dir, err)
	}
	temp := durable.TempName(o.Path)
	defer func() { _ = os.Remove(temp) }()
	if err := copyIn(from, temp); err != nil {
		return Restored{}, diskError(op, from, err)
	}
	r := Restored{}
	if r.Details, r.Opened, err = prove(o, temp, from); err != nil {
		return Restored{}, err
	}
	if err := giveTo(temp, dir); err != nil {
		return Restored{}, diskError(op, temp, err)
	}
	present, err := Inspect(o)
	switch {
	case errors.Is(err, ErrNotFound):
		return r, diskError(op, o.Path, durable.Publish(temp, o.Path, durable.Exclusive()))
	case errors.Is(err, ErrInUse):
		return Restored{}, err
	case err == nil && present.ID != r.Details.ID && !force:
		return Restored{}, &Error{Op: op, Path: from, Err: fmt.Errorf("%w: its id is %s, and %s is %s", ErrOtherVault, r.Details.ID, o.Path, present.ID)}
	}
	// One that cannot be read is what a restore is for.
	lock, err := lockedFile(o.Path, o.LockTimeout)
	if err != nil {
		return Restored{}, err
	}
	if !replacesOpen {
		_ = unlock(lock)
		_ = lock.Close()
	}
	r.Aside = o.Path + ".before-" + time.Now().UTC().Format("20060102T150405.000Z")
	err = takePlace(op, temp, o.Path, r.Aside)
	if replacesOpen {
		_ = lock.Close()
	}
	return r, err
}

func copyIn(from, temp string) error {
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

// prove opens a backup and reads all of it. Errors name the backup, not the
// temporary copy.
func prove(o Options, temp, from string) (d Details, opened SlotInfo, err error) {
	v, err := openCopy(temp, o.LockTimeout)
	if err != nil {
		return d, opened, renamed(err, temp, from)
	}
	defer func() { _ = v.abandon() }()
	v.path = from
	err = v.reading("open", func(b *bolt.Tx) error {
		if err := d.readClear(b, from); err != nil {
			return err
		}
		if d.Schema > Schema {
			return &Error{Op: "open", Path: from, Err: fmt.Errorf("%w: schema %d, known up to %d", ErrNewerSchema, d.Schema, Schema)}
		}
		if err := d.read(b, from, v.file); err != nil {
			return err
		}
		if err := v.unlock(b, o); err != nil {
			return err
		}
		_, err := v.readAll(b, true)
		return err
	})
	d.Path, d.Slots = o.Path, v.Info().Slots
	for _, s := range d.Slots {
		if s.InUse {
			opened = s
		}
	}
	if info, serr := v.file.Stat(); serr == nil {
		d.Size = info.Size()
	}
	return d, opened, err
}

func renamed(err error, was, is string) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Path == was {
		e.Path = is
	}
	return err
}
