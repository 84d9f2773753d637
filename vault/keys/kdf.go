package keys

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// kdf is how Argon2id turns a passphrase into a key. The numbers stand in the slot,
// so that they can grow; they may not shrink: whoever can write to the file
// could otherwise wait for a passphrase that is easy to guess.
type kdf struct {
	time    uint32 // passes
	memory  uint32 // KiB
	threads uint8
	salt    [16]byte
}

const (
	kdfArgon2id = 1
	kdfSize     = 1 + 4 + 4 + 1 + 16

	leastTime, mostTime     = 3, 64
	leastMemory, mostMemory = 64 << 10, 1 << 20
	mostThreads             = 16

	minPassphrase = 8
	maxPassphrase = 1024
)

// ErrWeak says that a secret is too easy to guess to become a slot.
var ErrWeak = errors.New("too easy to guess")

// newKDF takes the second recommendation of RFC 9106: small machines keep
// accounts, too.
func newKDF() kdf {
	k := kdf{time: leastTime, memory: leastMemory, threads: 4}
	_, _ = rand.Read(k.salt[:])
	return k
}

func (k kdf) encode() []byte {
	b := []byte{kdfArgon2id}
	b = binary.BigEndian.AppendUint32(b, k.time)
	b = binary.BigEndian.AppendUint32(b, k.memory)
	b = append(b, k.threads)
	return append(b, k.salt[:]...)
}

func parseKDF(b []byte) (kdf, error) {
	if len(b) != kdfSize || b[0] != kdfArgon2id {
		return kdf{}, errSlot
	}
	k := kdf{time: binary.BigEndian.Uint32(b[1:]), memory: binary.BigEndian.Uint32(b[5:]), threads: b[9], salt: [16]byte(b[10:])}
	if k.time < leastTime || k.time > mostTime || k.memory < leastMemory || k.memory > mostMemory || k.threads < 1 || k.threads > mostThreads {
		return kdf{}, errSlot
	}
	return k, nil
}

func (k kdf) key(passphrase string) []byte {
	return argon2.IDKey(normalized(passphrase), k.salt[:], k.time, k.memory, k.threads, seal.KeySize)
}

// normalized makes two ways of typing the same characters one passphrase.
func normalized(passphrase string) []byte { return norm.NFC.Bytes([]byte(passphrase)) }

func checkPassphrase(passphrase string) error {
	n := utf8.RuneCountInString(passphrase)
	switch {
	case n < minPassphrase:
		return fmt.Errorf("%w: a passphrase has at least %d characters", ErrWeak, minPassphrase)
	case len(passphrase) > maxPassphrase:
		return fmt.Errorf("%w: a passphrase", fault.ErrTooLarge)
	}
	return nil
}
