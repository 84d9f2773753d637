package etcd

import (
	"cmp"
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

const journalName = "journal"

// pruneStep bounds how many old entries one new entry takes with it.
const pruneStep = 4

var errTime = errors.New("impossible time")

// Append implements [vault.Tx]. Ids have no gaps: who appends compares where the
// journal ends.
func (t *tx) Append(at time.Time, value []byte) (uint64, error) {
	if y := at.Year(); y < 1970 || y > 2261 {
		return 0, fault.New("append", journalName, errTime)
	}
	if len(value) > maxValue {
		return 0, fault.New("append", journalName, fault.ErrTooLarge)
	}
	if err := t.change("append", journalName); err != nil {
		return 0, err
	}
	t.b.readHead()
	h := t.b.head
	h.newest++
	t.b.setHead(h)
	set(t.b, t.b.entries, h.newest, appendedEntry{at.UnixNano(), append([]byte{}, value...)})
	t.b.grow(len(value))
	if err := t.prune(at); err != nil {
		t.broken = fault.Wrap("append", journalName, err)
		return 0, t.broken
	}
	return h.newest, nil
}

// prune drops a few of the oldest entries, never the one just written.
func (t *tx) prune(now time.Time) error {
	oldest := now.Add(-t.v.o.JournalAge)
	for range pruneStep {
		h := t.b.head
		if h.first >= h.newest {
			return nil
		}
		id := h.first
		e, err := t.entry(id)
		if err == nil && h.newest-h.first < uint64(cmp.Or(t.journalMax, t.v.o.JournalMax)) && !e.Time.Before(oldest) {
			return nil
		}
		// One that does not open any more is dropped without a word.
		if err == nil && t.retire != nil {
			if err := t.retire(e); err != nil {
				return err
			}
		}
		if _, own := t.b.entries[id]; own {
			unset(t.b, t.b.entries, id)
		} else {
			set(t.b, t.b.drops, id, true)
		}
		h = t.b.head // retire may have done something
		h.first++
		t.b.setHead(h)
	}
	return nil
}

// entry is an entry that there is.
func (t *tx) entry(id uint64) (vault.Entry, error) {
	if t.b != nil {
		if e, ok := t.b.entries[id]; ok {
			return vault.Entry{ID: id, Time: time.Unix(0, e.at).UTC(), Value: append([]byte{}, e.value...)}, nil
		}
	}
	err := seal.ErrSeal
	if e := t.m.journal[id]; e != nil && e.env != nil {
		at, value, openErr := t.m.Open(nil, e.env, entryAt(id))
		if err = openErr; err == nil {
			return vault.Entry{ID: id, Time: time.Unix(0, int64(at)).UTC(), Value: value}, nil
		}
	}
	return vault.Entry{}, fault.Corrupt("read", journalName, "entry %d: %v", id, err)
}

// now is where the journal begins and ends, as the transaction has it.
func (t *tx) now() head {
	if t.b == nil {
		return t.m.head
	}
	t.b.readHead()
	return t.b.head
}

// OnRetire implements [vault.Tx].
func (t *tx) OnRetire(fn func(vault.Entry) error) { t.retire = fn }

// KeepJournal implements [vault.Tx].
func (t *tx) KeepJournal(entries int) { t.journalMax = max(entries, 1) }

// JournalAge implements [vault.Tx].
func (t *tx) JournalAge() time.Duration { return t.v.o.JournalAge }

// Events implements [vault.Tx].
func (t *tx) Events(after uint64, limit int) ([]vault.Entry, error) {
	if t.over {
		return nil, fault.New("read", journalName, errOver)
	}
	h := t.now()
	if after+1 < h.first || after > h.newest {
		return nil, fault.New("read", journalName, fault.ErrGap)
	}
	n := h.newest - after
	if limit > 0 {
		n = min(n, uint64(limit))
	}
	entries := make([]vault.Entry, 0, n)
	for id := after + 1; id <= after+n; id++ {
		e, err := t.entry(id)
		if err != nil && t.v.o.Lost != nil {
			e, err = vault.Entry{ID: id, Value: t.v.o.Lost}, nil // nobody waits for it
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Oldest implements [vault.Tx].
func (t *tx) Oldest() uint64 {
	if t.over {
		return 0
	}
	return t.now().first
}

// Newest implements [vault.Tx].
func (t *tx) Newest() uint64 {
	if t.over {
		return 0
	}
	return t.now().newest
}
