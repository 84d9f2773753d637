package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/vault"
)

// The kinds of records in the vault. They are on disk and never change.
const (
	kindAccount = "account"
	KindChannel = "channel" // a notification channel's position in the journal
	KindOutput  = "output"  // how far an output is
	KindSite    = "site"    // a breaker that was open when the keeper stopped
	KindAudit   = "audit"   // readings that were counted and not told of
	KindChat    = "chat"    // how far a channel's chat was read
	KindCodes   = "codes"   // when codes for an account were asked for in a chat
	KindSecret  = "secret"  // random keys that outlive a restart
)

// Kinds are the kinds of records, for a repair of the vault.
func Kinds() []string {
	return []string{kindAccount, KindChannel, KindOutput, KindSite, KindAudit, KindSecret}
}

// LostEntry is the entry of the journal in the place of one that was damaged. Its
// type means nothing to anybody.
func LostEntry() []byte { return []byte(`{"type":"journal.lost","account":"","data":{}}`) }

// Event is an event on its way into the journal.
type Event struct {
	Account string
	Data    client.EventData
}

// Of makes events of what happened to one account.
func Of(account string, list ...client.EventData) []Event {
	events := make([]Event, 0, len(list))
	for _, d := range list {
		events = append(events, Event{account, d})
	}
	return events
}

func (e Event) encode() ([]byte, error) {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Data.EventType(), err)
	}
	return json.Marshal(entry{Type: e.Data.EventType(), Account: e.Account, Data: data})
}

// entry is an event as the journal has it.
type entry struct {
	Type    string          `json:"type"`
	Account string          `json:"account"`
	Data    json.RawMessage `json:"data"`
}

// Store is the vault as the keeper uses it: every write goes through update, so
// that state and events share a transaction and every watcher learns of it.
type Store struct {
	vault   *vault.Vault
	changed Signal
	// observers are told how long each commit took, and what came of it.
	observers []func(took time.Duration, err error)
}

// New returns the store that lies in an open vault.
func New(v *vault.Vault) *Store { return &Store{vault: v} }

// Vault is what the store lies in.
func (s *Store) Vault() *vault.Vault { return s.vault }

// Observe has fn told of each commit. It comes before the store is used, and fn
// does next to nothing: the commit's caller waits for it.
func (s *Store) Observe(fn func(took time.Duration, err error)) {
	s.observers = append(s.observers, fn)
}

// Changed returns a channel that is closed by the next change of anything.
func (s *Store) Changed() <-chan struct{} { return s.changed.Wait() }

// Newest returns the id of the newest event.
func (s *Store) Newest() uint64 { return s.vault.Newest() }

// update runs fn in a transaction and appends the events that it returns. It
// returns when both are on disk.
func (s *Store) update(fn func(tx *vault.Tx) ([]Event, error)) error {
	err := s.write(fn)
	if err == nil {
		s.changed.Fire()
	}
	return err
}

// write is update without waking anybody.
func (s *Store) write(fn func(tx *vault.Tx) ([]Event, error)) error {
	begun := time.Now()
	now := begun.UTC()
	err := s.vault.Update(func(tx *vault.Tx) error {
		events, err := fn(tx)
		if err != nil {
			return err
		}
		for _, e := range events {
			data, err := e.encode()
			if err != nil {
				return err
			}
			if _, err := tx.Append(now, data); err != nil {
				return err
			}
		}
		return nil
	})
	for _, fn := range s.observers {
		fn(time.Since(begun), err)
	}
	return err
}

// Tell appends events that change no state.
func (s *Store) Tell(events ...Event) error {
	return s.update(func(*vault.Tx) ([]Event, error) { return events, nil })
}

// Save writes an account's record and what happened to it. The record's
// revision is the new one afterwards. show, if there is one, makes the record
// visible; it comes before anybody is woken: whoever was woken and still saw
// the old record would take the event for one that means nothing any more.
func (s *Store) Save(r *Record, events []Event, show func()) error {
	data, err := r.encode()
	if err != nil {
		return err
	}
	var revision uint64
	err = s.write(func(tx *vault.Tx) ([]Event, error) {
		revision, err = tx.Put(kindAccount, r.Name, data, r.Revision)
		return events, err
	})
	if err != nil {
		return err
	}
	r.Revision = revision
	if show != nil {
		show()
	}
	s.changed.Fire()
	return nil
}

// Record reads an account as it was committed last.
func (s *Store) Record(name string) (*Record, error) {
	var r *Record
	err := s.vault.View(func(tx *vault.Tx) error {
		v, err := tx.Get(kindAccount, name)
		if err != nil {
			return err
		}
		r, err = decodeRecord(v.Value, v.Revision)
		return err
	})
	return r, err
}

func (s *Store) Delete(r *Record, events []Event) error {
	return s.update(func(tx *vault.Tx) ([]Event, error) {
		return events, tx.Delete(kindAccount, r.Name, r.Revision)
	})
}

// Records returns the accounts. One whose record means nothing to this program is
// left as it is and told of by its name.
func (s *Store) Records() (all []*Record, unread map[string]error, err error) {
	unread = map[string]error{}
	err = s.vault.View(func(tx *vault.Tx) error {
		return tx.Each(kindAccount, func(key string, v vault.Record) error {
			if r, err := decodeRecord(v.Value, v.Revision); err != nil {
				unread[key] = err
			} else {
				all = append(all, r)
			}
			return nil
		})
	})
	return all, unread, err
}

// Events returns the journal after an id, oldest first. The error is a
// *client.Problem of type fell-out where it no longer goes back that far.
func (s *Store) Events(after uint64, limit int) ([]client.Event, error) {
	var list []client.Event
	err := s.vault.View(func(tx *vault.Tx) error {
		entries, err := tx.Events(after, limit)
		if err != nil {
			return err
		}
		for _, e := range entries {
			var w entry
			if err := json.Unmarshal(e.Value, &w); err != nil {
				return fmt.Errorf("read event %d: %w", e.ID, err)
			}
			list = append(list, client.Event{ID: e.ID, Time: e.Time.UTC(), Type: w.Type, Account: w.Account, Data: w.Data})
		}
		return nil
	})
	if errors.Is(err, vault.ErrGap) {
		if newest := s.Newest(); after > newest {
			return nil, &client.Problem{Type: client.ProblemFellOut, Title: "the journal has not come that far",
				Detail: fmt.Sprintf("there is no event %d, the newest is %d: the journal is an older copy, or another one", after, newest), Hint: "begin at the oldest event: ask without an id"}
		}
		return nil, &client.Problem{Type: client.ProblemFellOut, Title: "the journal no longer goes back that far",
			Detail: fmt.Sprintf("events after %d were dropped from the journal", after), Hint: "begin at the oldest event: ask without an id"}
	}
	return list, err
}

func (s *Store) Oldest() uint64 {
	var id uint64
	_ = s.vault.View(func(tx *vault.Tx) error { id = tx.Oldest(); return nil })
	return id
}

// Get reads a small record that holds no secret. A missing one leaves v as
// it is and returns revision 0.
func (s *Store) Get(kind, key string, v any) (uint64, error) {
	var revision uint64
	err := s.vault.View(func(tx *vault.Tx) error {
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
	return s.update(func(tx *vault.Tx) ([]Event, error) {
		var was uint64
		switch r, err := tx.Get(kind, key); {
		case err == nil:
			was = r.Revision
		case !errors.Is(err, vault.ErrNotFound):
			return nil, err
		}
		_, err := tx.Put(kind, key, data, was)
		return events, err
	})
}

// Keys returns the keys of all small records of a kind.
func (s *Store) Keys(kind string) ([]string, error) {
	var keys []string
	err := s.vault.View(func(tx *vault.Tx) error {
		return tx.Each(kind, func(key string, _ vault.Record) error {
			keys = append(keys, key)
			return nil
		})
	})
	return keys, err
}

// SecretKey returns the random key of a purpose, which outlives restarts.
func (s *Store) SecretKey(purpose string, fresh func() []byte) ([]byte, error) {
	var kept struct {
		Key []byte `json:"key"`
	}
	revision, err := s.Get(KindSecret, purpose, &kept)
	if err != nil || revision != 0 {
		return kept.Key, err
	}
	kept.Key = fresh()
	return kept.Key, s.Put(KindSecret, purpose, kept, nil)
}
