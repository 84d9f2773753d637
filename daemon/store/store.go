package store

import (
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
)

// The kinds of records in the vault. They are on disk and never change.
const (
	KindAccount  = "account"
	KindChannel  = "channel"  // a notification channel's position in the journal
	KindOutput   = "output"   // how far an output is
	KindSite     = "site"     // a breaker that was open when the keeper stopped
	KindSpent    = "spent"    // what was asked of the site lately for an account
	KindRate     = "rate"     // how much of a minute's requests was spent
	KindPlan     = "plan"     // when schedules took the place of others
	KindAudit    = "audit"    // readings that were counted and not told of
	KindChat     = "chat"     // how far a channel's chat was read
	KindCodes    = "codes"    // when codes for an account were asked for in a chat
	KindReminder = "reminder" // what was put off in a channel's chat until the morning
	KindSecret   = "secret"   // random keys that outlive a restart
	KindBackup   = "backup"   // when a copy was last made of a vault that is no file
)

// Kinds are the kinds of records, for a repair of the vault.
func Kinds() []string {
	return []string{KindAccount, KindChannel, KindOutput, KindSite, KindSpent, KindRate, KindPlan, KindAudit, KindChat, KindCodes, KindReminder, KindSecret, KindBackup,
		kindHistory, kindRing, kindKept, kindReading, kindUndelivered}
}

// Store is the vault as the keeper uses it: every write goes through update, so
// that state and events share a transaction and every watcher learns of it.
type Store struct {
	vault vault.Vault
	waiters
	// most is how many entries count, waits who knows what is undelivered.
	most  atomic.Int64
	waits atomic.Pointer[func(account, eventType string, id uint64) bool]
	// observers are told how long each commit took, and what came of it.
	observers []func(took time.Duration, err error)
}

// New returns the store that lies in an open vault.
func New(v vault.Vault) *Store {
	s := &Store{vault: v}
	s.Scale(Limits{}, 0)
	return s
}

// Vault is what the store lies in.
func (s *Store) Vault() vault.Vault { return s.vault }

// Observe has fn told of each commit. It comes before the store is used, and fn
// does next to nothing: the commit's caller waits for it.
func (s *Store) Observe(fn func(took time.Duration, err error)) {
	s.observers = append(s.observers, fn)
}

// Newest returns the id of the newest event.
func (s *Store) Newest() uint64 { return s.vault.Newest() }

// update runs fn in a transaction and appends the events that it returns. It
// returns when both are on disk.
func (s *Store) update(fn func(tx vault.Tx) ([]Event, error)) error {
	return s.write(func(tx vault.Tx) ([]Event, error) {
		events, err := fn(tx)
		tx.OnCommit(func() { s.wake(events) })
		return events, err
	})
}

// write is update without waking anybody.
func (s *Store) write(fn func(tx vault.Tx) ([]Event, error)) error {
	begun := time.Now()
	now := begun.UTC()
	err := s.vault.Update(func(tx vault.Tx) error {
		events, err := fn(tx)
		if err != nil || len(events) == 0 {
			return err
		}
		j, err := s.journal(tx, now)
		if err != nil {
			return err
		}
		if err := j.add(events); err != nil {
			return err
		}
		return chronicle(tx, now, events)
	})
	for _, fn := range s.observers {
		fn(time.Since(begun), err)
	}
	return err
}

// Tell appends events that change no state.
func (s *Store) Tell(events ...Event) error {
	return s.update(func(vault.Tx) ([]Event, error) { return events, nil })
}

// Save writes an account's record and what happened to it. The record's
// revision is the new one afterwards. show, if there is one, makes the record
// visible; it comes before anybody is woken: whoever was woken and still saw
// the old record would take the event for one that means nothing any more.
func (s *Store) Save(r *Record, events []Event, show func()) error {
	due, left := r.uncounted.with(r, events)
	data, err := r.encode(left)
	if err != nil {
		return err
	}
	return s.write(func(tx vault.Tx) ([]Event, error) {
		revision, err := tx.Put(KindAccount, r.Name, data, r.Revision)
		for _, u := range due {
			if err == nil {
				err = u.count(tx, r.Name)
			}
		}
		tx.OnCommit(func() {
			r.Revision, r.Counted, r.uncounted = revision, r.CheckedAt, left
			if show != nil {
				show()
			}
			s.wake(events)
		})
		return events, err
	})
}

// Record reads an account as it was committed last.
func (s *Store) Record(name string) (*Record, error) {
	var r *Record
	err := s.vault.View(func(tx vault.Tx) error {
		v, err := tx.Get(KindAccount, name)
		if err != nil {
			return err
		}
		r, err = decodeRecord(v.Value, v.Revision)
		return err
	})
	return r, err
}

func (s *Store) Delete(r *Record, events []Event) error {
	return s.update(func(tx vault.Tx) ([]Event, error) {
		if err := forgetHistory(tx, r.Name); err != nil {
			return nil, err
		}
		return events, tx.Delete(KindAccount, r.Name, r.Revision)
	})
}

// Texts calls fn with the records of all accounts as they are kept, all of one moment,
// or with those of the accounts that are named. An error of fn ends it.
func (s *Store) Texts(fn func(Text) error, named ...string) error {
	one := func(name string, v vault.Record) error {
		return fn(Text{name, v.Revision, secret.New(string(v.Value))})
	}
	return s.vault.View(func(tx vault.Tx) error {
		if len(named) == 0 {
			return tx.Each(KindAccount, one)
		}
		for _, name := range named {
			v, err := tx.Get(KindAccount, name)
			if err == nil {
				err = one(name, v)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Get reads a small record that holds no secret. A missing one leaves v as
// it is and returns revision 0.
func (s *Store) Get(kind, key string, v any) (uint64, error) {
	var revision uint64
	err := s.vault.View(func(tx vault.Tx) error {
		r, err := tx.Get(kind, key)
		if errors.Is(err, vault.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		revision = r.Revision
		return json.Unmarshal(r.Value, v)
	})
	return revision, err
}

// Put writes a small record over whatever is there, with events.
func (s *Store) Put(kind, key string, v any, events []Event) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.update(func(tx vault.Tx) ([]Event, error) { return events, replace(tx, kind, key, data) })
}

// Small is a small record that holds no secret.
type Small struct {
	Kind, Key string
	Value     any
}

// Keep writes small records over whatever is there, together, and wakes nobody.
func (s *Store) Keep(records ...Small) error {
	return s.write(func(tx vault.Tx) ([]Event, error) {
		for _, r := range records {
			data, err := json.Marshal(r.Value)
			if err == nil {
				err = replace(tx, r.Kind, r.Key, data)
			}
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

// Change reads a small record, has fn change it and writes it, all in one step; a missing
// one begins with its zero value. It returns the record as it is then. fn may run again,
// and reports whether there is something to write.
func Change[T any](s *Store, kind, key string, fn func(v *T) bool) (T, error) {
	var v T
	err := s.update(func(tx vault.Tx) ([]Event, error) {
		var fresh T
		r, err := tx.Get(kind, key)
		if err == nil {
			err = json.Unmarshal(r.Value, &fresh)
		} else if errors.Is(err, vault.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return nil, err
		}
		changed := fn(&fresh)
		if v = fresh; !changed {
			return nil, nil
		}
		data, err := json.Marshal(fresh)
		if err == nil {
			_, err = tx.Put(kind, key, data, r.Revision)
		}
		return nil, err
	})
	return v, err
}

// replace writes a record over whatever is there.
func replace(tx vault.Tx, kind, key string, data []byte) error {
	r, err := tx.Get(kind, key)
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	_, err = tx.Put(kind, key, data, r.Revision)
	return err
}

// Drop removes a small record, if it is there.
func (s *Store) Drop(kind, key string) error {
	return s.write(func(tx vault.Tx) ([]Event, error) {
		r, err := tx.Get(kind, key)
		if errors.Is(err, vault.ErrNotFound) {
			return nil, nil
		}
		if err == nil {
			err = tx.Delete(kind, key, r.Revision)
		}
		return nil, err
	})
}

// Keys returns the keys of all records of a kind.
func (s *Store) Keys(kind string) (keys []string, err error) {
	err = s.vault.View(func(tx vault.Tx) error {
		keys, err = tx.Keys(kind)
		return err
	})
	return keys, err
}

// SecretKey returns the random key of a purpose, which outlives restarts. Who comes
// first makes it.
func (s *Store) SecretKey(purpose string, fresh func() []byte) ([]byte, error) {
	type kept struct {
		Key []byte `json:"key"`
	}
	var k kept
	revision, err := s.Get(KindSecret, purpose, &k)
	if err != nil || revision != 0 {
		return k.Key, err
	}
	made := kept{fresh()}
	data, err := json.Marshal(made)
	if err != nil {
		return nil, err
	}
	err = s.update(func(tx vault.Tx) ([]Event, error) {
		k = made
		r, err := tx.Get(KindSecret, purpose)
		if errors.Is(err, vault.ErrNotFound) {
			_, err = tx.Put(KindSecret, purpose, data, 0)
		} else if err == nil {
			err = json.Unmarshal(r.Value, &k)
		}
		return nil, err
	})
	return k.Key, err
}
