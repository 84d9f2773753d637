package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	bolt "go.etcd.io/bbolt"
)

// ErrDropSlot is the answer of a caller of [Rekey] that lets a slot go.
var ErrDropSlot = errors.New("the slot is dropped")

// Rekeyed says which slots a rekeying took along and which not.
type Rekeyed struct{ Kept, Dropped []SlotInfo }

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
	const op = "rekey"
	o.Existing = true
	v, err := Open(o)
	if err != nil {
		return Rekeyed{}, err
	}
	defer func() { _ = v.Close() }()
	if err := v.Verify(); err != nil {
		return Rekeyed{}, err
	}
	dataKey := make([]byte, keySize)
	_, _ = rand.Read(dataKey)
	slots, r, err := v.rewrap(dataKey, ask.Secret)
	if err == nil && ask.Confirm != nil {
		err = ask.Confirm(r.Dropped)
	}
	if err != nil {
		return Rekeyed{}, err
	}
	next, err := newSealer(dataKey, v.seal.id)
	if err != nil {
		return Rekeyed{}, &Error{Op: op, Path: v.path, Err: err}
	}
	temp := durable.TempName(v.path)
	defer func() { _ = os.Remove(temp) }()
	err = buildFile(temp, func(db *bolt.DB) error {
		return v.reading(op, func(from *bolt.Tx) error {
			return db.Update(func(to *bolt.Tx) error { return v.reseal(from, to, next, slots) })
		})
	})
	if err != nil {
		return Rekeyed{}, diskError(op, v.path, err)
	}
	if err := checkCopy(temp, next); err != nil {
		return Rekeyed{}, err
	}
	if err := v.replaceWith(op, temp, v.path+beforeRekey); err != nil {
		return Rekeyed{}, err
	}
	// The old file goes when the new one was read in its place. A keeper that
	// was started meanwhile has read it, too.
	if err := checkCopy(v.path, next); err != nil && !errors.Is(err, ErrInUse) {
		return Rekeyed{}, err
	}
	if err := os.Remove(v.path + beforeRekey); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, diskError(op, v.path+beforeRekey, err)
	}
	return r, nil
}

// rewrap makes the slots of a new data key, with the ids of the old ones.
func (v *Vault) rewrap(dataKey []byte, secretOf func(SlotInfo) (secret.String, error)) ([]Slot, Rekeyed, error) {
	const op = "rekey"
	var old, slots []Slot
	var r Rekeyed
	err := v.reading(op, func(b *bolt.Tx) (err error) {
		old, err = readSlots(b, v.path)
		return err
	})
	if err != nil {
		return nil, r, err
	}
	for _, s := range old {
		key, text, err := v.secretOf(s, secretOf)
		if errors.Is(err, ErrDropSlot) {
			r.Dropped = append(r.Dropped, s.info())
			continue
		}
		if err == nil {
			_, err = s.unwrap(key, v.seal.id)
		}
		if err != nil {
			return nil, r, &Error{Op: op, Path: s.info().String(), Err: err}
		}
		if s.Kind == SlotPassphrase {
			// What was guessed with the old salt may be in somebody's hands.
			how := newStretch()
			s.Params, key = how.encode(), how.key(text.Reveal())
		}
		if err := s.wrap(key, dataKey, v.seal.id); err != nil {
			return nil, r, &Error{Op: op, Path: v.path, Err: err}
		}
		slots, r.Kept = append(slots, s), append(r.Kept, s.info())
	}
	if len(slots) == 0 {
		return nil, r, &Error{Op: op, Path: v.path, Err: ErrLastSlot}
	}
	return slots, r, nil
}

// secretOf gets the secret that opens a slot, and the text that it came from.
func (v *Vault) secretOf(s Slot, ask func(SlotInfo) (secret.String, error)) (key []byte, text secret.String, err error) {
	switch s.Kind {
	case SlotKeyFile:
		key, err = readKeyFile(v.keyFile)
	case SlotFile:
		key, err = v.keys.readSource(string(s.Params))
	default:
		err = ErrNotGiven
	}
	if err == nil {
		if _, err = s.unwrap(key, v.seal.id); err == nil {
			return key, text, nil
		}
	}
	if text, err = ask(s.info()); err != nil {
		return nil, text, err
	}
	switch s.Kind {
	case SlotKeyFile:
		key, err = parseKeyFile([]byte(text.Reveal()))
	case SlotFile:
		key, err = fileSecret([]byte(text.Reveal()))
	case SlotPassphrase, SlotRecovery:
		key, err = s.personal(text)
	default:
		err = fmt.Errorf("%w: kind %q is not known here", ErrWrongKey, s.Kind)
	}
	return key, text, err
}

// reseal copies everything from one database to another, under another key.
// Revisions, ids and times stay.
func (v *Vault) reseal(from, to *bolt.Tx, next *sealer, slots []Slot) error {
	for _, name := range []string{bucketMeta, bucketSlots, bucketRecords, bucketJournal, bucketProbe} {
		if _, err := to.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	m, err := v.readManifest(from)
	if err != nil {
		return err
	}
	m.commit++
	m.sum = sum{}
	if err := v.resealRecords(from, to, next, &m.sum); err != nil {
		return err
	}
	err = from.Bucket([]byte(bucketJournal)).ForEach(func(id, env []byte) error {
		bk := to.Bucket([]byte(bucketJournal))
		bk.FillPercent = 1
		return v.moveSeal(bk, id, env, next, &m.sum, purposeEntry, id)
	})
	if err != nil {
		return err
	}
	for _, s := range slots {
		if err := to.Bucket([]byte(bucketSlots)).Put([]byte(s.ID), s.encode()); err != nil {
			return err
		}
	}
	meta := to.Bucket([]byte(bucketMeta))
	err = from.Bucket([]byte(bucketMeta)).ForEach(func(k, value []byte) error { return meta.Put(k, value) })
	return errors.Join(err, meta.Put([]byte(metaManifest), next.seal(m.commit, m.encode(), purposeManifest)))
}

func (v *Vault) resealRecords(from, to *bolt.Tx, next *sealer, total *sum) error {
	records := from.Bucket([]byte(bucketRecords))
	return records.ForEachBucket(func(kind []byte) error {
		bk, err := to.Bucket([]byte(bucketRecords)).CreateBucket(kind)
		if err != nil {
			return err
		}
		bk.FillPercent = 0.9 // the keys come in order
		return records.Bucket(kind).ForEach(func(key, env []byte) error {
			return v.moveSeal(bk, key, env, next, total, purposeRecord, kind, key)
		})
	})
}

func (v *Vault) moveSeal(to *bolt.Bucket, key, env []byte, next *sealer, total *sum, purpose string, place ...[]byte) error {
	n, err := parseEnvelope(env)
	if err != nil {
		return corrupt("rekey", v.path, "%v", err)
	}
	plain, err := v.seal.open(nil, env, purpose, place...)
	if err != nil {
		return corrupt("rekey", v.path, "%v", err)
	}
	sealed := next.seal(n, plain, purpose, place...)
	clear(plain)
	d, err := next.digest(sealed, purpose, place...)
	if err != nil {
		return err
	}
	total.add(d)
	return to.Put(key, sealed)
}
