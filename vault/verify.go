package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	bolt "go.etcd.io/bbolt"
)

const (
	// checkedWhole is the size up to which Open lets bbolt check itself and
	// opens every seal; above it, Open compares the manifest only.
	checkedWhole = 64 << 20

	probeSize = 8 << 10
	minFree   = 1 << 20
)

// Writable tells whether a change could be put on disk now: there is room, and
// a real write of a few KiB arrives and is taken away again.
func (v *Vault) Writable() error {
	dir := filepath.Dir(v.path)
	free, err := durable.FreeSpace(dir)
	if err == nil && free < minFree {
		return &Error{Op: "probe", Path: dir, Err: fmt.Errorf("%w: %d bytes are left", ErrNoSpace, free)}
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return diskError("probe", dir, err)
	}
	key, value := []byte(bucketProbe), make([]byte, probeSize)
	_, _ = rand.Read(value)
	err = v.exclusiveCommit("probe", func(b *bolt.Tx) error {
		bk, err := bucket(b, v.path, bucketProbe)
		if err != nil {
			return err
		}
		return bk.Put(key, value)
	})
	if err != nil {
		return err
	}
	return v.exclusiveCommit("probe", func(b *bolt.Tx) error {
		bk, err := bucket(b, v.path, bucketProbe)
		if err != nil {
			return err
		}
		return bk.Delete(key)
	})
}

// Verify opens every record and entry and compares them with the manifest, and
// checks the file's pages. Nobody can write meanwhile.
func (v *Vault) Verify() error {
	return v.exclusive("verify", func(b *bolt.Tx) error {
		// The walk comes first: bbolt's own check runs on a goroutine where a
		// memory fault could not be caught.
		info, err := v.file.Stat()
		if err != nil {
			return diskError("verify", v.path, err)
		}
		if err := checkPages(v.file, info.Size()); err != nil {
			return &Error{Op: "verify", Path: v.path, Err: joinCause(ErrCorrupt, err)}
		}
		if err := v.boltCheck(b); err != nil {
			return err
		}
		_, err = v.readAll(b, true)
		return err
	})
}

// boltCheck lets bbolt check its own structure. It needs a transaction that
// writes, because the list of free pages must not change meanwhile.
func (v *Vault) boltCheck(b *bolt.Tx) error {
	var first error
	n := 0
	// To the last, or the goroutine behind the channel would stay.
	for err := range b.Check() {
		if n++; n == 1 {
			first = err
		}
	}
	if first != nil {
		return corrupt("verify", v.path, "%d faults, the first: %v", n, first)
	}
	return nil
}

// contents is what reading all of a vault found.
type contents struct {
	manifest manifest
	kinds    map[string]int
}

// readAll compares everything with the manifest, and opens it where deep.
func (v *Vault) readAll(b *bolt.Tx, deep bool) (contents, error) {
	m, err := v.readManifest(b)
	if err != nil {
		return contents{}, err
	}
	found := contents{manifest: m, kinds: map[string]int{}}
	total, err := v.readRecords(b, found.kinds, deep)
	if err != nil {
		return contents{}, err
	}
	journal, err := v.readJournal(b, m, deep)
	if err != nil {
		return contents{}, err
	}
	total.add(journal)
	var n uint64
	for _, k := range found.kinds {
		n += uint64(k)
	}
	if n != m.records || total != m.sum {
		return contents{}, corrupt("verify", v.path, "a record was changed, put back or removed from outside")
	}
	return found, nil
}

func (v *Vault) readRecords(b *bolt.Tx, kinds map[string]int, deep bool) (sum, error) {
	var total sum
	var scratch []byte
	records, err := bucket(b, v.path, bucketRecords)
	if err != nil {
		return total, err
	}
	err = records.ForEach(func(kind, value []byte) error {
		bk := records.Bucket(kind)
		if bk == nil || value != nil {
			return corrupt("verify", v.path, "%q is not a kind of records", kind)
		}
		kinds[string(kind)] = 0
		return bk.ForEach(func(key, env []byte) error {
			kinds[string(kind)]++
			d, err := v.seal.digest(env, purposeRecord, kind, key)
			if err == nil && deep {
				scratch, err = v.seal.open(scratch[:0], env, purposeRecord, kind, key)
			}
			if err != nil {
				return corrupt("verify", place(string(kind), string(key)), "%v", err)
			}
			total.add(d)
			return nil
		})
	})
	return total, err
}

func (v *Vault) readJournal(b *bolt.Tx, m manifest, deep bool) (sum, error) {
	var total sum
	var scratch []byte
	bk, err := bucket(b, v.path, bucketJournal)
	if err != nil {
		return total, err
	}
	next := m.first
	err = bk.ForEach(func(k, env []byte) error {
		if next > m.newest || !bytes.Equal(k, binary.BigEndian.AppendUint64(nil, next)) {
			return corrupt("verify", bucketJournal, "entry %d is missing", next)
		}
		next++
		d, err := v.seal.digest(env, purposeEntry, k)
		if err == nil && deep {
			scratch, err = v.seal.open(scratch[:0], env, purposeEntry, k)
		}
		if err != nil {
			return corrupt("verify", bucketJournal, "entry %d: %v", next-1, err)
		}
		total.add(d)
		return nil
	})
	if err == nil && next != m.newest+1 {
		err = corrupt("verify", bucketJournal, "entries from %d on are missing", next)
	}
	return total, err
}
