package vault

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// stretch says how a passphrase becomes a key. The numbers stand in the slot,
// so that they can grow; they may not shrink: whoever can write to the file
// could otherwise wait for a passphrase that is easy to guess.
type stretch struct {
	time    uint32 // passes
	memory  uint32 // KiB
	threads uint8
	salt    [16]byte
}

const (
	stretchArgon2id = 1
	stretchSize     = 1 + 4 + 4 + 1 + 16

	leastTime, mostTime     = 3, 64
	leastMemory, mostMemory = 64 << 10, 1 << 20
	mostThreads             = 16

	minPassphrase = 8
	maxPassphrase = 1024
)

// ErrWeak says that a secret is too easy to guess to become a slot.
var ErrWeak = errors.New("too easy to guess")

// newStretch takes the second recommendation of RFC 9106: small machines keep
// accounts, too.
func newStretch() stretch {
	s := stretch{time: leastTime, memory: leastMemory, threads: 4}
	_, _ = rand.Read(s.salt[:])
	return s
}

func (s stretch) encode() []byte {
	b := []byte{stretchArgon2id}
	b = binary.BigEndian.AppendUint32(b, s.time)
	b = binary.BigEndian.AppendUint32(b, s.memory)
	b = append(b, s.threads)
	return append(b, s.salt[:]...)
}

func parseStretch(b []byte) (stretch, error) {
	if len(b) != stretchSize || b[0] != stretchArgon2id {
		return stretch{}, errSlot
	}
	s := stretch{time: binary.BigEndian.Uint32(b[1:]), memory: binary.BigEndian.Uint32(b[5:]), threads: b[9], salt: [16]byte(b[10:])}
	if s.time < leastTime || s.time > mostTime || s.memory < leastMemory || s.memory > mostMemory || s.threads < 1 || s.threads > mostThreads {
		return stretch{}, errSlot
	}
	return s, nil
}

func (s stretch) key(passphrase string) []byte {
	return argon2.IDKey(normalized(passphrase), s.salt[:], s.time, s.memory, s.threads, keySize)
}

// normalized makes two ways of typing the same characters one passphrase.
func normalized(passphrase string) []byte { return norm.NFC.Bytes([]byte(passphrase)) }

func checkPassphrase(passphrase string) error {
	n := utf8.RuneCountInString(passphrase)
	switch {
	case n < minPassphrase:
		return fmt.Errorf("%w: a passphrase has at least %d characters", ErrWeak, minPassphrase)
	case len(passphrase) > maxPassphrase:
		return fmt.Errorf("%w: a passphrase", ErrTooLarge)
	}
	return nil
}
