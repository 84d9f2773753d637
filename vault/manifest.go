package vault

import (
	"encoding/binary"
	"math/bits"
)

// sum is a number modulo 2^256, little-endian in four words' order: the sum of
// the digests of everything that is in the vault. Adding and taking away one
// digest costs the same however much there is, and the order does not matter.
type sum [32]byte

func (s *sum) add(d sum) {
	var carry uint64
	for i := 0; i < len(s); i += 8 {
		var w uint64
		w, carry = bits.Add64(binary.LittleEndian.Uint64(s[i:]), binary.LittleEndian.Uint64(d[i:]), carry)
		binary.LittleEndian.PutUint64(s[i:], w)
	}
}

func (s *sum) sub(d sum) {
	var borrow uint64
	for i := 0; i < len(s); i += 8 {
		var w uint64
		w, borrow = bits.Sub64(binary.LittleEndian.Uint64(s[i:]), binary.LittleEndian.Uint64(d[i:]), borrow)
		binary.LittleEndian.PutUint64(s[i:], w)
	}
}

// manifest says what the vault must contain. It is sealed and replaced in each
// transaction that changes anything.
type manifest struct {
	commit   uint64 // transactions so far
	revision uint64 // the last one given out; of all records together
	first    uint64 // the journal's oldest entry, newest+1 where there is none
	newest   uint64 // the last id given out
	records  uint64
	sum      sum
}

const manifestSize = 5*8 + 32

func (m manifest) encode() []byte {
	b := make([]byte, 0, manifestSize)
	for _, n := range []uint64{m.commit, m.revision, m.first, m.newest, m.records} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return append(b, m.sum[:]...)
}

func decodeManifest(b []byte) (manifest, error) {
	if len(b) != manifestSize {
		return manifest{}, errSeal
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(b[i*8:]) }
	m := manifest{commit: n(0), revision: n(1), first: n(2), newest: n(3), records: n(4), sum: sum(b[5*8:])}
	if m.first == 0 || m.first > m.newest+1 {
		return manifest{}, errSeal
	}
	return m, nil
}
