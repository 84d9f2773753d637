package vault

import (
	"slices"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
)

// AddSlot implements [Vault].
func (v *File) AddSlot(n NewSlot) (SlotInfo, secret.String, error) {
	const op = "add slot"
	s, shown, err := v.o.Keys.Make(n, v.o.KeyFile, v.seal.DataKey(), v.seal.ID())
	if err == nil && n.Kind == SlotKeyFile {
		err = fault.Disk("write key", v.o.KeyFile, bolt.GiveTo(v.o.KeyFile, v.path))
	}
	if err != nil {
		return SlotInfo{}, secret.String{}, fault.Wrap(op, n.Source, err)
	}
	err = v.changeSlots(op, func(tx *bolt.Tx, slots []keys.Slot) ([]keys.Slot, error) {
		return append(slots, s), tx.Put(slotsBucket, []byte(s.ID), s.Encode())
	})
	return s.Info(), shown, err
}

// RemoveSlot implements [Vault]; see [keys.Remove] for what stays. Only a rekeying
// keeps a slot that was removed out of what is written from now on.
func (v *File) RemoveSlot(id, relyOn string) error {
	return v.changeSlots("remove slot", func(tx *bolt.Tx, slots []keys.Slot) ([]keys.Slot, error) {
		left, err := keys.Remove(slots, id, v.opened, relyOn)
		if err != nil {
			return nil, err
		}
		return left, tx.Delete(slotsBucket, []byte(id))
	})
}

// Seed implements [Vault].
func (v *File) Seed() (Seed, error) {
	seed := Seed{ID: v.seal.ID(), DataKey: v.seal.DataKey()}
	err := v.file.View("read", func(tx *bolt.Tx) error {
		m, err := v.manifest(tx)
		if err == nil {
			seed.First = m.First
			seed.Slots, err = readSlots(tx, v.path)
		}
		return err
	})
	return seed, err
}

// changeSlots changes the slots in one transaction. It reads them anew: what
// is shown of them is not what decides.
func (v *File) changeSlots(op string, change func(tx *bolt.Tx, slots []keys.Slot) ([]keys.Slot, error)) error {
	left := unlocked{opened: v.opened}
	err := v.file.Update(op, func(tx *bolt.Tx) error {
		slots, err := readSlots(tx, v.path)
		if err == nil {
			left.slots, err = change(tx, slices.Clone(slots))
		}
		return err
	})
	if err == nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.slots = left.infos()
	}
	return err
}
