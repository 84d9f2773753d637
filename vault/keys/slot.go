package keys

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// The kinds of slots. They are on disk and never change. They differ in where
// the secret comes from and how a key is derived from it, not in the wrapping.
const (
	KindKeyFile    = "keyfile"    // the key file beside the vault
	KindFile       = "file"       // another file, or a credential of the service manager
	KindPassphrase = "passphrase" // what a person remembers; Argon2id derives the key
	KindRecovery   = "recovery"   // a random key, shown once to be kept on paper
)

// Slot is the data key once more, wrapped under one secret. Any one slot opens
// the vault.
type Slot struct {
	ID      string
	Kind    string
	Label   string
	Created time.Time
	// Params is the source of a file's slot, or a passphrase's kdf parameters.
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
func (s SlotInfo) Unattended() bool { return s.Kind == KindKeyFile || s.Kind == KindFile }

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

// Info is what may be shown of the slot.
func (s Slot) Info() SlotInfo {
	i := SlotInfo{ID: s.ID, Kind: s.Kind, Label: s.Label, Created: s.Created}
	if s.Kind == KindFile {
		i.Source = string(s.Params)
	}
	return i
}

const (
	maxLabel    = 128
	maxSource   = 4096
	wrappedSize = seal.NonceSize + seal.KeySize + seal.Overhead
	purpose     = "bilikeeper slot 1"
)

// idLength is that of a slot's id, which is random letters and digits.
const idLength = 8

// IsID reports whether a text may be the id of a slot.
func IsID(text string) bool {
	return len(text) == idLength && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// newSlot is a slot that wraps nothing yet.
func newSlot(kind string) Slot {
	return Slot{ID: rand.Text()[:idLength], Kind: kind, Created: time.Now().UTC().Truncate(time.Second)}
}

// wrap fills a slot with the data key. The secret is one that cannot be
// guessed: of a passphrase it is the key that the kdf gave.
func (s *Slot) wrap(secret, dataKey, vaultID []byte) error {
	aead, err := seal.AEAD(secret, vaultID, purpose+" "+s.Kind+" "+s.ID)
	if err != nil {
		return err
	}
	nonce := make([]byte, seal.NonceSize, wrappedSize)
	_, _ = rand.Read(nonce)
	s.Wrapped = aead.Seal(nonce, nonce, dataKey, s.aad(vaultID))
	return nil
}

// unwrap returns ErrWrongKey where the secret is another's.
func (s Slot) unwrap(secret, vaultID []byte) ([]byte, error) {
	if len(s.Wrapped) != wrappedSize {
		return nil, fault.ErrWrongKey
	}
	aead, err := seal.AEAD(secret, vaultID, purpose+" "+s.Kind+" "+s.ID)
	if err != nil {
		return nil, err
	}
	key, err := aead.Open(nil, s.Wrapped[:seal.NonceSize], s.Wrapped[seal.NonceSize:], s.aad(vaultID))
	if err != nil {
		return nil, fault.ErrWrongKey
	}
	return key, nil
}

// aad is what the wrapped key is bound to. The first kind of slot came without
// a label; its wrapping stays what it was.
func (s Slot) aad(vaultID []byte) []byte {
	if !s.extended() {
		return seal.Bind(purpose, vaultID, []byte(s.ID), []byte(s.Kind))
	}
	return seal.Bind(purpose, vaultID, []byte(s.ID), []byte(s.Kind), seal.Uint64(uint64(s.Created.Unix())), []byte(s.Label), s.Params)
}

// extended reports whether a label and parameters follow the wrapped key. A
// program that knows key files alone takes them for a part of it, lists the
// slot and passes it over, so that no new schema is needed for them. What this
// program does not know it treats the same way.
func (s Slot) extended() bool {
	return slices.Contains([]string{KindFile, KindPassphrase, KindRecovery}, s.Kind)
}

var errSlot = errors.New("a key slot cannot be read")

// Encode gives a slot's value; its id is the key that the value is stored under.
func (s Slot) Encode() []byte {
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

// Decode reads what Encode gave.
func Decode(id string, b []byte) (Slot, error) {
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
	if s.Kind == KindPassphrase {
		_, err := parseKDF(s.Params)
		return err
	}
	return nil
}
