package vault

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	keySize   = 32
	nonceSize = chacha20poly1305.NonceSizeX
	overhead  = 16

	// An envelope: version, number, nonce, ciphertext. The number is the
	// revision of a record, the time of an entry, the commit of the manifest.
	// It stands in the clear, because compare-and-swap and the pruning of the
	// journal need it without the value, and it is bound by the encryption.
	envelopeVersion = 1
	envelopeHead    = 1 + 8 + nonceSize
)

// The purposes, the first part of what a ciphertext is bound to: one of them
// can never be taken for another.
const (
	purposeRecord   = "bilikeeper record 1"
	purposeEntry    = "bilikeeper entry 1"
	purposeManifest = "bilikeeper manifest 1"
	purposeSlot     = "bilikeeper slot 1"
	purposeSum      = "bilikeeper sum 1"
)

var errSeal = errors.New("the seal is broken")

// sealer holds the keys of one open vault.
type sealer struct {
	id []byte
	// dataKey is kept to be wrapped in new slots.
	dataKey []byte
	values  cipher.AEAD
	sums    sync.Pool // of hash.Hash, keyed
}

// newSealer derives a key for each use from the data key, so that no key
// serves two algorithms.
func newSealer(dataKey, vaultID []byte) (*sealer, error) {
	values, err := derivedAEAD(dataKey, vaultID, "bilikeeper values 1")
	if err != nil {
		return nil, err
	}
	sumKey, err := hkdf.Key(sha256.New, dataKey, vaultID, purposeSum, keySize)
	if err != nil {
		return nil, err
	}
	s := &sealer{id: vaultID, dataKey: dataKey, values: values}
	s.sums.New = func() any { return hmac.New(sha256.New, sumKey) }
	return s, nil
}

func derivedAEAD(secret, salt []byte, info string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, salt, info, keySize)
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.NewX(key)
}

// bind joins the parts with their lengths, so that no two lists of parts give
// the same bytes.
func bind(purpose string, parts ...[]byte) []byte {
	n := 4 + len(purpose)
	for _, p := range parts {
		n += 4 + len(p)
	}
	b := make([]byte, 0, n)
	b = binary.BigEndian.AppendUint32(b, uint32(len(purpose)))
	b = append(b, purpose...)
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func (s *sealer) seal(n uint64, plain []byte, purpose string, place ...[]byte) []byte {
	env := make([]byte, envelopeHead, envelopeHead+len(plain)+overhead)
	env[0] = envelopeVersion
	binary.BigEndian.PutUint64(env[1:], n)
	nonce := env[1+8 : envelopeHead]
	_, _ = rand.Read(nonce) // never fails: the runtime ends the program instead
	return s.values.Seal(env, nonce, plain, s.aad(env[:1+8], purpose, place))
}

// open appends the plaintext to dst.
func (s *sealer) open(dst, env []byte, purpose string, place ...[]byte) ([]byte, error) {
	if _, err := parseEnvelope(env); err != nil {
		return nil, err
	}
	plain, err := s.values.Open(dst, env[1+8:envelopeHead], env[envelopeHead:], s.aad(env[:1+8], purpose, place))
	if err != nil {
		return nil, errSeal
	}
	return plain, nil
}

func (s *sealer) aad(head []byte, purpose string, place [][]byte) []byte {
	parts := make([][]byte, 0, 2+len(place))
	parts = append(parts, s.id, head)
	return bind(purpose, append(parts, place...)...)
}

// parseEnvelope returns the number in an envelope's head.
func parseEnvelope(env []byte) (uint64, error) {
	if len(env) < envelopeHead+overhead || env[0] != envelopeVersion {
		return 0, errSeal
	}
	return binary.BigEndian.Uint64(env[1:]), nil
}

// digest is what an envelope adds to the manifest's sum. The nonce in the head
// stands for the whole envelope: no two values were ever sealed with the same
// one, not even by transactions that were undone, so an envelope from
// elsewhere has another head or a broken seal.
func (s *sealer) digest(env []byte, purpose string, place ...[]byte) (sum, error) {
	if _, err := parseEnvelope(env); err != nil {
		return sum{}, err
	}
	h, ok := s.sums.Get().(hash.Hash)
	if !ok {
		return sum{}, errSeal
	}
	defer s.sums.Put(h)
	h.Reset()
	h.Write(s.aad(env[:envelopeHead], purpose, place))
	return sum(h.Sum(nil)), nil
}
