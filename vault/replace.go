package vault

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// Copy is a copy of a vault, checked, flushed and closed to others. It stays
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
func (v *File) Copy() (c Copy, err error) {
	c.Path = durable.TempName(v.path)
	if c.Size, c.SHA256, err = v.file.CopyTo(c.Path); err == nil {
		err = checkCopy(c.Path, v.seal)
	}
	if err != nil {
		c.Remove()
		return Copy{}, err
	}
	return c, nil
}

// BackUp writes a copy of the vault as of one moment to path, where there must be
// no file yet. The copy appears there when every seal in it was opened.
func (v *File) BackUp(path string) error {
	temp := durable.TempName(path)
	_, _, err := v.file.CopyTo(temp)
	if err == nil {
		err = checkCopy(temp, v.seal)
	}
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	return fault.Disk("backup", path, durable.Publish(temp, path, durable.Exclusive()))
}

// Scrub reads all of the vault as it is on the disk now, and opens every seal, while
// it goes on being used. It needs room for a copy.
func (v *File) Scrub() error {
	c, err := v.Copy()
	c.Remove()
	return err
}

// Examine opens a backup with what opens the vault and reads all of it.
func Examine(o Options, path string) (Details, error) {
	o, err := o.complete()
	if err != nil {
		return Details{}, err
	}
	r := Restored{}
	err = r.prove(o, path, path)
	return r.Details, err
}

// Compacted says what a compaction came to, in bytes.
type Compacted struct{ Before, After int64 }

// Compact writes the vault anew without its free pages. Nobody may use it.
func Compact(o Options) (Compacted, error) {
	v, err := openVerified(o)
	if err != nil {
		return Compacted{}, err
	}
	defer func() { _ = v.Close() }()
	c := Compacted{Before: v.file.Size()}
	temp := durable.TempName(v.path)
	defer func() { _ = os.Remove(temp) }()
	if err := v.file.Compact(temp); err != nil {
		return Compacted{}, err
	}
	if err := checkCopy(temp, v.seal); err != nil {
		return Compacted{}, err
	}
	if info, err := os.Stat(temp); err == nil {
		c.After = info.Size()
	}
	return c, v.file.ReplaceBy("compact", temp, "")
}

// openVerified opens a vault that is going to be replaced.
func openVerified(o Options) (*File, error) {
	o.Existing = true
	v, err := Open(o)
	if err != nil {
		return nil, err
	}
	if err := v.Verify(); err != nil {
		_ = v.Close()
		return nil, err
	}
	return v, nil
}

// ErrOtherVault says that a backup is not of the vault that it is to replace.
var ErrOtherVault = errors.New("this is another vault")

// asideTime is the time in the name of a file that was set aside.
const asideTime = "20060102T150405.000Z"

// Restored says what a restore came to.
type Restored struct {
	// Aside is the file that was replaced, "" where there was none.
	Aside string
	// Details are those of the vault that is in place now, Opened the slot
	// that proved it.
	Details Details
	Opened  SlotInfo
}

// Restore replaces the vault by a backup, after that was opened and read to its
// end. What was there stays beside it. A backup of another vault is refused,
// unless it is forced.
func Restore(o Options, from string, force bool) (Restored, error) {
	const op = "restore"
	o, err := o.complete()
	if err != nil {
		return Restored{}, err
	}
	dir := filepath.Dir(o.Path)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return Restored{}, fault.Disk(op, dir, err)
	}
	temp := durable.TempName(o.Path)
	defer func() { _ = os.Remove(temp) }()
	if err := bolt.CopyIn(from, temp); err != nil {
		return Restored{}, fault.Disk(op, from, err)
	}
	r := Restored{}
	if err := r.prove(o, temp, from); err != nil {
		// Nobody knows the temporary copy.
		if e, ok := errors.AsType[*Error](err); ok && e.Path == temp {
			e.Path = from
		}
		return Restored{}, err
	}
	if err := bolt.GiveTo(temp, dir); err != nil {
		return Restored{}, fault.Disk(op, temp, err)
	}
	present, err := Inspect(o)
	switch {
	case errors.Is(err, ErrNotFound):
		return r, fault.Disk(op, o.Path, durable.Publish(temp, o.Path, durable.Exclusive()))
	case errors.Is(err, ErrInUse):
		return Restored{}, err
	case err == nil && present.ID != r.Details.ID && !force:
		return Restored{}, fault.New(op, from, fmt.Errorf("%w: its id is %s, and %s is %s", ErrOtherVault, r.Details.ID, o.Path, present.ID))
	}
	// One that cannot be read is what a restore is for.
	r.Aside = o.Path + ".before-" + time.Now().UTC().Format(asideTime)
	return r, bolt.Replace(op, temp, o.Path, r.Aside, o.LockTimeout)
}

// SetAside gives a vault's file another name, beside the one that it had, and closes
// the vault: what was in it is elsewhere now.
func SetAside(v *File) (aside string, err error) {
	aside = v.path + ".moved-" + time.Now().UTC().Format(asideTime)
	endWaiting(v)
	return aside, bolt.Move(v.file, aside)
}

// prove opens a backup and reads all of it.
func (r *Restored) prove(o Options, temp, from string) error {
	f, err := bolt.OpenRead(temp, o.LockTimeout)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	d := &r.Details
	d.Path, d.Size = from, f.Size()
	err = f.View("open", func(tx *bolt.Tx) error {
		if err := d.readClear(tx); err != nil {
			return err
		}
		if err := newerSchema(from, d.Schema, Schema); err != nil {
			return err
		}
		if err := d.read(tx); err != nil {
			return err
		}
		u, err := unlock(tx, from, o)
		if err != nil {
			return err
		}
		d.Slots = u.infos()
		return contents{from, u.seal}.check(tx)
	})
	d.Path = o.Path
	for _, s := range d.Slots {
		if s.InUse {
			r.Opened = s
		}
	}
	return err
}
