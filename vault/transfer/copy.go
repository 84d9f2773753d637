package transfer

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/bilikeeper/bilikeeper/vault"
)

// content is all that is in a vault at one moment.
type content struct {
	kinds   []string
	records map[string][]keyed
	entries []vault.Entry
}

func contentOf(v vault.Vault) (c content, err error) {
	c = content{kinds: kindsOf(v), records: map[string][]keyed{}}
	return c, v.View(func(tx vault.Tx) error {
		for _, kind := range c.kinds {
			err := tx.Each(kind, func(key string, r vault.Record) error {
				c.records[kind] = append(c.records[kind], keyed{key, r})
				return nil
			})
			if err != nil {
				return err
			}
		}
		c.entries, err = tx.Events(tx.Oldest()-1, 0)
		return err
	})
}

// Copy makes a file of what a vault holds at one moment, wherever that lies, in the
// system's directory for temporary files: a vault, as sealed as the other, that is opened
// by what opens that one. Every seal in it was opened. It is the caller's to remove.
func Copy(v vault.Vault) (c vault.Copy, err error) {
	err = inFile(v, func(dir string, f *vault.File) error {
		if c, err = f.Copy(); err != nil {
			return err
		}
		path := dir + ".db"
		if err := os.Rename(c.Path, path); err != nil {
			return fmt.Errorf("put the copy in place: %w", err)
		}
		c.Path = path
		return nil
	})
	return c, err
}

// BackUp writes what [Copy] makes to path, where there must be no file yet. It appears
// there whole.
func BackUp(v vault.Vault, path string) error {
	return inFile(v, func(_ string, f *vault.File) error { return f.BackUp(path) })
}

// inFile makes a vault in a file of what a vault holds, for as long as fn runs.
func inFile(v vault.Vault, fn func(dir string, f *vault.File) error) (err error) {
	dir, err := os.MkdirTemp("", "bilikeeper-copy-")
	if err != nil {
		return fmt.Errorf("make a directory for the copy: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	seed, err := v.Seed()
	if err != nil {
		return err
	}
	all, err := contentOf(v)
	if err != nil {
		return err
	}
	if len(all.entries) > 0 {
		seed.First = all.entries[0].ID // it may have moved on since
	}
	f, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), Seed: &seed, JournalAge: Ageless})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Update(all.write); err != nil {
		return err
	}
	return fn(dir, f)
}

// Ageless is more than any entry of a journal is old.
const Ageless = 200 * 365 * 24 * time.Hour

func (c content) write(tx vault.Tx) error {
	for _, kind := range c.kinds {
		for _, r := range c.records[kind] {
			if _, err := tx.Put(kind, r.key, r.Value, 0); err != nil {
				return err
			}
		}
	}
	tx.KeepJournal(math.MaxInt)
	for _, e := range c.entries {
		if _, err := tx.Append(e.Time, e.Value); err != nil {
			return err
		}
	}
	return nil
}
