package bolt

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// Bucket says where a key is: in a bucket that every vault has, or in a bucket
// inside one.
type Bucket struct {
	Name, Sub string
	// Fill is how full a page may get before it is split, 0 means the half. 1 is
	// for keys that only grow.
	Fill float64
}

// Tx is a transaction. It ends with the function that it was passed to and is
// used by one goroutine.
type Tx struct {
	Writable bool

	f     *File
	op    string
	b     *bbolt.Tx
	dirty bool
	// broken is set once bbolt panicked: whatever the caller makes of the
	// error, the transaction comes to nothing.
	broken error
	// group is set where others share the transaction: before is then what its changes
	// replaced, and whole is set where one cannot be undone by that.
	group     bool
	before    []was
	whole     bool
	committed []func()
	// common is of all changes that share the transaction.
	common *common
	// at is where the last step was, and seen what Head found there last, until
	// something is changed: steps come in threes, for one record.
	at   place
	seen was
}

// place is a bucket that was looked up.
type place struct {
	name, sub string
	bucket    *bbolt.Bucket
}

// common is what the changes that share a transaction leave to one another.
type common struct {
	left any
	last func(*Tx) error
}

// Left returns what the changes that came before in the same transaction have left with
// [Tx.Leave], nil where there is none.
func (tx *Tx) Left() any {
	if tx.common == nil {
		return nil
	}
	return tx.common.left
}

// Leave leaves something to the changes that come after this one in the same
// transaction, in place of what is left already, and has last run once, behind all of
// them and before anything goes to the disk. An error of last undoes them all. A change
// leaves what is true without it where it is undone: it calls this as the last thing.
func (tx *Tx) Leave(left any, last func(*Tx) error) { *tx.common = common{left, last} }

// finish runs what was left to be done behind all changes.
func (tx *Tx) finish() error {
	if tx.common.last == nil {
		return nil
	}
	return tx.common.last(tx)
}

// OnCommit has fn called once the change is on the disk, before its caller, or that
// of any other that shares the transaction, is told so.
func (tx *Tx) OnCommit(fn func()) { tx.committed = append(tx.committed, fn) }

// do runs a step inside bbolt.
func (tx *Tx) do(step func() error) error {
	if tx.b == nil {
		return fault.New(tx.op, tx.f.path, errors.New("the transaction has ended"))
	}
	if tx.broken != nil {
		return tx.broken
	}
	err := tx.f.guard(tx.op, step)
	if isPanic(err) {
		tx.broken = err
	}
	return diskError(tx.op, tx.f.path, err)
}

// bucket returns a bucket, nil where there is none inside another.
func (tx *Tx) bucket(b Bucket) (*bbolt.Bucket, error) {
	if tx.at.bucket != nil && tx.at.name == b.Name && tx.at.sub == b.Sub {
		return tx.at.bucket, nil
	}
	bk := tx.b.Bucket([]byte(b.Name))
	if bk == nil {
		return nil, fault.Corrupt("read", tx.f.path, "%s is missing", b.Name)
	}
	if b.Sub != "" {
		bk = bk.Bucket([]byte(b.Sub))
	}
	tx.at = place{b.Name, b.Sub, bk}
	return bk, nil
}

// in runs a step with a bucket, unless it is one inside another that is not
// there.
func (tx *Tx) in(b Bucket, step func(*bbolt.Bucket) error) error {
	return tx.do(func() error {
		bk, err := tx.bucket(b)
		if err != nil || bk == nil {
			return err
		}
		return step(bk)
	})
}

// Get returns a copy of a value, nil where there is none: bbolt's bytes are the
// mapped file itself, which may change meanwhile.
func (tx *Tx) Get(b Bucket, key []byte) (value []byte, err error) {
	err = tx.in(b, func(bk *bbolt.Bucket) error { value = bytes.Clone(bk.Get(key)); return nil })
	return value, err
}

// Head is Get for the first so many bytes of a value.
func (tx *Tx) Head(b Bucket, key []byte, n int) (head []byte, err error) {
	err = tx.in(b, func(bk *bbolt.Bucket) error {
		value := bk.Get(key)
		head = bytes.Clone(value[:min(len(value), n)])
		if tx.group {
			tx.seen = was{bucket: b, key: bytes.Clone(key), value: value}
		}
		return nil
	})
	return head, err
}

// Put writes a value. A bucket inside another is made where it is missing.
func (tx *Tx) Put(b Bucket, key, value []byte) error {
	return tx.do(func() error {
		tx.dirty = true
		bk, err := tx.bucket(b)
		if err == nil && bk == nil {
			bk, err = tx.inside(b)
		}
		if err != nil {
			return err
		}
		tx.remember(bk, b, key)
		if b.Fill > 0 {
			bk.FillPercent = b.Fill
		}
		return bk.Put(key, value)
	})
}

// inside makes a bucket inside another.
func (tx *Tx) inside(b Bucket) (*bbolt.Bucket, error) {
	bk, err := tx.bucket(Bucket{Name: b.Name})
	if err != nil {
		return nil, err
	}
	made, err := bk.CreateBucket([]byte(b.Sub))
	if err == nil && tx.group {
		tx.before = append(tx.before, was{bucket: b, made: true})
	}
	return made, err
}

// Delete removes a value.
func (tx *Tx) Delete(b Bucket, key []byte) error {
	return tx.in(b, func(bk *bbolt.Bucket) error {
		tx.dirty = true
		tx.remember(bk, b, key)
		return bk.Delete(key)
	})
}

// Pair is a key and its value.
type Pair struct{ Key, Value []byte }

// After returns copies of up to n pairs after a key; the first after nil, and none
// after the last.
func (tx *Tx) After(b Bucket, after []byte, n int) (list []Pair, err error) {
	err = tx.in(b, func(bk *bbolt.Bucket) error {
		c := bk.Cursor()
		k, v := c.Seek(after)
		if after != nil && bytes.Equal(k, after) {
			k, v = c.Next()
		}
		for ; k != nil && len(list) < n; k, v = c.Next() {
			list = append(list, Pair{bytes.Clone(k), bytes.Clone(v)})
		}
		return nil
	})
	return list, err
}

// Ends returns copies of the first key and its value and of the last, nil where
// there is none.
func (tx *Tx) Ends(b Bucket) (first, last [2][]byte, err error) {
	err = tx.in(b, func(bk *bbolt.Bucket) error {
		c := bk.Cursor()
		k, v := c.First()
		first = [2][]byte{bytes.Clone(k), bytes.Clone(v)}
		k, v = c.Last()
		last = [2][]byte{bytes.Clone(k), bytes.Clone(v)}
		return nil
	})
	return first, last, err
}

// Each calls fn for every key from one on, limit at most, 0 means all. fn runs
// inside bbolt: it must not use the transaction, and the bytes are the file's
// own.
func (tx *Tx) Each(b Bucket, from []byte, limit uint64, fn func(key, value []byte) error) error {
	return tx.in(b, func(bk *bbolt.Bucket) error {
		c := bk.Cursor()
		k, v := c.Seek(from)
		for n := uint64(1); k != nil; n++ {
			if err := fn(k, v); err != nil || n == limit {
				return err
			}
			k, v = c.Next()
		}
		return nil
	})
}

// Subs returns the names of the buckets inside one.
func (tx *Tx) Subs(name string) (names []string, err error) {
	err = tx.Each(Bucket{Name: name}, nil, 0, func(k, v []byte) error {
		if v != nil {
			return fault.Corrupt("read", tx.f.path, "%q among %s is a value", k, name)
		}
		names = append(names, string(k))
		return nil
	})
	return names, err
}

// Make makes the buckets that every vault has.
func (tx *Tx) Make(names ...string) error {
	return tx.do(func() error {
		tx.dirty, tx.whole = true, true
		for _, name := range names {
			if _, err := tx.b.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Step runs a larger step of the vault's own, of which a panic breaks the
// transaction, too.
func (tx *Tx) Step(step func(*Tx) error) error {
	tx.whole = true
	return tx.do(func() error { return step(tx) })
}

// checkStructure lets bbolt check itself. It needs a transaction that writes,
// because the list of free pages must not change meanwhile.
func (tx *Tx) checkStructure() error {
	return tx.do(func() error {
		var first error
		n := 0
		// To the last, or the goroutine behind the channel would stay.
		for err := range tx.b.Check() {
			if n++; n == 1 {
				first = err
			}
		}
		if first != nil {
			return fault.Corrupt("verify", tx.f.path, "%d faults, the first: %v", n, first)
		}
		return nil
	})
}

// FreePages returns how many pages are not in use, and the size of a page. The
// transaction keeps the pages that the list is on from being reused.
func (tx *Tx) FreePages() (n, pageSize int, err error) {
	meta, err := chooseMeta(tx.f.file, tx.f.Size())
	if err != nil {
		return 0, 0, fault.Corrupt(tx.op, tx.f.path, "%v", err)
	}
	head := make([]byte, pageHead+8)
	if _, err := tx.f.file.ReadAt(head, int64(meta.freelist)*int64(meta.pageSize)); err != nil {
		return 0, 0, fault.Corrupt(tx.op, tx.f.path, "%v", err)
	}
	if n = int(binary.NativeEndian.Uint16(head[10:])); n == 0xFFFF {
		n = int(binary.NativeEndian.Uint64(head[pageHead:]))
	}
	return n, int(meta.pageSize), nil
}

func (tx *Tx) writeTo(w io.Writer) (n int64, err error) {
	err = tx.do(func() error { n, err = tx.b.WriteTo(w); return err })
	return n, err
}

const (
	probeSize = 8 << 10
	minFree   = 1 << 20
)

// Writable tells whether a change could be put on disk now: there is room, and
// a real write of a few KiB into a bucket arrives and is taken away again.
func (f *File) Writable(probe Bucket) error {
	dir := filepath.Dir(f.path)
	free, err := durable.FreeSpace(dir)
	if err == nil && free < minFree {
		return fault.New("probe", dir, fmt.Errorf("%w: %d bytes are left", fault.ErrNoSpace, free))
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fault.Disk("probe", dir, err)
	}
	key, value := []byte("probe"), make([]byte, probeSize)
	_, _ = rand.Read(value)
	if err := f.Update("probe", func(tx *Tx) error { return tx.Put(probe, key, value) }); err != nil {
		return err
	}
	return f.Update("probe", func(tx *Tx) error { return tx.Delete(probe, key) })
}
