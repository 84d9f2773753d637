package vault

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// loadHealed loads the vault; damage to its journal is mended first, because an
// entry that is lost is no reason to leave the accounts alone.
func loadHealed(v *File) error {
	err := v.file.View("open", v.load)
	damage, ok := errors.AsType[*journalDamage](err)
	if !ok || v.o.Lost == nil {
		return err
	}
	aside := v.path + ".damaged-" + time.Now().UTC().Format(asideTime)
	if err := v.file.Backup(aside); err != nil {
		return err
	}
	if err := v.file.Update("mend", v.mendJournal); err != nil {
		return err
	}
	v.damage = append(v.damage, fmt.Sprintf("its journal was damaged and was mended without what is lost (%s); the file as it was is %s", damage, aside))
	return v.file.View("open", v.load)
}

// mendJournal puts the entry of [Options] in the place of each that is damaged, and
// makes the manifest say so. What one bit keeps from opening is corrected.
func (v *File) mendJournal(tx *bolt.Tx) error {
	m, err := v.manifest(tx)
	if err != nil {
		return err
	}
	f := &found{manifest: m, kinds: map[string]int{}}
	if _, err := v.readRecords(tx, f, true); err != nil {
		return err
	}
	j := newEntries(v.contents)
	var strange [][]byte
	err = tx.Each(journalBucket, nil, 0, func(key, env []byte) error {
		if id, ok := entryID(key); !ok || id < m.First || id > m.Newest {
			strange = append(strange, bytes.Clone(key))
		} else {
			j.offer(id, env)
		}
		return nil
	})
	for _, key := range strange {
		err = errors.Join(err, tx.Delete(journalBucket, key))
	}
	if err != nil {
		return err
	}
	was := m.Sum
	m.Commit++
	m.Sum = f.sum
	if err := j.write(tx, &m, v.o.Lost); err != nil {
		return err
	}
	if j.lost == 0 && m.Sum != was {
		return fault.Corrupt("mend", v.path, "a record was changed, put back or removed from outside")
	}
	return tx.Put(metaBucket, []byte(metaManifest), v.seal.SealManifest(m))
}

// entries are those of a journal that open.
type entries struct {
	mender
	sealed map[uint64][]byte
	// lost is how many were replaced.
	lost int
}

func newEntries(c contents) *entries {
	return &entries{mender: mender{contents: c}, sealed: map[uint64][]byte{}}
}

// offer takes an entry that opens, or that can be corrected.
func (j *entries) offer(id uint64, env []byte) {
	at := seal.Entry(seal.Uint64(id))
	if right, ok := j.mended(env, at); ok && j.sealed[id] == nil {
		j.sealed[id] = right
	}
}

// mender opens envelopes that may be damaged.
type mender struct {
	contents
	// spent is what corrections have cost, each the square of a size.
	spent int
}

// mostSpent is some ten seconds: where all is damaged no bit helps.
const mostSpent = 1 << 30

// mended returns a copy of an envelope that opens, corrected where that helps.
func (m *mender) mended(env []byte, at seal.Position) ([]byte, bool) {
	if _, plain, err := m.seal.Open(nil, env, at); err == nil {
		clear(plain)
		return bytes.Clone(env), true
	}
	if m.spent > mostSpent {
		return nil, false
	}
	m.spent += len(env) * len(env)
	return m.seal.Correct(env, at)
}

// write writes the entries that a manifest names, and adds them to its sum.
func (j *entries) write(tx *bolt.Tx, m *seal.Manifest, lost []byte) error {
	if lost == nil {
		lost = []byte("{}")
	}
	at := uint64(time.Now().UnixNano())
	for id := m.First; id <= m.Newest; id++ {
		key, env := seal.Uint64(id), j.sealed[id]
		if env == nil {
			j.lost++
			env = j.seal.Seal(at, lost, seal.Entry(key))
		}
		d, err := j.seal.Digest(env, seal.Entry(key))
		if err == nil {
			at, err = seal.Number(env)
		}
		if err == nil {
			err = tx.Put(journalBucket, key, env)
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", id, err)
		}
		m.Sum.Add(d)
	}
	return nil
}
