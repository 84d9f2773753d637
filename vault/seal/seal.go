// Package seal is the format of what the vault keeps, and its cryptography:
// envelopes bound to their position, and the arithmetic of the manifest. It
// reads and writes no file, and knows neither where an envelope is stored nor
// where a key comes from.
//
// Values are encrypted with XChaCha20-Poly1305 under keys derived from a random
// data key. The bytes are on disk and never change.
//
// Guarantee: an envelope opens only with its vault's data key, at the position
// and with the number (revision, time, commit) that it was sealed for.
package seal

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

// Sizes in bytes.
const (
	KeySize   = 32
	IDSize    = 16 // of a vault's id
	NonceSize = chacha20poly1305.NonceSizeX
	Overhead  = chacha20poly1305.Overhead

	// An envelope: version, number, nonce, ciphertext. The number is the
	// revision of a record, the time of an entry, the commit of the manifest.
	// It stands in the clear, because compare-and-swap and the pruning of the
	// journal need it without the value, and it is bound by the encryption.
	envelopeVersion = 1
	envelopeHead    = 1 + 8 + NonceSize

	// HeadSize is how much of an envelope is enough for its number and its digest.
	HeadSize = envelopeHead + Overhead
)

// ErrSeal says that an envelope is not what was sealed at its position.
var ErrSeal = errors.New("the seal is broken")

// Position is what an envelope is bound to, beside its vault and its number.
// The purpose comes first, so that one kind can never be taken for another.
type Position struct {
	purpose string
	parts   [][]byte
}

// Record is the position of a record.
func Record(kind, key []byte) Position {
	return Position{"bilikeeper record 1", [][]byte{kind, key}}
}

// Entry is the position of an entry of the journal, whose id is 8 bytes.
func Entry(id []byte) Position { return Position{"bilikeeper entry 1", [][]byte{id}} }

// At is a position in another layout than the file's. The purpose is that layout's
// own, and no other uses it.
func At(purpose string, parts ...[]byte) Position { return Position{purpose, parts} }

func manifestPosition() Position { return Position{"bilikeeper manifest 1", nil} }

// Sealer holds the keys of one vault.
type Sealer struct {
	id      []byte
	dataKey []byte
	values  cipher.AEAD
	pads    sync.Pool // of *pad
}

// pad is what sealing, opening and summing write to on the way.
type pad struct {
	mac        hash.Hash // keyed
	bound, sum []byte
}

// NewSealer derives a key for each use from the data key, so that no key serves
// two algorithms.
func NewSealer(dataKey, vaultID []byte) (*Sealer, error) {
	values, err := AEAD(dataKey, vaultID, "bilikeeper values 1")
	if err != nil {
		return nil, err
	}
	sumKey, err := hkdf.Key(sha256.New, dataKey, vaultID, "bilikeeper sum 1", KeySize)
	if err != nil {
		return nil, err
	}
	s := &Sealer{id: vaultID, dataKey: dataKey, values: values}
	s.pads.New = func() any { return &pad{mac: hmac.New(sha256.New, sumKey)} }
	return s, nil
}

// Key derives a key for one more use.
func (s *Sealer) Key(use string) ([]byte, error) {
	return hkdf.Key(sha256.New, s.dataKey, s.id, use, KeySize)
}

// ID is the vault's id.
func (s *Sealer) ID() []byte { return s.id }

// DataKey is kept to be wrapped in new slots.
func (s *Sealer) DataKey() []byte { return s.dataKey }

// AEAD derives a key for one use and returns the cipher under it.
func AEAD(secret, salt []byte, use string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, salt, use, KeySize)
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.NewX(key)
}

// Bind joins the parts with their lengths, so that no two lists of parts give
// the same bytes.
func Bind(purpose string, parts ...[]byte) []byte {
	n := 4 + len(purpose)
	for _, p := range parts {
		n += 4 + len(p)
	}
	b := bindPurpose(make([]byte, 0, n), purpose)
	for _, p := range parts {
		b = bindPart(b, p)
	}
	return b
}

func bindPurpose(b []byte, purpose string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(purpose))), purpose...)
}

func bindPart(b, part []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
}

// Uint64 is a number as the format writes it.
func Uint64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Seal makes an envelope.
func (s *Sealer) Seal(n uint64, plain []byte, at Position) []byte {
	env := make([]byte, envelopeHead, envelopeHead+len(plain)+Overhead)
	env[0] = envelopeVersion
	binary.BigEndian.PutUint64(env[1:], n)
	nonce := env[1+8 : envelopeHead]
	_, _ = rand.Read(nonce) // never fails: the runtime ends the program instead
	p := s.pad()
	defer s.pads.Put(p)
	return s.values.Seal(env, nonce, plain, s.aad(p, env[:1+8], at))
}

// Open appends the plaintext to dst and returns the number, too.
func (s *Sealer) Open(dst, env []byte, at Position) (n uint64, plain []byte, err error) {
	if n, err = Number(env); err != nil {
		return 0, nil, err
	}
	p := s.pad()
	defer s.pads.Put(p)
	plain, err = s.values.Open(dst, env[1+8:envelopeHead], env[envelopeHead:], s.aad(p, env[:1+8], at))
	if err != nil {
		return 0, nil, ErrSeal
	}
	return n, plain, nil
}

// OpenInPlace is [Sealer.Open] for an envelope that nobody needs any more: the
// plaintext takes the place of the ciphertext, and holds its memory.
func (s *Sealer) OpenInPlace(env []byte, at Position) (n uint64, plain []byte, err error) {
	if _, err = Number(env); err != nil {
		return 0, nil, err
	}
	return s.Open(env[envelopeHead:envelopeHead], env, at)
}

// mostCorrected bounds the envelopes that are corrected: the time goes with the
// square of their size.
const mostCorrected = 8 << 10

// Correct returns the envelope that was sealed, where one bit of it was turned over
// on the disk since. The seal proves that it is the right one.
func (s *Sealer) Correct(env []byte, at Position) ([]byte, bool) {
	if len(env) > mostCorrected || len(env) < envelopeHead+Overhead {
		return nil, false
	}
	try := append([]byte{}, env...)
	for i := range len(try) * 8 {
		try[i/8] ^= 1 << (i % 8)
		_, opened, err := s.Open(nil, try, at)
		if err == nil {
			clear(opened)
			return try, true
		}
		try[i/8] ^= 1 << (i % 8)
	}
	return nil, false
}

func (s *Sealer) pad() *pad {
	p, _ := s.pads.Get().(*pad)
	return p
}

// aad is what an envelope is bound to, in the pad: [Bind] of the position, with the
// vault and the head before its parts.
func (s *Sealer) aad(p *pad, head []byte, at Position) []byte {
	p.bound = bindPart(bindPart(bindPurpose(p.bound[:0], at.purpose), s.id), head)
	for _, part := range at.parts {
		p.bound = bindPart(p.bound, part)
	}
	return p.bound
}

// Number returns the number in an envelope's head, which only opening proves.
func Number(env []byte) (uint64, error) {
	if len(env) < envelopeHead+Overhead || env[0] != envelopeVersion {
		return 0, ErrSeal
	}
	return binary.BigEndian.Uint64(env[1:]), nil
}

// Digest is what an envelope adds to the manifest's sum. The nonce in the head
// stands for the whole envelope: no two values were ever sealed with the same
// one, not even by transactions that were undone, so an envelope from
// elsewhere has another head or a broken seal.
func (s *Sealer) Digest(env []byte, at Position) (Sum, error) {
	if _, err := Number(env); err != nil {
		return Sum{}, err
	}
	p := s.pad()
	defer s.pads.Put(p)
	p.mac.Reset()
	p.mac.Write(s.aad(p, env[:envelopeHead], at))
	p.sum = p.mac.Sum(p.sum[:0])
	return Sum(p.sum), nil
}

// Reseal seals an envelope's value under another key, and returns the digest
// of the new envelope.
func (s *Sealer) Reseal(next *Sealer, env []byte, at Position) ([]byte, Sum, error) {
	n, plain, err := s.Open(nil, env, at)
	if err != nil {
		return nil, Sum{}, err
	}
	sealed := next.Seal(n, plain, at)
	clear(plain)
	d, err := next.Digest(sealed, at)
	return sealed, d, err
}

// NewKey makes a data key.
func NewKey() []byte {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails, as above
	return key
}
