package keys

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// A recovery key is 160 random bits and a checksum of 32, in groups of letters
// that are told apart in handwriting and are typed with the same keys of nearly
// every keyboard (modhex, as security keys type it).
const (
	recoveryLetters = "cbdefghijklnrtuv"
	recoveryRandom  = 20
	recoverySum     = 4
	recoveryGroup   = 6
	maxRecoveryText = 256
)

// ErrRecoveryText says that a text is no recovery key, whatever the vault.
var ErrRecoveryText = errors.New("this is not a recovery key: a letter is missing or wrong")

func newRecovery() []byte {
	key := make([]byte, recoveryRandom)
	_, _ = rand.Read(key)
	return key
}

func recoverySumOf(key []byte) []byte {
	sum := sha256.Sum256(seal.Bind("bilikeeper recovery 1", key))
	return sum[:recoverySum]
}

func encodeRecovery(key []byte) secret.String {
	var b strings.Builder
	for i, x := range append(bytes.Clone(key), recoverySumOf(key)...) {
		if i > 0 && i%(recoveryGroup/2) == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(recoveryLetters[x>>4])
		b.WriteByte(recoveryLetters[x&15])
	}
	return secret.New(b.String())
}

// parseRecovery takes the letters in either case, with dashes and spaces
// anywhere between them.
func parseRecovery(text string) ([]byte, error) {
	if len(text) > maxRecoveryText {
		return nil, ErrRecoveryText
	}
	var nibbles []byte
	for _, r := range strings.ToLower(text) {
		if strings.ContainsRune("-\u2013\u2014 \t\r\n", r) {
			continue
		}
		i := strings.IndexRune(recoveryLetters, r)
		if i < 0 {
			return nil, ErrRecoveryText
		}
		nibbles = append(nibbles, byte(i))
	}
	if len(nibbles) != 2*(recoveryRandom+recoverySum) {
		return nil, ErrRecoveryText
	}
	key := make([]byte, recoveryRandom+recoverySum)
	for i := range key {
		key[i] = nibbles[2*i]<<4 | nibbles[2*i+1]
	}
	if !bytes.Equal(recoverySumOf(key[:recoveryRandom]), key[recoveryRandom:]) {
		return nil, ErrRecoveryText
	}
	return key[:recoveryRandom], nil
}
