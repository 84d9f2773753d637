package keys

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// What keeps a slot from being made or removed.
var (
	ErrLastSlot   = errors.New("it is the only slot: without it nothing opens the vault")
	ErrAttended   = errors.New("it opens the vault now, and no other slot opens it without a person")
	ErrSlotKind   = errors.New("there is no such kind of slot")
	errSlotLabel  = fmt.Errorf("%w: a label has at most %d bytes", fault.ErrTooLarge, maxLabel)
	errUnreadable = errors.New("the slot that was just made does not open")
)

// NewSlot says what a slot is to be opened by.
type NewSlot struct {
	// Kind is one of the Slot… words.
	Kind  string
	Label string
	// Secret is the passphrase of a passphrase's slot. Of a file's slot it is
	// what the file holds, where it cannot be read from Source now.
	Secret secret.String
	// Source is where the secret of a file's slot is: a whole path, or a
	// [CredentialSource].
	Source string
}

// Make wraps the data key in a new slot and makes sure that it opens. shown is
// what a person has to keep: of a recovery key alone. For the key file's slot
// the file is made where it is missing.
func (s Sources) Make(n NewSlot, keyFile string, dataKey, vaultID []byte) (slot Slot, shown secret.String, err error) {
	if len(n.Label) > maxLabel {
		return slot, shown, errSlotLabel
	}
	slot = newSlot(n.Kind)
	slot.Label = n.Label
	key, shown, err := s.newSecret(&slot, n, keyFile)
	if err == nil {
		err = slot.wrap(key, dataKey, vaultID)
	}
	if err != nil {
		return slot, secret.String{}, err
	}
	if again, err := slot.unwrap(key, vaultID); err != nil || subtle.ConstantTimeCompare(again, dataKey) != 1 {
		return slot, secret.String{}, errUnreadable
	}
	return slot, shown, nil
}

// newSecret gets or makes the secret of a new slot.
func (s Sources) newSecret(slot *Slot, n NewSlot, keyFile string) (key []byte, shown secret.String, err error) {
	switch n.Kind {
	case KindKeyFile:
		slot.Label = "" // this kind has none
		key, err = ensureKeyFile(keyFile, s.reader())
	case KindFile:
		if err = checkSource(n.Source); err != nil {
			return nil, shown, err
		}
		slot.Params = []byte(n.Source)
		if n.Secret.IsZero() {
			key, err = s.readSource(n.Source)
		} else {
			key, err = fileKey([]byte(n.Secret.Reveal()))
		}
	case KindPassphrase:
		if err = checkPassphrase(n.Secret.Reveal()); err != nil {
			return nil, shown, err
		}
		k := newKDF()
		slot.Params, key = k.encode(), k.key(n.Secret.Reveal())
	case KindRecovery:
		key = newRecovery()
		shown = encodeRecovery(key)
	default:
		err = ErrSlotKind
	}
	return key, shown, err
}

// Remove returns the slots without one. The last slot stays. The one that
// opened the vault, where it is the last that needs no person, goes only where
// relyOn names another slot: somebody knows then what the vault will be opened
// with.
func Remove(slots []Slot, id, opened, relyOn string) ([]Slot, error) {
	const op = "remove slot"
	at := func(id string) int { return slices.IndexFunc(slots, func(s Slot) bool { return s.ID == id }) }
	i := at(id)
	if i < 0 {
		return nil, fault.New(op, id, fault.ErrNotFound)
	}
	if relyOn != "" && (relyOn == id || at(relyOn) < 0) {
		return nil, fault.New(op, relyOn, fault.ErrNotFound)
	}
	if len(slots) == 1 {
		return nil, fault.New(op, id, ErrLastSlot)
	}
	left := slices.Delete(slices.Clone(slots), i, i+1)
	alone := slots[i].Info().Unattended() && !slices.ContainsFunc(left, func(s Slot) bool { return s.Info().Unattended() })
	if alone && id == opened && relyOn == "" {
		return nil, fault.New(op, id, ErrAttended)
	}
	return left, nil
}

// ErrDropSlot is the answer of a caller of [Sources.Rewrap] that lets a slot go.
var ErrDropSlot = errors.New("the slot is dropped")

// Rekeyed says which slots a rekeying took along and which not.
type Rekeyed struct{ Kept, Dropped []SlotInfo }

// Rewrap makes the slots of a new data key, with the ids of the old ones. Files
// are read; for the other slots, and for a file that does not open its slot, ask
// returns what a person has.
func (s Sources) Rewrap(old []Slot, keyFile string, vaultID, dataKey []byte, ask func(SlotInfo) (secret.String, error)) ([]Slot, Rekeyed, error) {
	var slots []Slot
	var r Rekeyed
	for _, slot := range old {
		key, text, err := s.known(slot, keyFile, vaultID, ask)
		if errors.Is(err, ErrDropSlot) {
			r.Dropped = append(r.Dropped, slot.Info())
			continue
		}
		if err == nil {
			_, err = slot.unwrap(key, vaultID)
		}
		if err == nil && slot.Kind == KindPassphrase {
			// What was guessed with the old salt may be in somebody's hands.
			k := newKDF()
			slot.Params, key = k.encode(), k.key(text.Reveal())
		}
		if err == nil {
			err = slot.wrap(key, dataKey, vaultID)
		}
		if err != nil {
			return nil, r, fault.New("rekey", slot.Info().String(), err)
		}
		slots, r.Kept = append(slots, slot), append(r.Kept, slot.Info())
	}
	if len(slots) == 0 {
		return nil, r, ErrLastSlot
	}
	return slots, r, nil
}

// known gets the secret of a slot, and the text that it came from where a
// person was asked.
func (s Sources) known(slot Slot, keyFile string, vaultID []byte, ask func(SlotInfo) (secret.String, error)) (key []byte, text secret.String, err error) {
	if slot.Info().Unattended() {
		if key, err = s.secretOf(slot, keyFile); err == nil {
			if _, err = slot.unwrap(key, vaultID); err == nil {
				return key, text, nil
			}
		}
	}
	if text, err = ask(slot.Info()); err == nil {
		key, err = slot.parse(text)
	}
	return key, text, err
}
