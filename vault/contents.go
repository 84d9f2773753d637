package vault

import (
	"encoding/binary"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// contents reads what a vault's file holds, under its data key.
type contents struct {
	path string // for errors
	seal *seal.Sealer
}

func (c contents) manifest(tx *bolt.Tx) (seal.Manifest, error) {
	env, err := tx.Get(metaBucket, []byte(metaManifest))
	if err != nil {
		return seal.Manifest{}, err
	}
	m, err := c.seal.OpenManifest(env)
	if err != nil {
		err = fault.Corrupt("read", c.path, "its manifest: %v", err)
	}
	return m, err
}

// record reads a record's envelope, which is of no use after that.
func (c contents) record(env []byte, kind, key string) (Record, error) {
	revision, plain, err := c.seal.OpenInPlace(env, seal.Record([]byte(kind), []byte(key)))
	if err != nil {
		return Record{}, fault.Corrupt("get", recordName(kind, key), "%v", err)
	}
	return Record{Value: plain, Revision: revision}, nil
}

func (c contents) entry(id uint64, env []byte) (Entry, error) {
	at, plain, err := c.seal.Open(nil, env, seal.Entry(seal.Uint64(id)))
	if err != nil {
		return Entry{}, fault.Corrupt("read", journalBucket.Name, "entry %d: %v", id, err)
	}
	return Entry{ID: id, Time: time.Unix(0, int64(at)).UTC(), Value: plain}, nil
}

// found is what reading all of a vault found.
type found struct {
	manifest seal.Manifest
	kinds    map[string]int
	sum      seal.Sum
	scratch  []byte

	// lost are entries of the journal that are missing or do not open; strange is
	// true where there are others than there should be. The sum proves nothing
	// then, because it is not known what they added to it.
	lost    []uint64
	strange bool
}

// journalDamage is damage to the journal alone.
type journalDamage struct {
	lost []uint64
	err  error
}

func (e *journalDamage) Error() string { return e.err.Error() }
func (e *journalDamage) Unwrap() error { return e.err }

// readAll compares everything with the manifest, and opens it where deep.
func (c contents) readAll(tx *bolt.Tx, deep bool) (*found, error) {
	m, err := c.manifest(tx)
	if err != nil {
		return nil, err
	}
	f := &found{manifest: m, kinds: map[string]int{}}
	records, err := c.readRecords(tx, f, deep)
	if err == nil {
		err = c.readJournal(tx, f, deep)
	}
	switch {
	case err != nil:
	case records != m.Records, len(f.lost) == 0 && f.sum != m.Sum:
		err = fault.Corrupt("verify", c.path, "a record was changed, put back or removed from outside")
	case len(f.lost) > 0:
		err = &journalDamage{f.lost, fault.Corrupt("verify", journalBucket.Name, "%d entries are missing or broken, the first is %d", len(f.lost), f.lost[0])}
	case f.strange:
		err = &journalDamage{nil, fault.Corrupt("verify", journalBucket.Name, "there is more in it than there should be")}
	}
	return f, err
}

// check opens every seal and compares with the manifest.
func (c contents) check(tx *bolt.Tx) error {
	_, err := c.readAll(tx, true)
	return err
}

// enter adds an envelope to what was found.
func (c contents) enter(f *found, env []byte, at seal.Position, deep bool) error {
	d, err := c.seal.Digest(env, at)
	if err == nil && deep {
		_, f.scratch, err = c.seal.Open(f.scratch[:0], env, at)
	}
	f.sum.Add(d)
	return err
}

func (c contents) readRecords(tx *bolt.Tx, f *found, deep bool) (n uint64, err error) {
	kinds, err := tx.Subs("records")
	if err != nil {
		return 0, err
	}
	for _, kind := range kinds {
		f.kinds[kind] = 0
		err = tx.Each(recordsBucket(kind), nil, 0, func(key, env []byte) error {
			f.kinds[kind]++
			n++
			if err := c.enter(f, env, seal.Record([]byte(kind), key), deep); err != nil {
				return fault.Corrupt("verify", recordName(kind, string(key)), "%v", err)
			}
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// readJournal goes on where an entry is damaged: what the accounts are is in the
// records.
func (c contents) readJournal(tx *bolt.Tx, f *found, deep bool) error {
	next := f.manifest.First
	missing := func(until uint64) {
		for ; next < until; next++ {
			f.lost = append(f.lost, next)
		}
	}
	err := tx.Each(journalBucket, nil, 0, func(key, env []byte) error {
		id, ok := entryID(key)
		if !ok || id < next || id > f.manifest.Newest {
			f.strange = true
			return nil
		}
		missing(id)
		next++
		if c.enter(f, env, seal.Entry(key), deep) != nil {
			f.lost = append(f.lost, id)
		}
		return nil
	})
	missing(f.manifest.Newest + 1)
	return err
}

func entryID(key []byte) (uint64, bool) {
	if len(key) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(key), true
}

// checkCopy reads all of a file that is going to be a vault, as it is on the
// disk.
func checkCopy(path string, s *seal.Sealer) error {
	f, err := bolt.OpenRead(path, 0)
	if err != nil {
		return err
	}
	err = f.View("verify", contents{path, s}.check)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
