package seal

import (
	"encoding/binary"
	"math/bits"
)

// Sum is a number modulo 2^256, little-endian in four words' order: the sum of
// the digests of everything that is in the vault. Adding and taking away one
// digest costs the same however much there is, and the order does not matter.
type Sum [32]byte

// Add adds a digest.
func (s *Sum) Add(d Sum) { s.combine(d, bits.Add64) }

// Sub takes a digest away.
func (s *Sum) Sub(d Sum) { s.combine(d, bits.Sub64) }

func (s *Sum) combine(d Sum, step func(x, y, carry uint64) (uint64, uint64)) {
	var carry uint64
	for i := 0; i < len(s); i += 8 {
		var w uint64
		w, carry = step(binary.LittleEndian.Uint64(s[i:]), binary.LittleEndian.Uint64(d[i:]), carry)
		binary.LittleEndian.PutUint64(s[i:], w)
	}
}

// Manifest says what the vault must contain. It is sealed and replaced in each
// transaction that changes anything.
type Manifest struct {
	Commit   uint64 // transactions so far
	Revision uint64 // the last one given out; of all records together
	First    uint64 // the journal's oldest entry, Newest+1 where there is none
	Newest   uint64 // the last id given out
	Records  uint64
	Sum      Sum
}

const manifestSize = 5*8 + 32

func (m Manifest) encode() []byte {
	b := make([]byte, 0, manifestSize)
	for _, n := range []uint64{m.Commit, m.Revision, m.First, m.Newest, m.Records} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return append(b, m.Sum[:]...)
}

func decodeManifest(b []byte) (Manifest, error) {
	if len(b) != manifestSize {
		return Manifest{}, ErrSeal
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(b[i*8:]) }
	m := Manifest{Commit: n(0), Revision: n(1), First: n(2), Newest: n(3), Records: n(4), Sum: Sum(b[5*8:])}
	if m.First == 0 || m.First > m.Newest+1 {
		return Manifest{}, ErrSeal
	}
	return m, nil
}

// SealManifest makes the manifest's envelope.
func (s *Sealer) SealManifest(m Manifest) []byte {
	return s.Seal(m.Commit, m.encode(), manifestPosition())
}

// CorrectManifest is [Sealer.Correct] for the manifest.
func (s *Sealer) CorrectManifest(env []byte) ([]byte, bool) {
	return s.Correct(env, manifestPosition())
}

// OpenManifest reads the manifest's envelope.
func (s *Sealer) OpenManifest(env []byte) (Manifest, error) {
	commit, plain, err := s.Open(nil, env, manifestPosition())
	if err != nil {
		return Manifest{}, err
	}
	m, err := decodeManifest(plain)
	if err == nil && commit != m.Commit {
		err = ErrSeal
	}
	return m, err
}
