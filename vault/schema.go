package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	bolt "go.etcd.io/bbolt"
)

// Schema is the layout that this program writes.
const Schema = 1

// migrations[n-1] turns schema n into n+1.
func migrations() []func(*bolt.Tx) error { return nil }

const (
	bucketMeta    = "meta"
	bucketSlots   = "slots"
	bucketRecords = "records"
	bucketJournal = "journal"
	bucketProbe   = "probe"

	metaSchema   = "schema"
	metaID       = "id"
	metaCreated  = "created"
	metaManifest = "manifest"
	metaBackedUp = "backed-up" // not in an old vault, nor before the first time

	vaultIDSize = 16
)

// create makes a new vault, whole, before anyone can see it. The key is on
// disk first: a vault whose key was lost is worth nothing, a key without a
// vault is used by the next.
func (op opener) create(o Options) error {
	secret, err := ensureKeyFile(o.KeyFile)
	if err != nil {
		return err
	}
	temp := durable.TempName(o.Path)
	if err := op.build(temp, secret); err != nil {
		_ = os.Remove(temp)
		return diskError("create", o.Path, err)
	}
	err = durable.Publish(temp, o.Path, durable.Exclusive())
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil // whoever was first, there is one
	}
	return diskError("create", o.Path, err)
}

func (op opener) build(path string, secret []byte) error {
	return buildFile(path, func(db *bolt.DB) error {
		return db.Update(func(b *bolt.Tx) error { return op.furnish(b, secret) })
	})
}

// furnish puts into a new database what every vault has.
func (op opener) furnish(b *bolt.Tx, secret []byte) error {
	id, dataKey := make([]byte, vaultIDSize), make([]byte, keySize)
	_, _ = rand.Read(id)
	_, _ = rand.Read(dataKey)
	now := time.Now()
	slot, err := newSlot(SlotKeyFile, secret, dataKey, id, now)
	if err != nil {
		return err
	}
	s, err := newSealer(dataKey, id)
	if err != nil {
		return err
	}
	for _, name := range []string{bucketMeta, bucketSlots, bucketRecords, bucketJournal, bucketProbe} {
		if _, err := b.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	m := manifest{first: 1}
	meta := b.Bucket([]byte(bucketMeta))
	return errors.Join(
		meta.Put([]byte(metaSchema), binary.BigEndian.AppendUint32(nil, uint32(op.schema))),
		meta.Put([]byte(metaID), id),
		meta.Put([]byte(metaCreated), number(uint64(now.Unix()))),
		meta.Put([]byte(metaManifest), s.seal(m.commit, m.encode(), purposeManifest)),
		b.Bucket([]byte(bucketSlots)).Put([]byte(slot.ID), slot.encode()),
	)
}

// bucket returns a bucket that every vault has.
func bucket(b *bolt.Tx, path, name string) (*bolt.Bucket, error) {
	if bk := b.Bucket([]byte(name)); bk != nil {
		return bk, nil
	}
	return nil, corrupt("read", path, "%s is missing", name)
}

func readSchema(b *bolt.Tx, path string) (int, error) {
	meta, err := bucket(b, path, bucketMeta)
	if err != nil {
		return 0, err
	}
	raw := meta.Get([]byte(metaSchema))
	if len(raw) != 4 || binary.BigEndian.Uint32(raw) == 0 {
		return 0, corrupt("read", path, "its schema is missing")
	}
	return int(binary.BigEndian.Uint32(raw)), nil
}

// migrate brings an older vault up to op.schema, in one transaction and with a
// copy of what was before beside it.
func (op opener) migrate(v *Vault) error {
	var have int
	err := v.reading("open", func(b *bolt.Tx) (err error) {
		have, err = readSchema(b, v.path)
		return err
	})
	switch {
	case err != nil:
		return err
	case have == op.schema:
		return nil
	case have > op.schema:
		return &Error{Op: "open", Path: v.path, Err: fmt.Errorf("%w: schema %d, known up to %d", ErrNewerSchema, have, op.schema)}
	case len(op.migrations) < op.schema-1:
		return &Error{Op: "migrate", Path: v.path, Err: fmt.Errorf("schema %d is not known any more", have)}
	}
	// A copy of an earlier try that did not come to its end may be replaced:
	// the vault is still what it was.
	if err := v.Backup(fmt.Sprintf("%s.schema-%d.bak", v.path, have)); err != nil {
		return err
	}
	return v.exclusiveCommit("migrate", func(b *bolt.Tx) error {
		for n := have; n < op.schema; n++ {
			if err := op.migrations[n-1](b); err != nil {
				return &Error{Op: "migrate", Path: v.path, Err: fmt.Errorf("schema %d to %d: %w", n, n+1, err)}
			}
		}
		meta, err := bucket(b, v.path, bucketMeta)
		if err != nil {
			return err
		}
		return meta.Put([]byte(metaSchema), binary.BigEndian.AppendUint32(nil, uint32(op.schema)))
	})
}

// Backup writes a copy of the vault, as sealed as the vault is and of one
// moment, to path, where it may replace a file. It is opened by the same slots.
func (v *Vault) Backup(path string) error {
	if here, err := os.Stat(path); err == nil {
		if own, err := v.file.Stat(); err == nil && os.SameFile(here, own) {
			return &Error{Op: "backup", Path: path, Err: errors.New("this is the vault itself")}
		}
	}
	return v.reading("backup", func(b *bolt.Tx) error {
		return diskError("backup", path, durable.Write(path, 0o600, func(w io.Writer) error {
			_, err := b.WriteTo(w)
			return err
		}))
	})
}

// load unlocks the vault and reads all of it.
func (v *Vault) load(o Options, deep bool) error {
	return v.reading("open", func(b *bolt.Tx) error {
		if err := v.unlock(b, o); err != nil {
			return err
		}
		found, err := v.readAll(b, deep)
		if err != nil {
			return err
		}
		v.counts = found.kinds
		v.first = found.manifest.first
		v.newest.Store(found.manifest.newest)
		return nil
	})
}

func readID(b *bolt.Tx, path string) ([]byte, error) {
	meta, err := bucket(b, path, bucketMeta)
	if err != nil {
		return nil, err
	}
	id := bytes.Clone(meta.Get([]byte(metaID)))
	if len(id) != vaultIDSize {
		return nil, corrupt("open", path, "its id is missing")
	}
	return id, nil
}

func readSlots(b *bolt.Tx, path string) ([]Slot, error) {
	bk, err := bucket(b, path, bucketSlots)
	if err != nil {
		return nil, err
	}
	var slots []Slot
	err = bk.ForEach(func(k, raw []byte) error {
		slot, err := decodeSlot(string(k), raw)
		if err != nil {
			return corrupt("open", path, "%v", err)
		}
		slots = append(slots, slot)
		return nil
	})
	if err == nil && len(slots) == 0 {
		err = corrupt("open", path, "it has no key slot")
	}
	slices.SortStableFunc(slots, func(a, b Slot) int { return a.Created.Compare(b.Created) })
	return slots, err
}

func (v *Vault) unlock(b *bolt.Tx, o Options) error {
	id, err := readID(b, v.path)
	if err != nil {
		return err
	}
	slots, err := readSlots(b, v.path)
	if err != nil {
		return err
	}
	dataKey, opened, err := o.Keys.open(v.path, o.KeyFile, slots, id)
	if err != nil {
		return err
	}
	v.id, v.opened = hex.EncodeToString(id), opened
	v.showSlots(slots)
	v.seal, err = newSealer(dataKey, id)
	return err
}
