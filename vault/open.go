package vault

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
)

// What Options mean where they say nothing.
const (
	defaultJournalMax = 10_000
	defaultJournalAge = 90 * 24 * time.Hour
	defaultKeyName    = "vault.key"
)

// Options say where a vault is and how long its journal is.
type Options struct {
	// Path is the vault's file. Its directory is made, private, where it is
	// missing.
	Path string
	// KeyFile opens the vault; it is made together with a new vault, never for
	// an old one. "" means vault.key beside the vault.
	KeyFile string
	// Keys are the other ways to open it.
	Keys Keys
	// Existing refuses to make a new vault, with ErrNotFound.
	Existing bool
	// Seed is what a new vault is begun with, in the place of a new data key and key
	// file, and what opens one that was. Nil means those, and the slots.
	Seed *Seed
	// LockTimeout is how long to wait for another process, 0 means a second.
	LockTimeout time.Duration
	// JournalMax and JournalAge say when the journal's oldest entries go; 0
	// means 10,000 entries and 90 days.
	JournalMax int
	JournalAge time.Duration
	// Lost is the value of the entry that takes the place of one in the journal that
	// is damaged. Where it is nil, such a vault is refused.
	Lost []byte
	// Kinds are the kinds of records that a repair looks for, beside those whose names
	// it finds.
	Kinds []string
	// Socket is where the holder can be reached; others are told.
	Socket string
}

func (o Options) complete() (Options, error) {
	if o.Path == "" {
		return o, fault.New("open", "", errors.New("no path is given"))
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return o, fault.Disk("open", o.Path, err)
	}
	o.Path, o.Keys.Dir = path, filepath.Dir(path)
	if o.KeyFile == "" {
		o.KeyFile = filepath.Join(filepath.Dir(path), defaultKeyName)
	}
	if o.KeyFile, err = filepath.Abs(o.KeyFile); err != nil {
		return o, fault.Disk("open", o.KeyFile, err)
	}
	if o.JournalMax <= 0 {
		o.JournalMax = defaultJournalMax
	}
	if o.JournalAge <= 0 {
		o.JournalAge = defaultJournalAge
	}
	return o, nil
}

// Open opens the vault and makes one where there is none. It reads all of it:
// what it returns is whole.
func Open(o Options) (*File, error) {
	return opener{schema: Schema, migrations: migrations()}.open(o)
}

// opener is Open with the schema as a parameter, for the tests of migrations.
type opener struct {
	schema     int
	migrations []func(*bolt.Tx) error
}

func (op opener) open(o Options) (*File, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := op.prepare(o); err != nil {
		return nil, err
	}
	file, err := bolt.Open(o.Path, o.LockTimeout)
	if err != nil {
		return nil, err
	}
	v := &File{o: o, file: file, schema: op.schema, changed: make(chan struct{})}
	if file.TornHeader() {
		v.damage = append(v.damage, "one of its two headers was damaged: the last change before may be undone")
	}
	if err = op.migrate(file, o.Path); err == nil {
		err = loadHealed(v)
	}
	if err != nil {
		_ = file.Abandon()
		return nil, err
	}
	sweep(v)
	bolt.Announce(filepath.Dir(o.Path), o.Socket, time.Now())
	return v, nil
}

// prepare looks whether the vault's directory is private, and makes the vault
// where there is none.
func (op opener) prepare(o Options) error {
	dir := filepath.Dir(o.Path)
	if !o.Existing {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return fault.Disk("open", dir, err)
		}
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New("open", o.Path, ErrNotFound)
	}
	if err != nil {
		return fault.Disk("open", dir, err)
	}
	if err := keys.CheckPrivate("open", dir, dir, info); err != nil {
		return err
	}
	if filepath.Dir(o.KeyFile) != dir {
		if err := keys.CheckDir(dir, o.KeyFile); err != nil {
			return err
		}
	}
	info, err = os.Lstat(o.Path)
	if errors.Is(err, fs.ErrNotExist) {
		if o.Existing {
			return fault.New("open", o.Path, ErrNotFound)
		}
		if info, err = op.begin(o); err != nil {
			return err
		}
	}
	if err != nil {
		return fault.Disk("open", o.Path, err)
	}
	if !info.Mode().IsRegular() {
		return fault.Corrupt("open", o.Path, "it is not a regular file")
	}
	return keys.CheckPrivate("open", dir, o.Path, info)
}

// beginning ends the name of the file that is there while a vault is made for the
// first time.
const beginning = ".beginning"

// begin makes the vault where there never was one. A key file beside it says that
// there was, unless it is left from a beginning that was cut off.
func (op opener) begin(o Options) (fs.FileInfo, error) {
	marker := o.Path + beginning
	if _, err := os.Lstat(o.KeyFile); err == nil && o.Seed == nil && filepath.Dir(o.KeyFile) == filepath.Dir(o.Path) {
		if _, err := os.Lstat(marker); errors.Is(err, fs.ErrNotExist) {
			// Another process may have come to the end of it just now.
			info, err := os.Lstat(o.Path)
			if errors.Is(err, fs.ErrNotExist) {
				err = fault.New("open", o.Path, ErrGone)
			}
			return info, err
		}
	}
	err := durable.WriteFile(marker, nil, 0o600, durable.Exclusive())
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fault.Disk("create", marker, err)
	}
	if err := op.create(o); err != nil {
		return nil, err
	}
	// One that is left over goes when the vault is opened.
	_ = os.Remove(marker)
	return os.Lstat(o.Path)
}

// load unlocks the vault and reads all of it.
func (v *File) load(tx *bolt.Tx) error {
	u, err := unlock(tx, v.o.Path, v.o)
	if err != nil {
		return err
	}
	v.contents = contents{v.o.Path, u.seal}
	found, err := v.readAll(tx, v.file.Size() < bolt.CheckedWhole)
	if err != nil {
		return err
	}
	v.id, v.opened, v.slots = hex.EncodeToString(u.seal.ID()), u.opened, u.infos()
	v.counts, v.first = found.kinds, found.manifest.First
	v.newest.Store(found.manifest.Newest)
	return nil
}

// sweep clears away what a crash left unfinished. Only the holder of the lock
// may, and only now: a program that is still making a new vault loses nothing,
// because there is one already.
func sweep(v *File) {
	for _, path := range []string{v.path, v.o.KeyFile} {
		// A directory that cannot be listed, or a file that cannot be removed,
		// is no reason to refuse the vault.
		removed, _ := durable.Sweep(path)
		v.leftovers = append(v.leftovers, removed...)
	}
	_ = os.Remove(v.path + beginning)
	// The file that opens under the old key: a rekeying was cut off after it
	// had done its work, and the vault that took its place is whole.
	if old := v.path + beforeRekey; os.Remove(old) == nil {
		v.leftovers = append(v.leftovers, old)
	}
}
