package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"
)

// pruneStep bounds how many old entries one new entry takes with it, so that
// no transaction pays for a limit that was lowered or a clock that jumped.
const pruneStep = 4

// Entry is one line of the journal.
type Entry struct {
	ID    uint64
	Time  time.Time
	Value []byte
}

var errTime = errors.New("impossible time")

// Append writes an entry and returns its id. Ids have no gaps. at is kept to
// the nanosecond.
func (tx *Tx) Append(at time.Time, value []byte) (uint64, error) {
	if y := at.Year(); y < 1970 || y > 2261 {
		return 0, &Error{Op: "append", Path: bucketJournal, Err: errTime}
	}
	if len(value) > maxValue {
		return 0, &Error{Op: "append", Path: bucketJournal, Err: ErrTooLarge}
	}
	err := tx.change("append", bucketJournal, func() error {
		bk, err := bucket(tx.b, tx.v.path, bucketJournal)
		if err != nil {
			return err
		}
		id := number(tx.m.newest + 1)
		env := tx.v.seal.seal(uint64(at.UnixNano()), value, purposeEntry, id)
		d, err := tx.v.seal.digest(env, purposeEntry, id)
		if err != nil {
			return err
		}
		// Ids only grow: full pages stay full.
		bk.FillPercent = 1
		if err := bk.Put(id, env); err != nil {
			return err
		}
		tx.m.newest++
		tx.m.sum.add(d)
		tx.dirty, tx.appended = true, true
		return tx.prune(bk, at)
	})
	if err != nil {
		return 0, err
	}
	return tx.m.newest, nil
}

// prune drops a few of the oldest entries, never the one just written.
func (tx *Tx) prune(bk *bolt.Bucket, now time.Time) error {
	oldest := now.Add(-tx.v.journalAge).UnixNano()
	for range pruneStep {
		if tx.m.first >= tx.m.newest {
			return nil
		}
		id := number(tx.m.first)
		env := bytes.Clone(bk.Get(id))
		at, err := parseEnvelope(env)
		if err != nil {
			return corrupt("append", bucketJournal, "entry %d: %v", tx.m.first, err)
		}
		if tx.m.newest-tx.m.first < tx.v.journalMax && int64(at) >= oldest {
			return nil
		}
		d, err := tx.v.seal.digest(env, purposeEntry, id)
		if err != nil {
			return err
		}
		if err := bk.Delete(id); err != nil {
			return err
		}
		tx.m.sum.sub(d)
		tx.m.first++
	}
	return nil
}

// Events returns up to limit entries after an id, all where limit is 0.
// Nothing after the newest id is no error. ErrGap means that entries right
// after that id have been dropped, or that the id was never given out, as by a
// journal that was put back to an older copy: the caller's picture is out of
// date, and reading goes on from Oldest()-1 or Newest().
func (tx *Tx) Events(after uint64, limit int) ([]Entry, error) {
	if err := tx.load(); err != nil {
		return nil, err
	}
	if after+1 < tx.m.first || after > tx.m.newest {
		return nil, &Error{Op: "read", Path: bucketJournal, Err: ErrGap}
	}
	n := tx.m.newest - after
	if limit > 0 {
		n = min(n, uint64(limit))
	}
	entries := make([]Entry, 0, n)
	err := tx.do("read", bucketJournal, func() error {
		bk, err := bucket(tx.b, tx.v.path, bucketJournal)
		if err != nil {
			return err
		}
		c := bk.Cursor()
		for k, env := c.Seek(number(after + 1)); uint64(len(entries)) < n; k, env = c.Next() {
			want := after + uint64(len(entries)) + 1
			if len(k) != 8 || binary.BigEndian.Uint64(k) != want {
				return corrupt("read", bucketJournal, "entry %d is missing", want)
			}
			e, err := tx.v.openEntry(want, bytes.Clone(env))
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func (v *Vault) openEntry(id uint64, env []byte) (Entry, error) {
	plain, err := v.seal.open(nil, env, purposeEntry, number(id))
	if err != nil {
		return Entry{}, corrupt("read", bucketJournal, "entry %d: %v", id, err)
	}
	at, err := parseEnvelope(env)
	return Entry{ID: id, Time: time.Unix(0, int64(at)).UTC(), Value: plain}, err
}

// Oldest returns the id of the oldest entry that is still there, Newest()+1
// where there is none; so Events(Oldest()-1, 0) is always the whole journal.
func (tx *Tx) Oldest() uint64 {
	if tx.load() != nil {
		return 0
	}
	return tx.m.first
}

// Newest returns the last id that was given out, 0 before the first.
func (tx *Tx) Newest() uint64 {
	if tx.load() != nil {
		return 0
	}
	return tx.m.newest
}
