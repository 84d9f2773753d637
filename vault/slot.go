package vault

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"
)

// SlotKeyFile is the kind of a slot that a key file opens. Other kinds (a
// passphrase, a credential of the service manager, a recovery key) differ in
// where the secret comes from and how it is stretched, not in the wrapping.
const SlotKeyFile = "keyfile"

// Slot is the data key once more, wrapped under one secret. Any one slot opens
// the vault.
type Slot struct {
	ID      string
	Kind    string
	Created time.Time
	Wrapped []byte
}

// SlotInfo is what may be shown of a slot.
type SlotInfo struct {
	ID      string
	Kind    string
	Created time.Time
}

// newSlot wraps the data key under a secret of at least 32 random bytes. A
// secret that people can remember has to be stretched before it comes here.
func newSlot(kind string, secret, dataKey, vaultID []byte, now time.Time) (Slot, error) {
	s := Slot{ID: rand.Text()[:8], Kind: kind, Created: now.UTC().Truncate(time.Second)}
	aead, err := derivedAEAD(secret, vaultID, purposeSlot+" "+s.Kind+" "+s.ID)
	if err != nil {
		return Slot{}, err
	}
	nonce := make([]byte, nonceSize, nonceSize+keySize+overhead)
	_, _ = rand.Read(nonce)
	s.Wrapped = aead.Seal(nonce, nonce, dataKey, s.place(vaultID))
	return s, nil
}

// unwrap returns ErrWrongKey where the secret is another's.
func (s Slot) unwrap(secret, vaultID []byte) ([]byte, error) {
	if len(s.Wrapped) != nonceSize+keySize+overhead {
		return nil, ErrWrongKey
	}
	aead, err := derivedAEAD(secret, vaultID, purposeSlot+" "+s.Kind+" "+s.ID)
	if err != nil {
		return nil, err
	}
	key, err := aead.Open(nil, s.Wrapped[:nonceSize], s.Wrapped[nonceSize:], s.place(vaultID))
	if err != nil {
		return nil, ErrWrongKey
	}
	return key, nil
}

func (s Slot) place(vaultID []byte) []byte {
	return bind(purposeSlot, vaultID, []byte(s.ID), []byte(s.Kind))
}

var errSlot = errors.New("a key slot cannot be read")

// encode gives a slot's value; its id is the key that the value lies under.
func (s Slot) encode() []byte {
	b := []byte{1, byte(len(s.Kind))}
	b = append(b, s.Kind...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Created.Unix()))
	return append(b, s.Wrapped...)
}

func decodeSlot(id string, b []byte) (Slot, error) {
	if len(b) < 2 || b[0] != 1 || len(b) < 2+int(b[1])+8 {
		return Slot{}, errSlot
	}
	n := 2 + int(b[1])
	return Slot{
		ID:      id,
		Kind:    string(b[2:n]),
		Created: time.Unix(int64(binary.BigEndian.Uint64(b[n:])), 0).UTC(),
		Wrapped: append([]byte(nil), b[n+8:]...),
	}, nil
}
