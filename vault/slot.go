package vault

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// The kinds of slots. They are on disk and never change. They differ in where
// the secret comes from and how it is stretched, not in the wrapping.
const (
	SlotKeyFile    = "keyfile"    // the key file beside the vault
	SlotFile       = "file"       // another file, or a credential of the service manager
	SlotPassphrase = "passphrase" // what a person remembers, stretched
	SlotRecovery   = "recovery"   // what was printed once and lies in a drawer
)

// Slot is the data key once more, wrapped under one secret. Any one slot opens
// the vault.
type Slot struct {
	ID      string
	Kind    string
	Label   string
	Created time.Time
	// Params is where a file lies, or how a passphrase is stretched.
	Params  []byte
	Wrapped []byte
}

// SlotInfo is what may be shown of a slot.
type SlotInfo struct {
	ID      string
	Kind    string
	Label   string
	Created time.Time
	// Source is the file of a slot that a file opens, a path or
	// "credential:NAME".
	Source string
	// InUse is true for the slot that opened the vault this time.
	InUse bool
}

// Unattended reports whether the slot opens without a person.
func (s SlotInfo) Unattended() bool { return s.Kind == SlotKeyFile || s.Kind == SlotFile }

func (s Slot) info() SlotInfo {
	i := SlotInfo{ID: s.ID, Kind: s.Kind, Label: s.Label, Created: s.Created}
	if s.Kind == SlotFile {
		i.Source = string(s.Params)
	}
	return i
}

const (
	maxLabel    = 128
	maxSource   = 4096
	wrappedSize = nonceSize + keySize + overhead
)

// wrap fills a slot with the data key. A secret is one that cannot be guessed;
// what people can remember is stretched before it comes here.
func (s *Slot) wrap(secret, dataKey, vaultID []byte) error {
	aead, err := derivedAEAD(secret, vaultID, purposeSlot+" "+s.Kind+" "+s.ID)
	if err != nil {
		return err
	}
	nonce := make([]byte, nonceSize, wrappedSize)
	_, _ = rand.Read(nonce)
	s.Wrapped = aead.Seal(nonce, nonce, dataKey, s.place(vaultID))
	return nil
}

func newSlot(kind string, secret, dataKey, vaultID []byte, now time.Time) (Slot, error) {
	s := emptySlot(kind, now)
	return s, s.wrap(secret, dataKey, vaultID)
}

func emptySlot(kind string, now time.Time) Slot {
	return Slot{ID: rand.Text()[:8], Kind: kind, Created: now.UTC().Truncate(time.Second)}
}

// unwrap returns ErrWrongKey where the secret is another's.
func (s Slot) unwrap(secret, vaultID []byte) ([]byte, error) {
	if len(s.Wrapped) != wrappedSize {
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

// place is what the wrapped key is bound to. The first kind of slot came
// without a label; its wrapping stays what it was.
func (s Slot) place(vaultID []byte) []byte {
	if !s.extended() {
		return bind(purposeSlot, vaultID, []byte(s.ID), []byte(s.Kind))
	}
	return bind(purposeSlot, vaultID, []byte(s.ID), []byte(s.Kind), number(uint64(s.Created.Unix())), []byte(s.Label), s.Params)
}

// extended reports whether a label and parameters follow the wrapped key. A
// program that knows key files alone takes them for a part of it, lists the
// slot and passes it over, so that no new schema is needed for them. What this
// program does not know it treats the same way.
func (s Slot) extended() bool {
	return slices.Contains([]string{SlotFile, SlotPassphrase, SlotRecovery}, s.Kind)
}

var errSlot = errors.New("a key slot cannot be read")

// encode gives a slot's value; its id is the key that the value lies under.
func (s Slot) encode() []byte {
	b := []byte{1, byte(len(s.Kind))}
	b = append(b, s.Kind...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Created.Unix()))
	b = append(b, s.Wrapped...)
	if !s.extended() {
		return b
	}
	b = append(b, byte(len(s.Label)))
	b = append(b, s.Label...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.Params)))
	return append(b, s.Params...)
}

func decodeSlot(id string, b []byte) (Slot, error) {
	if len(b) < 2 || b[0] != 1 || len(b) < 2+int(b[1])+8 {
		return Slot{}, errSlot
	}
	n := 2 + int(b[1])
	s := Slot{
		ID:      id,
		Kind:    string(b[2:n]),
		Created: time.Unix(int64(binary.BigEndian.Uint64(b[n:])), 0).UTC(),
	}
	rest := slices.Clone(b[n+8:])
	if !s.extended() {
		s.Wrapped = rest
		return s, nil
	}
	return s, s.decodeExtended(rest)
}

func (s *Slot) decodeExtended(b []byte) error {
	if len(b) < wrappedSize+1 {
		return errSlot
	}
	s.Wrapped, b = b[:wrappedSize:wrappedSize], b[wrappedSize:]
	n := int(b[0])
	if b = b[1:]; n > maxLabel || len(b) < n+2 {
		return errSlot
	}
	s.Label, b = string(b[:n]), b[n:]
	if n = int(binary.BigEndian.Uint16(b)); n > maxSource || len(b) != 2+n {
		return errSlot
	}
	s.Params = b[2:]
	if s.Kind == SlotPassphrase {
		_, err := parseStretch(s.Params)
		return err
	}
	return nil
}
