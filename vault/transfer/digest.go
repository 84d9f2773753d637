package transfer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"

	"github.com/bilikeeper/bilikeeper/vault"
)

// page is how many entries are read at once.
const page = 500

// Digest is one over all records and all entries after an id, in their order. It says
// nothing of revisions, which are each vault's own.
func Digest(v vault.Vault, after uint64) (string, error) {
	kinds := kindsOf(v)
	h := sha256.New()
	err := v.View(func(tx vault.Tx) error {
		for _, k := range kinds {
			err := tx.Each(k, func(key string, r vault.Record) error {
				add(h, []byte(k), []byte(key), r.Value)
				return nil
			})
			if err != nil {
				return err
			}
		}
		for at := after; ; {
			entries, err := tx.Events(at, page)
			if err != nil || len(entries) == 0 {
				return err
			}
			for _, e := range entries {
				add(h, binary.BigEndian.AppendUint64(nil, e.ID), binary.BigEndian.AppendUint64(nil, uint64(e.Time.UnixNano())), e.Value)
				at = e.ID
			}
		}
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// add writes parts, each behind its length, so that none runs into another.
func add(h hash.Hash, parts ...[]byte) {
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		_, _ = h.Write(p)
	}
}

// kindsOf are the kinds of records in a vault, the note's aside.
func kindsOf(v vault.Vault) []string {
	kinds := slices.Sorted(maps.Keys(v.Info().Records))
	return slices.DeleteFunc(kinds, func(k string) bool { return k == Kind })
}
