package vault

import (
	"bytes"
	"cmp"
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// pruneStep bounds how many old entries one new entry takes with it, so that
// no transaction pays for a limit that was lowered or a clock that jumped.
const pruneStep = 4

var errTime = errors.New("impossible time")

// Append implements [Tx]. Ids have no gaps.
func (tx *fileTx) Append(at time.Time, value []byte) (uint64, error) {
	if y := at.Year(); y < 1970 || y > 2261 {
		return 0, fault.New("append", journalBucket.Name, errTime)
	}
	if len(value) > maxValue {
		return 0, fault.New("append", journalBucket.Name, ErrTooLarge)
	}
	err := tx.change("append", journalBucket.Name, func() error {
		id := seal.Uint64(tx.m.Newest + 1)
		env := tx.v.seal.Seal(uint64(at.UnixNano()), value, seal.Entry(id))
		d, err := tx.v.seal.Digest(env, seal.Entry(id))
		if err == nil {
			err = tx.b.Put(journalBucket, id, env)
		}
		if err != nil {
			return err
		}
		tx.m.Newest++
		tx.m.Sum.Add(d)
		tx.dirty, tx.appended = true, true
		return tx.prune(at)
	})
	if err != nil {
		return 0, err
	}
	return tx.m.Newest, nil
}

// OnRetire implements [Tx].
func (tx *fileTx) OnRetire(fn func(Entry) error) { tx.retire = fn }

// KeepJournal implements [Tx].
func (tx *fileTx) KeepJournal(entries int) { tx.journalMax = max(entries, 1) }

// JournalAge implements [Tx].
func (tx *fileTx) JournalAge() time.Duration { return tx.v.o.JournalAge }

// prune drops a few of the oldest entries, never the one just written.
func (tx *fileTx) prune(now time.Time) error {
	oldest := now.Add(-tx.v.o.JournalAge).UnixNano()
	for range pruneStep {
		if tx.m.First >= tx.m.Newest {
			return nil
		}
		id := seal.Uint64(tx.m.First)
		env, err := tx.b.Get(journalBucket, id)
		if err != nil {
			return err
		}
		at, err := seal.Number(env)
		if err != nil {
			return fault.Corrupt("append", journalBucket.Name, "entry %d: %v", tx.m.First, err)
		}
		if tx.m.Newest-tx.m.First < uint64(cmp.Or(tx.journalMax, tx.v.o.JournalMax)) && int64(at) >= oldest {
			return nil
		}
		if err := tx.retired(env); err != nil {
			return err
		}
		d, err := tx.v.seal.Digest(env, seal.Entry(id))
		if err == nil {
			err = tx.b.Delete(journalBucket, id)
		}
		if err != nil {
			return err
		}
		tx.m.Sum.Sub(d)
		tx.m.First++
	}
	return nil
}

// retired shows the oldest entry to whom OnRetire named. One that does not open any
// more is dropped without a word.
func (tx *fileTx) retired(env []byte) error {
	if tx.retire == nil {
		return nil
	}
	e, err := tx.v.entry(tx.m.First, env)
	if err != nil {
		return nil
	}
	return tx.retire(e)
}

// Events implements [Tx].
func (tx *fileTx) Events(after uint64, limit int) ([]Entry, error) {
	if err := tx.load(); err != nil {
		return nil, err
	}
	if after+1 < tx.m.First || after > tx.m.Newest {
		return nil, fault.New("read", journalBucket.Name, ErrGap)
	}
	n := tx.m.Newest - after
	if limit > 0 {
		n = min(n, uint64(limit))
	}
	entries := make([]Entry, 0, n)
	if n == 0 {
		return entries, nil
	}
	err := tx.b.Each(journalBucket, seal.Uint64(after+1), n, func(id, env []byte) error {
		want := after + uint64(len(entries)) + 1
		if !bytes.Equal(id, seal.Uint64(want)) {
			return missing(want)
		}
		// What is in the file may change meanwhile.
		e, err := tx.v.entry(want, bytes.Clone(env))
		if err != nil && tx.v.o.Lost != nil {
			// Damaged since the vault was opened. Nobody waits for it.
			e, err = Entry{ID: want, Value: tx.v.o.Lost}, nil
		}
		entries = append(entries, e)
		return err
	})
	if got := uint64(len(entries)); err == nil && got < n {
		err = missing(after + got + 1)
	}
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func missing(id uint64) error {
	return fault.Corrupt("read", journalBucket.Name, "entry %d is missing", id)
}

// Oldest implements [Tx].
func (tx *fileTx) Oldest() uint64 {
	if tx.load() != nil {
		return 0
	}
	return tx.m.First
}

// Newest implements [Tx].
func (tx *fileTx) Newest() uint64 {
	if tx.load() != nil {
		return 0
	}
	return tx.m.Newest
}
