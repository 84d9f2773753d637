package vault

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	bolt "go.etcd.io/bbolt"
)

// What keeps a slot from being removed.
var (
	ErrLastSlot   = errors.New("it is the only slot: without it nothing opens the vault")
	ErrAttended   = errors.New("it opens the vault now, and no other slot opens it without a person")
	errSlotKind   = errors.New("there is no such kind of slot")
	errSlotLabel  = fmt.Errorf("%w: a label has at most %d bytes", ErrTooLarge, maxLabel)
	errUnreadable = errors.New("the slot that was just made does not open")
)

// NewSlot says what a slot is to be opened by.
type NewSlot struct {
	// Kind is one of the Slot… words.
	Kind  string
	Label string
	// Secret is the passphrase of SlotPassphrase. Of SlotFile it is what the
	// file holds, where it cannot be read from Source now.
	Secret secret.String
	// Source is where the secret of SlotFile lies: a whole path, or a
	// [CredentialSource].
	Source string
}

// AddSlot makes one more way to open the vault, and makes sure that it does.
// The recovery key is returned this once, for SlotRecovery alone. For
// SlotKeyFile the key file is made where it is missing.
func (v *Vault) AddSlot(n NewSlot) (SlotInfo, secret.String, error) {
	const op = "add slot"
	if len(n.Label) > maxLabel {
		return SlotInfo{}, secret.String{}, &Error{Op: op, Err: errSlotLabel}
	}
	s := emptySlot(n.Kind, time.Now())
	s.Label = n.Label
	key, shown, err := v.secretFor(&s, n)
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok {
			err = &Error{Op: op, Path: n.Source, Err: err}
		}
		return SlotInfo{}, secret.String{}, err
	}
	if err := s.wrap(key, v.seal.dataKey, v.seal.id); err != nil {
		return SlotInfo{}, secret.String{}, &Error{Op: op, Err: err}
	}
	if again, err := s.unwrap(key, v.seal.id); err != nil || subtle.ConstantTimeCompare(again, v.seal.dataKey) != 1 {
		return SlotInfo{}, secret.String{}, &Error{Op: op, Err: errUnreadable}
	}
	err = v.changeSlots(op, func(bk *bolt.Bucket, slots []Slot) ([]Slot, error) {
		return append(slots, s), bk.Put([]byte(s.ID), s.encode())
	})
	return s.info(), shown, err
}

// secretFor gets or makes the secret of a new slot; shown is what a person has
// to keep.
func (v *Vault) secretFor(s *Slot, n NewSlot) (key []byte, shown secret.String, err error) {
	switch n.Kind {
	case SlotKeyFile:
		s.Label = "" // this kind has none
		if key, err = ensureKeyFile(v.keyFile); err == nil {
			err = diskError("write key", v.keyFile, giveTo(v.keyFile, v.path))
		}
	case SlotFile:
		if err = checkSource(n.Source); err != nil {
			return nil, shown, err
		}
		s.Params = []byte(n.Source)
		if n.Secret.IsZero() {
			key, err = v.keys.readSource(n.Source)
		} else {
			key, err = fileSecret([]byte(n.Secret.Reveal()))
		}
	case SlotPassphrase:
		if err = checkPassphrase(n.Secret.Reveal()); err != nil {
			return nil, shown, err
		}
		how := newStretch()
		s.Params, key = how.encode(), how.key(n.Secret.Reveal())
	case SlotRecovery:
		key = newRecovery()
		shown = encodeRecovery(key)
	default:
		err = errSlotKind
	}
	return key, shown, err
}

// RemoveSlot takes a way to open the vault away. The last slot stays. The one
// that opened the vault, where it is the last that needs no person, goes only
// where relyOn names another slot: somebody knows then what the vault will be
// opened with. Copies of the file that were made before are still opened by
// the slot; only a rekeying keeps it out of what is written from now on.
func (v *Vault) RemoveSlot(id, relyOn string) error {
	const op = "remove slot"
	return v.changeSlots(op, func(bk *bolt.Bucket, slots []Slot) ([]Slot, error) {
		at := func(id string) int { return slices.IndexFunc(slots, func(s Slot) bool { return s.ID == id }) }
		i := at(id)
		if i < 0 {
			return nil, &Error{Op: op, Path: id, Err: ErrNotFound}
		}
		if relyOn != "" && (relyOn == id || at(relyOn) < 0) {
			return nil, &Error{Op: op, Path: relyOn, Err: ErrNotFound}
		}
		if len(slots) == 1 {
			return nil, &Error{Op: op, Path: id, Err: ErrLastSlot}
		}
		left := slices.Delete(slices.Clone(slots), i, i+1)
		alone := slots[i].info().Unattended() && !slices.ContainsFunc(left, func(s Slot) bool { return s.info().Unattended() })
		if alone && id == v.opened && relyOn == "" {
			return nil, &Error{Op: op, Path: id, Err: ErrAttended}
		}
		return left, bk.Delete([]byte(id))
	})
}

// changeSlots changes the slots in one transaction. It reads them anew: what
// is shown of them is not what decides.
func (v *Vault) changeSlots(op string, change func(bk *bolt.Bucket, slots []Slot) ([]Slot, error)) error {
	var left []Slot
	err := v.exclusiveCommit(op, func(b *bolt.Tx) error {
		slots, err := readSlots(b, v.path)
		if err != nil {
			return err
		}
		bk, err := bucket(b, v.path, bucketSlots)
		if err != nil {
			return err
		}
		left, err = change(bk, slots)
		return err
	})
	if err == nil {
		v.showSlots(left)
	}
	return err
}

func (v *Vault) showSlots(slots []Slot) {
	shown := make([]SlotInfo, 0, len(slots))
	for _, s := range slots {
		i := s.info()
		i.InUse = s.ID == v.opened
		shown = append(shown, i)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.slots = shown
}

// String names a slot for people.
func (s SlotInfo) String() string {
	text := s.ID + " (" + s.Kind
	if s.Source != "" {
		text += " " + s.Source
	}
	if s.Label != "" {
		text += ", " + s.Label
	}
	return text + ")"
}
