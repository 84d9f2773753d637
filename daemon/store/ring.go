package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/vault"
)

// The journal is one sequence of entries. The vault has a window of the newest, and
// drops the oldest for each that comes. What leaves the window and is not to be lost
// by that becomes a record, under its id:
//
//   - an entry of the last so many. Readings do not count among them, so that nobody
//     who reads in a loop pushes anything out but what he read himself;
//   - a reading that is among its reader's last ones of that account;
//   - a message that a channel has yet to deliver.
//
// A version that knows none of this reads the window alone.
const (
	kindRing        = "ring"        // how far the journal has come, and each reader's last readings
	kindKept        = "kept"        // entries that count
	kindReading     = "reading"     // readings
	kindUndelivered = "undelivered" // messages that somebody waits for
)

const (
	// defaultEntries and defaultPerAccount are how many entries there are where
	// nobody says: so many in all, or more where there are many accounts.
	defaultEntries    = 10_000
	defaultPerAccount = 20
	// readingsKept is how many entries a reader of an account has.
	readingsKept = 32
	// trimmed bounds how many records a change drops of each kind: as many as it can
	// make, and some more.
	trimmed = 6
	// journalRing is the key of ends.
	journalRing = "journal"
)

// Limits say how long the journal is.
type Limits struct {
	// Entries is how many there are at least, readings apart; 0 means 10,000.
	Entries int
	// PerAccount is how many there are for each account, if that makes more; 0 means
	// 20.
	PerAccount int
}

// entries is how many a keeper of so many accounts has.
func (l Limits) entries(accounts int) int {
	if l.Entries <= 0 {
		l.Entries = defaultEntries
	}
	if l.PerAccount <= 0 {
		l.PerAccount = defaultPerAccount
	}
	return max(l.Entries, l.PerAccount*accounts)
}

// Scale says how long the journal is for so many accounts.
func (s *Store) Scale(l Limits, accounts int) {
	s.most.Store(int64(l.entries(accounts)))
}

// Hold names who knows whether an event's message has yet to be delivered. Such an
// event is not dropped.
func (s *Store) Hold(waits func(account, eventType string, id uint64) bool) { s.waits.Store(&waits) }

func (s *Store) held(w entry, id uint64) bool {
	waits := s.waits.Load()
	return waits != nil && (*waits)(w.Account, w.Type, id)
}

// ends is what is known of the journal beside its window.
type ends struct {
	// Count is how many entries there were so far, readings apart.
	Count uint64 `json:"count"`
	// Horizon is the id from which on nothing was dropped that counts.
	Horizon uint64 `json:"horizon"`
	// First is where the window began when this was written.
	First uint64 `json:"first"`
}

// readEnds returns them with their revision. A version that keeps none of this may
// have dropped entries meanwhile, or be the one before.
func readEnds(tx vault.Tx) (e ends, revision uint64, err error) {
	first := tx.Oldest()
	r, err := tx.Get(kindRing, journalRing)
	if errors.Is(err, vault.ErrNotFound) {
		return ends{Count: tx.Newest(), Horizon: first, First: first}, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(r.Value, &e)
	}
	if e.First != first {
		e.Horizon, e.First = max(e.Horizon, first), first
	}
	return e, r.Revision, err
}

// keptEntry is an entry as a record.
type keptEntry struct {
	At    time.Time       `json:"at"`
	Entry json.RawMessage `json:"entry"`
}

func idKey(id uint64) string { return fmt.Sprintf("%016x", id) }

// journal is the journal in a transaction that adds to it.
type journal struct {
	store *Store
	tx    vault.Tx
	ends  ends
	was   uint64
	now   time.Time
}

func (s *Store) journal(tx vault.Tx, now time.Time) (*journal, error) {
	j := &journal{store: s, tx: tx, now: now}
	var err error
	j.ends, j.was, err = readEnds(tx)
	tx.OnRetire(j.retire)
	tx.KeepJournal(int(s.most.Load()))
	return j, err
}

// add appends events and drops what is too much.
func (j *journal) add(events []Event) error {
	for _, e := range events {
		if e.Reader == "" {
			j.ends.Count++
		}
		data, err := e.encode(j.ends.Count)
		if err != nil {
			return err
		}
		id, err := j.tx.Append(j.now, data)
		if err == nil && e.Reader != "" {
			err = j.enter(e.Reader, id)
		}
		if err == nil {
			err = j.trim()
		}
		if err != nil {
			return err
		}
	}
	j.ends.First = j.tx.Oldest()
	return j.put(kindRing, journalRing, j.ends, j.was)
}

func (j *journal) put(kind, key string, v any, was uint64) error {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = j.tx.Put(kind, key, data, was)
	}
	return err
}

// counts reports whether an entry is one of the last so many.
func (j *journal) counts(w entry, at time.Time) bool {
	return int64(j.ends.Count-w.Count) < j.store.most.Load() && j.young(at)
}

func (j *journal) young(at time.Time) bool {
	return j.now.Sub(at) <= j.tx.JournalAge()
}

// retire decides what becomes of an entry that leaves the window.
func (j *journal) retire(e vault.Entry) error {
	var w entry
	if json.Unmarshal(e.Value, &w) != nil {
		return nil
	}
	if w.Count == 0 && w.Ring == "" { // of a version that did not count
		w.Count = e.ID
	}
	switch {
	case w.Ring != "":
		ids, _, err := j.ring(w.Ring)
		if err != nil || !contains(ids, e.ID) || !j.young(e.Time) {
			return err
		}
		return j.keep(kindReading, e)
	case j.counts(w, e.Time):
		return j.keep(kindKept, e)
	}
	return j.drop(w, e)
}

func (j *journal) keep(kind string, e vault.Entry) error {
	return j.put(kind, idKey(e.ID), keptEntry{e.Time, e.Value}, 0)
}

// drop lets go of an entry that counts no more, unless somebody waits for it.
func (j *journal) drop(w entry, e vault.Entry) error {
	j.ends.Horizon = max(j.ends.Horizon, e.ID+1)
	if j.store.held(w, e.ID) {
		return j.keep(kindUndelivered, e)
	}
	return nil
}

// trim drops what became too much among the records, oldest first.
func (j *journal) trim() error {
	err := j.oldest(kindKept, func(w entry, e vault.Entry) (bool, error) {
		if j.counts(w, e.Time) {
			return false, nil
		}
		return true, j.drop(w, e)
	})
	if err == nil {
		err = j.oldest(kindUndelivered, func(w entry, e vault.Entry) (bool, error) { return !j.store.held(w, e.ID), nil })
	}
	if err == nil {
		err = j.oldest(kindReading, func(w entry, e vault.Entry) (bool, error) {
			if j.young(e.Time) {
				return false, nil
			}
			return true, j.leave(w.Ring, e.ID)
		})
	}
	return err
}

var errEnough = errors.New("enough")

// oldest drops the oldest records of a kind as long as drop says so.
func (j *journal) oldest(kind string, drop func(w entry, e vault.Entry) (bool, error)) error {
	n := 0
	err := j.tx.EachAfter(kind, "", func(key string, r vault.Record) error {
		if n++; n > trimmed {
			return errEnough
		}
		w, e, err := decodeKept(key, r)
		gone := err != nil // it means nothing to anybody
		if !gone {
			if gone, err = drop(w, e); err != nil {
				return err
			}
		}
		if !gone {
			return errEnough
		}
		return j.tx.Delete(kind, key, r.Revision)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func decodeKept(key string, r vault.Record) (w entry, e vault.Entry, err error) {
	var k keptEntry
	if e.ID, err = strconv.ParseUint(key, 16, 64); err == nil {
		err = json.Unmarshal(r.Value, &k)
	}
	if err == nil {
		err = json.Unmarshal(k.Entry, &w)
	}
	if w.Count == 0 && w.Ring == "" {
		w.Count = e.ID
	}
	e.Time, e.Value = k.At, k.Entry
	return w, e, err
}

// ring returns the ids of a reader's entries, oldest first.
func (j *journal) ring(name string) (ids []uint64, revision uint64, err error) {
	r, err := j.tx.Get(kindRing, readerRing(name))
	if errors.Is(err, vault.ErrNotFound) {
		return nil, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(r.Value, &ids)
	}
	return ids, r.Revision, err
}

func readerRing(name string) string { return "reader " + name }

// enter adds an entry to a reader's ring, and drops those that are too many.
func (j *journal) enter(name string, id uint64) error {
	ids, was, err := j.ring(name)
	if err != nil {
		return err
	}
	for ids = append(ids, id); len(ids) > readingsKept; ids = ids[1:] {
		switch r, err := j.tx.Get(kindReading, idKey(ids[0])); {
		case errors.Is(err, vault.ErrNotFound): // it is in the window yet
		case err != nil:
			return err
		default:
			if err := j.tx.Delete(kindReading, idKey(ids[0]), r.Revision); err != nil {
				return err
			}
		}
	}
	return j.put(kindRing, readerRing(name), ids, was)
}

// leave takes an entry out of a reader's ring that is too old, and a ring that has
// no other with it.
func (j *journal) leave(name string, id uint64) error {
	ids, was, err := j.ring(name)
	if err != nil || was == 0 {
		return err
	}
	for len(ids) > 0 && ids[0] <= id {
		ids = ids[1:]
	}
	if len(ids) == 0 {
		return j.tx.Delete(kindRing, readerRing(name), was)
	}
	return j.put(kindRing, readerRing(name), ids, was)
}

func contains(ids []uint64, id uint64) bool {
	for _, one := range ids {
		if one == id {
			return true
		}
	}
	return false
}
