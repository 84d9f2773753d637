package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// Schema is the layout that this program writes.
const Schema = 1

// migrations[n-1] turns schema n into n+1.
func migrations() []func(*bolt.Tx) error { return nil }

// The buckets of a vault, and the keys of its meta bucket. They are on disk and
// never change.
var (
	metaBucket    = bolt.Bucket{Name: "meta"}
	slotsBucket   = bolt.Bucket{Name: "slots"}
	journalBucket = bolt.Bucket{Name: "journal", Fill: 1} // ids only grow: full pages stay full
	probeBucket   = bolt.Bucket{Name: "probe"}
)

func bucketNames() []string { return []string{"meta", "slots", "records", "journal", "probe"} }

func recordsBucket(kind string) bolt.Bucket { return bolt.Bucket{Name: "records", Sub: kind} }

const (
	metaSchema   = "schema"
	metaID       = "id"
	metaCreated  = "created"
	metaManifest = "manifest"
	metaBackedUp = "backed-up" // not in an old vault, nor before the first time
)

// create makes a new vault, whole, before anyone can see it. The key is on
// disk first: a vault whose key was lost is worth nothing, a key without a
// vault is used by the next.
func (op opener) create(o Options) error {
	seed, err := o.seed()
	if err != nil {
		return err
	}
	temp := durable.TempName(o.Path)
	err = bolt.Build("create", temp, o.Path, func(tx *bolt.Tx) error { return op.furnish(tx, seed) })
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	err = durable.Publish(temp, o.Path, durable.Exclusive())
	if errors.Is(err, fs.ErrExist) {
		return nil // whoever was first, there is one
	}
	return fault.Disk("create", o.Path, err)
}

// seed is what a new vault is begun with.
func (o Options) seed() (Seed, error) {
	if o.Seed != nil {
		return *o.Seed, nil
	}
	id := make([]byte, seal.IDSize)
	_, _ = rand.Read(id)
	return o.Keys.NewSeed(o.KeyFile, id)
}

// furnish puts into a new database what every vault has.
func (op opener) furnish(tx *bolt.Tx, seed Seed) error {
	s, err := seal.NewSealer(seed.DataKey, seed.ID)
	if err != nil {
		return err
	}
	if err := tx.Make(bucketNames()...); err != nil {
		return err
	}
	for _, slot := range seed.Slots {
		err = errors.Join(err, tx.Put(slotsBucket, []byte(slot.ID), slot.Encode()))
	}
	return errors.Join(err,
		putSchema(tx, op.schema),
		tx.Put(metaBucket, []byte(metaID), seed.ID),
		tx.Put(metaBucket, []byte(metaCreated), seal.Uint64(uint64(time.Now().Unix()))),
		tx.Put(metaBucket, []byte(metaManifest), s.SealManifest(seal.Manifest{First: seed.First, Newest: seed.First - 1})),
	)
}

func putSchema(tx *bolt.Tx, n int) error {
	return tx.Put(metaBucket, []byte(metaSchema), binary.BigEndian.AppendUint32(nil, uint32(n)))
}

func readSchema(tx *bolt.Tx, path string) (int, error) {
	raw, err := tx.Get(metaBucket, []byte(metaSchema))
	if err == nil && (len(raw) != 4 || binary.BigEndian.Uint32(raw) == 0) {
		err = fault.Corrupt("read", path, "its schema is missing")
	}
	if err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint32(raw)), nil
}

// newerSchema refuses a vault that a newer program wrote.
func newerSchema(path string, have, known int) error {
	if have <= known {
		return nil
	}
	return fault.New("open", path, fmt.Errorf("%w: schema %d, known up to %d", ErrNewerSchema, have, known))
}

// migrate brings an older vault up to op.schema, in one transaction and with a
// copy of what was before beside it.
func (op opener) migrate(f *bolt.File, path string) error {
	var have int
	err := f.View("open", func(tx *bolt.Tx) (err error) {
		have, err = readSchema(tx, path)
		return err
	})
	if err == nil {
		err = newerSchema(path, have, op.schema)
	}
	if err != nil || have == op.schema {
		return err
	}
	if len(op.migrations) < op.schema-1 {
		return fault.New("migrate", path, fmt.Errorf("schema %d is not known any more", have))
	}
	// A copy of an earlier try that did not come to its end may be replaced:
	// the vault is still what it was.
	if err := f.Backup(fmt.Sprintf("%s.schema-%d.bak", path, have)); err != nil {
		return err
	}
	return f.Update("migrate", func(tx *bolt.Tx) error {
		for n := have; n < op.schema; n++ {
			if err := tx.Step(op.migrations[n-1]); err != nil {
				return fault.New("migrate", path, fmt.Errorf("schema %d to %d: %w", n, n+1, err))
			}
		}
		return putSchema(tx, op.schema)
	})
}

func readID(tx *bolt.Tx, path string) ([]byte, error) {
	id, err := tx.Get(metaBucket, []byte(metaID))
	if err == nil && len(id) != seal.IDSize {
		err = fault.Corrupt("open", path, "its id is missing")
	}
	return id, err
}

func readSlots(tx *bolt.Tx, path string) ([]keys.Slot, error) {
	var slots []keys.Slot
	err := tx.Each(slotsBucket, nil, 0, func(id, raw []byte) error {
		slot, err := keys.Decode(string(id), raw)
		if err != nil {
			return fault.Corrupt("open", path, "%v", err)
		}
		slots = append(slots, slot)
		return nil
	})
	if err == nil && len(slots) == 0 {
		err = fault.Corrupt("open", path, "it has no key slot")
	}
	slices.SortStableFunc(slots, func(a, b keys.Slot) int { return a.Created.Compare(b.Created) })
	return slots, err
}

// unlocked is what opening a vault with one of its slots gives.
type unlocked struct {
	seal   *seal.Sealer
	slots  []keys.Slot
	opened string // the slot that opened it
}

func unlock(tx *bolt.Tx, path string, o Options) (u unlocked, err error) {
	id, err := readID(tx, path)
	if err != nil {
		return u, err
	}
	if u.slots, err = readSlots(tx, path); err != nil {
		return u, err
	}
	dataKey := []byte(nil)
	if o.Seed != nil && bytes.Equal(o.Seed.ID, id) {
		dataKey = o.Seed.DataKey // a wrong one opens no manifest
	} else if dataKey, u.opened, err = o.Keys.Open(path, o.KeyFile, u.slots, id); err != nil {
		return u, err
	}
	u.seal, err = seal.NewSealer(dataKey, id)
	return u, err
}

// infos is what may be shown of the slots.
func (u unlocked) infos() []SlotInfo {
	shown := make([]SlotInfo, len(u.slots))
	for i, s := range u.slots {
		shown[i] = s.Info()
		shown[i].InUse = s.ID == u.opened
	}
	return shown
}
