package vault

import (
	"errors"
	"io/fs"
	"os"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// beforeRekey ends the name of the file that a rekeying replaced. It is gone
// when the new one has been opened in its place.
const beforeRekey = ".before-rekey"

// Rekeying is who is asked while a vault gets a new key.
type Rekeying struct {
	// Secret returns the passphrase, the recovery key or what the file of a
	// slot holds, or ErrDropSlot.
	Secret func(SlotInfo) (secret.String, error)
	// Confirm hears which slots are let go, once that is known and before
	// anything is written. Nil is consent.
	Confirm func(dropped []SlotInfo) error
}

// Rekey gives the vault a new data key and seals everything anew under it, so
// that a copy of the file that somebody has, and a slot that was removed, open
// nothing that is written from now on. Nobody may use the vault.
//
// Each slot has to be wrapped again with its secret. Files are read; for the
// others, and for a file that cannot be read, ask is there. An error ends it,
// and nothing has happened.
func Rekey(o Options, ask Rekeying) (Rekeyed, error) {
	v, err := openVerified(o)
	if err != nil {
		return Rekeyed{}, err
	}
	defer func() { _ = v.Close() }()
	dataKey := seal.NewKey()
	slots, r, err := v.rewrap(dataKey, ask)
	if err != nil {
		return Rekeyed{}, err
	}
	next, err := seal.NewSealer(dataKey, v.seal.ID())
	if err != nil {
		return Rekeyed{}, fault.New("rekey", v.path, err)
	}
	temp := durable.TempName(v.path)
	defer func() { _ = os.Remove(temp) }()
	err = bolt.Build("rekey", temp, v.path, func(to *bolt.Tx) error {
		return v.file.View("rekey", func(from *bolt.Tx) error { return resealing{v.contents, next, from, to}.all(slots) })
	})
	if err != nil {
		return Rekeyed{}, err
	}
	if err := checkCopy(temp, next); err != nil {
		return Rekeyed{}, err
	}
	aside := v.path + beforeRekey
	if err := v.file.ReplaceBy("rekey", temp, aside); err != nil {
		return Rekeyed{}, err
	}
	// The old file goes when the new one was read in its place. A keeper that
	// was started meanwhile has read it, too.
	if err := checkCopy(v.path, next); err != nil && !errors.Is(err, ErrInUse) {
		return Rekeyed{}, err
	}
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, fault.Disk("rekey", aside, err)
	}
	return r, nil
}

// rewrap makes the slots of a new data key, and asks whether those that are
// dropped may go.
func (v *File) rewrap(dataKey []byte, ask Rekeying) ([]keys.Slot, Rekeyed, error) {
	var old []keys.Slot
	err := v.file.View("rekey", func(tx *bolt.Tx) (err error) {
		old, err = readSlots(tx, v.path)
		return err
	})
	if err != nil {
		return nil, Rekeyed{}, err
	}
	slots, r, err := v.o.Keys.Rewrap(old, v.o.KeyFile, v.seal.ID(), dataKey, ask.Secret)
	if err != nil {
		return nil, r, fault.Wrap("rekey", v.path, err)
	}
	if ask.Confirm != nil {
		err = ask.Confirm(r.Dropped)
	}
	return slots, r, err
}

// resealing copies everything from one database to another, under another key.
// Revisions, ids and times stay.
type resealing struct {
	contents
	next     *seal.Sealer
	from, to *bolt.Tx
}

func (r resealing) all(slots []keys.Slot) error {
	m, err := r.manifest(r.from)
	if err != nil {
		return err
	}
	if err := r.to.Make(bucketNames()...); err != nil {
		return err
	}
	kinds, err := r.from.Subs("records")
	if err != nil {
		return err
	}
	m.Commit++
	m.Sum = seal.Sum{}
	for _, kind := range kinds {
		b := recordsBucket(kind)
		b.Fill = 0.9 // the keys come in order
		err := r.bucket(b, &m.Sum, func(key []byte) seal.Position { return seal.Record([]byte(kind), key) })
		if err != nil {
			return err
		}
	}
	if err := r.bucket(journalBucket, &m.Sum, seal.Entry); err != nil {
		return err
	}
	err = r.from.Each(metaBucket, nil, 0, func(k, value []byte) error { return r.to.Put(metaBucket, k, value) })
	for _, s := range slots {
		err = errors.Join(err, r.to.Put(slotsBucket, []byte(s.ID), s.Encode()))
	}
	return errors.Join(err, r.to.Put(metaBucket, []byte(metaManifest), r.next.SealManifest(m)))
}

func (r resealing) bucket(b bolt.Bucket, sum *seal.Sum, at func(key []byte) seal.Position) error {
	return r.from.Each(b, nil, 0, func(key, env []byte) error {
		sealed, d, err := r.seal.Reseal(r.next, env, at(key))
		if err != nil {
			return fault.Corrupt("rekey", r.path, "%v", err)
		}
		sum.Add(d)
		return r.to.Put(b, key, sealed)
	})
}
