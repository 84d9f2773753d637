package vault

import (
	"errors"
	"fmt"

	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// What a record may measure.
const (
	maxKind  = 64
	maxKey   = 1024
	maxValue = 16 << 20
)

// fileTx is a transaction over the file.
type fileTx struct {
	v *File
	b *bolt.Tx

	m        seal.Manifest
	loaded   bool
	dirty    bool
	appended bool
	counts   map[string]int // how many records more or fewer there are of a kind
	touched  []touched      // the records that were changed, in that order

	// retire and journalMax are what OnRetire and KeepJournal say.
	retire     func(Entry) error
	journalMax int
	// broken is set once a change failed half-way: whatever the caller makes of
	// the error, the transaction comes to nothing.
	broken error
}

// OnCommit implements [Tx].
func (tx *fileTx) OnCommit(fn func()) { tx.b.OnCommit(fn) }

// change runs a step that writes. One that failed half-way leaves records and
// manifest apart, so that the transaction comes to nothing even where the
// caller goes on; the two outcomes that callers live with come before anything
// was changed.
func (tx *fileTx) change(op, path string, step func() error) error {
	if !tx.b.Writable {
		return fault.New(op, path, ErrReadOnly)
	}
	if tx.broken != nil {
		return tx.broken
	}
	err := fault.Wrap(op, path, step())
	if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
		tx.broken = err
	}
	return err
}

// load reads the manifest. It is read anew in each transaction, so that it is
// always the one that belongs to what the transaction sees; changes that share one
// have it from each other.
func (tx *fileTx) load() (err error) {
	if tx.loaded {
		return nil
	}
	m, left := tx.b.Left().(seal.Manifest)
	if !left {
		m, err = tx.v.manifest(tx.b)
	}
	tx.m, tx.loaded = m, err == nil
	return err
}

// store leaves the manifest to whatever shares the transaction. The last one is written.
func (tx *fileTx) store() {
	tx.m.Commit++
	v, m := tx.v, tx.m
	tx.b.Leave(m, func(b *bolt.Tx) error {
		return b.Put(metaBucket, []byte(metaManifest), v.seal.SealManifest(m))
	})
}

func recordName(kind, key string) string { return kind + "/" + key }

// Get implements [Tx].
func (tx *fileTx) Get(kind, key string) (Record, error) {
	env, err := tx.b.Get(recordsBucket(kind), []byte(key))
	if err == nil && env == nil {
		err = fault.New("get", recordName(kind, key), ErrNotFound)
	}
	if err != nil {
		return Record{}, err
	}
	return tx.v.record(env, kind, key)
}

// Put implements [Tx]. Revisions are one growing sequence for the whole vault.
func (tx *fileTx) Put(kind, key string, value []byte, was uint64) (uint64, error) {
	if kind == "" || key == "" || len(kind) > maxKind || len(key) > maxKey {
		return 0, fault.New("put", fmt.Sprintf("%.64q", recordName(kind, key)), errors.New("impossible name of a record"))
	}
	if len(value) > maxValue {
		return 0, fault.New("put", recordName(kind, key), ErrTooLarge)
	}
	var revision uint64
	err := tx.change("put", recordName(kind, key), func() error {
		if err := tx.take("put", kind, key, was); err != nil {
			return err
		}
		tx.m.Revision++
		revision = tx.m.Revision
		env := tx.v.seal.Seal(revision, value, seal.Record([]byte(kind), []byte(key)))
		if err := tx.b.Put(recordsBucket(kind), []byte(key), env); err != nil {
			return err
		}
		tx.touched = append(tx.touched, touched{kind, key, revision})
		return tx.count(kind, key, env, 1)
	})
	return revision, err
}

// Delete implements [Tx].
func (tx *fileTx) Delete(kind, key string, was uint64) error {
	return tx.change("delete", recordName(kind, key), func() error {
		if err := tx.take("delete", kind, key, was); err != nil {
			return err
		}
		tx.touched = append(tx.touched, touched{kind, key, 0})
		return tx.b.Delete(recordsBucket(kind), []byte(key))
	})
}

// take compares a record's revision and takes the record out of the manifest.
func (tx *fileTx) take(op, kind, key string, was uint64) error {
	env, err := tx.b.Head(recordsBucket(kind), []byte(key), seal.HeadSize)
	if err != nil {
		return err
	}
	if env == nil {
		switch {
		case was != 0:
			return ErrConflict
		case op == "delete":
			return ErrNotFound
		}
		return nil
	}
	revision, err := seal.Number(env)
	if err != nil {
		return fault.Corrupt(op, recordName(kind, key), "%v", err)
	}
	if revision != was {
		return ErrConflict
	}
	return tx.count(kind, key, env, -1)
}

// count enters an envelope into the manifest with 1, and strikes it out with -1.
func (tx *fileTx) count(kind, key string, env []byte, n int) error {
	d, err := tx.v.seal.Digest(env, seal.Record([]byte(kind), []byte(key)))
	if err != nil {
		return fault.Corrupt("write", recordName(kind, key), "%v", err)
	}
	if tx.counts == nil {
		tx.counts = map[string]int{}
	}
	tx.dirty = true
	tx.counts[kind] += n
	if n > 0 {
		tx.m.Sum.Add(d)
		tx.m.Records++
	} else {
		tx.m.Sum.Sub(d)
		tx.m.Records--
	}
	return nil
}

// Each implements [Tx].
func (tx *fileTx) Each(kind string, fn func(key string, r Record) error) error {
	return tx.EachAfter(kind, "", fn)
}

// EachAfter implements [Tx].
func (tx *fileTx) EachAfter(kind, after string, fn func(key string, r Record) error) error {
	atOnce := 64
	if tx.b.Writable {
		atOnce = 1 // fn may write the next one
	}
	var last []byte
	if after != "" {
		last = []byte(after)
	}
	for {
		found, err := tx.b.After(recordsBucket(kind), last, atOnce)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, f := range found {
			last = f.Key
			r, err := tx.v.record(f.Value, kind, string(f.Key))
			if err != nil {
				return err
			}
			if err := fn(string(f.Key), r); err != nil {
				return err
			}
		}
	}
}

// Keys implements [Tx].
func (tx *fileTx) Keys(kind string) (keys []string, err error) {
	err = tx.b.Each(recordsBucket(kind), nil, 0, func(key, _ []byte) error {
		keys = append(keys, string(key))
		return nil
	})
	return keys, err
}
