package vault

import (
	"bytes"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// What a record may measure.
const (
	maxKind  = 64
	maxKey   = 1024
	maxValue = 16 << 20
)

// Tx is a transaction. It ends with the function that it was passed to and is
// used by one goroutine.
type Tx struct {
	v        *Vault
	b        *bolt.Tx
	writable bool

	m        manifest
	loaded   bool
	dirty    bool
	appended bool
	counts   map[string]int
	// broken is set once bbolt panicked or a change failed half-way: whatever
	// the caller makes of the error, the transaction comes to nothing.
	broken error
}

// Record is a value and the revision that wrote it.
type Record struct {
	Value    []byte
	Revision uint64
}

func (tx *Tx) end() {
	tx.v.end("end", tx.b)
	tx.b = nil
}

// do runs a step inside bbolt.
func (tx *Tx) do(op, path string, step func() error) error {
	if tx.b == nil {
		return &Error{Op: op, Path: path, Err: errors.New("the transaction has ended")}
	}
	if tx.broken != nil {
		return tx.broken
	}
	err := tx.v.guard(op, step)
	if isPanic(err) {
		tx.broken = err
	}
	return err
}

// change is do for what writes. A step that failed half-way leaves records and
// manifest apart, so that the transaction comes to nothing even where the
// caller goes on; the two outcomes that callers live with come before anything
// was changed.
func (tx *Tx) change(op, path string, step func() error) error {
	if !tx.writable {
		return &Error{Op: op, Path: path, Err: ErrReadOnly}
	}
	err := tx.do(op, path, func() error { return diskError(op, tx.v.path, step()) })
	if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) && tx.broken == nil {
		tx.broken = err
	}
	return err
}

// load reads the manifest. It is read anew in each transaction, so that it is
// always the one that belongs to what the transaction sees.
func (tx *Tx) load() error {
	if tx.loaded {
		return nil
	}
	return tx.do("read", tx.v.path, func() error {
		m, err := tx.v.readManifest(tx.b)
		tx.m, tx.loaded = m, err == nil
		return err
	})
}

func (v *Vault) readManifest(b *bolt.Tx) (manifest, error) {
	meta, err := bucket(b, v.path, bucketMeta)
	if err != nil {
		return manifest{}, err
	}
	env := bytes.Clone(meta.Get([]byte(metaManifest)))
	plain, err := v.seal.open(nil, env, purposeManifest)
	if err != nil {
		return manifest{}, corrupt("read", v.path, "its manifest: %v", err)
	}
	m, err := decodeManifest(plain)
	if commit, _ := parseEnvelope(env); err != nil || commit != m.commit {
		return manifest{}, corrupt("read", v.path, "its manifest makes no sense")
	}
	return m, nil
}

// store writes the manifest, as the last thing in a transaction.
func (tx *Tx) store() error {
	return tx.change("write", tx.v.path, func() error {
		meta, err := bucket(tx.b, tx.v.path, bucketMeta)
		if err != nil {
			return err
		}
		tx.m.commit++
		return meta.Put([]byte(metaManifest), tx.v.seal.seal(tx.m.commit, tx.m.encode(), purposeManifest))
	})
}

func place(kind, key string) string { return kind + "/" + key }

func checkPlace(op, kind, key string) error {
	if kind == "" || key == "" || len(kind) > maxKind || len(key) > maxKey {
		return &Error{Op: op, Path: fmt.Sprintf("%.64q", place(kind, key)), Err: errors.New("impossible name of a record")}
	}
	return nil
}

// kind returns the bucket of a kind, nil where there never was a record of it.
func (tx *Tx) kind(kind string) (*bolt.Bucket, error) {
	records, err := bucket(tx.b, tx.v.path, bucketRecords)
	if err != nil {
		return nil, err
	}
	return records.Bucket([]byte(kind)), nil
}

// stored returns a copy of a record's envelope, nil where there is none.
// bbolt's bytes are the mapped file itself, which may change under the hand.
func (tx *Tx) stored(kind, key string) ([]byte, error) {
	bk, err := tx.kind(kind)
	if err != nil || bk == nil {
		return nil, err
	}
	return bytes.Clone(bk.Get([]byte(key))), nil
}

// Get returns a record, or ErrNotFound.
func (tx *Tx) Get(kind, key string) (Record, error) {
	var r Record
	err := tx.do("get", place(kind, key), func() error {
		env, err := tx.stored(kind, key)
		if err != nil {
			return err
		}
		if env == nil {
			return &Error{Op: "get", Path: place(kind, key), Err: ErrNotFound}
		}
		r, err = tx.v.openRecord(env, kind, key)
		return err
	})
	return r, err
}

func (v *Vault) openRecord(env []byte, kind, key string) (Record, error) {
	plain, err := v.seal.open(nil, env, purposeRecord, []byte(kind), []byte(key))
	if err != nil {
		return Record{}, corrupt("get", place(kind, key), "%v", err)
	}
	revision, err := parseEnvelope(env)
	return Record{Value: plain, Revision: revision}, err
}

// Put writes a record and returns its new revision. was is the revision that
// the caller saw last, 0 where there must not be one yet; where that is not so
// any more, the error is ErrConflict. Revisions are one growing sequence for
// the whole vault: of a record's, each is greater than the one before.
func (tx *Tx) Put(kind, key string, value []byte, was uint64) (uint64, error) {
	if err := checkPlace("put", kind, key); err != nil {
		return 0, err
	}
	if len(value) > maxValue {
		return 0, &Error{Op: "put", Path: place(kind, key), Err: ErrTooLarge}
	}
	var revision uint64
	err := tx.change("put", place(kind, key), func() error {
		if err := tx.take("put", kind, key, was); err != nil {
			return err
		}
		records, err := bucket(tx.b, tx.v.path, bucketRecords)
		if err != nil {
			return err
		}
		bk, err := records.CreateBucketIfNotExists([]byte(kind))
		if err != nil {
			return err
		}
		tx.m.revision++
		env := tx.v.seal.seal(tx.m.revision, value, purposeRecord, []byte(kind), []byte(key))
		if err := bk.Put([]byte(key), env); err != nil {
			return err
		}
		revision = tx.m.revision
		return tx.count(kind, key, env, true)
	})
	return revision, err
}

// Delete removes a record; was is as for Put and never 0.
func (tx *Tx) Delete(kind, key string, was uint64) error {
	return tx.change("delete", place(kind, key), func() error {
		if err := tx.take("delete", kind, key, was); err != nil {
			return err
		}
		bk, err := tx.kind(kind)
		if err != nil || bk == nil {
			return err
		}
		return bk.Delete([]byte(key))
	})
}

// take compares a record's revision and takes the record out of the manifest.
func (tx *Tx) take(op, kind, key string, was uint64) error {
	env, err := tx.stored(kind, key)
	if err != nil {
		return err
	}
	if env == nil {
		switch {
		case was != 0:
			return &Error{Op: op, Path: place(kind, key), Err: ErrConflict}
		case op == "delete":
			return &Error{Op: op, Path: place(kind, key), Err: ErrNotFound}
		}
		return nil
	}
	revision, err := parseEnvelope(env)
	if err != nil {
		return corrupt(op, place(kind, key), "%v", err)
	}
	if revision != was {
		return &Error{Op: op, Path: place(kind, key), Err: ErrConflict}
	}
	return tx.count(kind, key, env, false)
}

// count enters an envelope into the manifest, or strikes it out.
func (tx *Tx) count(kind, key string, env []byte, enter bool) error {
	d, err := tx.v.seal.digest(env, purposeRecord, []byte(kind), []byte(key))
	if err != nil {
		return corrupt("write", place(kind, key), "%v", err)
	}
	if tx.counts == nil {
		tx.counts = map[string]int{}
	}
	tx.dirty = true
	if enter {
		tx.m.sum.add(d)
		tx.m.records++
		tx.counts[kind]++
		return nil
	}
	tx.m.sum.sub(d)
	tx.m.records--
	tx.counts[kind]--
	return nil
}

// Each calls fn for every record of a kind, in the order of the keys. fn may
// write records, also of the same kind.
func (tx *Tx) Each(kind string, fn func(key string, r Record) error) error {
	var last []byte
	for {
		var r Record
		err := tx.do("list", kind, func() (err error) {
			var env []byte
			if last, env, err = tx.after(kind, last); err == nil && last != nil {
				r, err = tx.v.openRecord(env, kind, string(last))
			}
			return err
		})
		if err != nil || last == nil {
			return err
		}
		if err := fn(string(last), r); err != nil {
			return err
		}
	}
}

// after returns copies of the next key after last, and of its envelope. A
// cursor that was kept would be lost as soon as fn writes.
func (tx *Tx) after(kind string, last []byte) (key, env []byte, err error) {
	bk, err := tx.kind(kind)
	if err != nil || bk == nil {
		return nil, nil, err
	}
	c := bk.Cursor()
	k, e := c.Seek(last)
	if last != nil && bytes.Equal(k, last) {
		k, e = c.Next()
	}
	return bytes.Clone(k), bytes.Clone(e), nil
}
