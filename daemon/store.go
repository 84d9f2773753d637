package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/vault"
)

// The kinds of records in the vault. They are on disk and never change.
const (
	kindAccount = "account"
	kindChannel = "channel" // a notification channel's place in the journal
	kindSite    = "site"    // a breaker that was open when the keeper stopped
)

// happened is an event on its way into the journal.
type happened struct {
	Type    string         `json:"type"`
	Account string         `json:"account"`
	Data    map[string]any `json:"data"`
}

// store is the vault as the keeper uses it: every write goes through update,
// so that state and events share a transaction and every watcher learns of it.
type store struct {
	vault   *vault.Vault
	changed broadcast
}

// update runs fn in a transaction and appends the events that it returns. It
// returns when both are on disk.
func (s *store) update(fn func(tx *vault.Tx) ([]happened, error)) error {
	err := s.write(fn)
	if err == nil {
		s.changed.fire()
	}
	return err
}

// write is update without waking anybody.
func (s *store) write(fn func(tx *vault.Tx) ([]happened, error)) error {
	now := time.Now().UTC()
	return s.vault.Update(func(tx *vault.Tx) error {
		events, err := fn(tx)
		if err != nil {
			return err
		}
		for _, e := range events {
			data, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("encode event %s: %w", e.Type, err)
			}
			if _, err := tx.Append(now, data); err != nil {
				return err
			}
		}
		return nil
	})
}

// tell appends events that change no state.
func (s *store) tell(events ...happened) error {
	return s.update(func(*vault.Tx) ([]happened, error) { return events, nil })
}

// saveRecord writes an account's record and what happened to it. The record's
// revision is the new one afterwards. show, if there is one, makes the record
// visible; it comes before anybody is woken: whoever was woken and still saw
// the old record would take the event for one that means nothing any more.
func (s *store) saveRecord(r *record, events []happened, show func()) error {
	data, err := r.encode()
	if err != nil {
		return err
	}
	var revision uint64
	err = s.write(func(tx *vault.Tx) ([]happened, error) {
		revision, err = tx.Put(kindAccount, r.Name, data, r.revision)
		return events, err
	})
	if err != nil {
		return err
	}
	r.revision = revision
	if show != nil {
		show()
	}
	s.changed.fire()
	return nil
}

// record reads an account as it was committed last.
func (s *store) record(name string) (*record, error) {
	var r *record
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

func (s *store) deleteRecord(r *record, events []happened) error {
	return s.update(func(tx *vault.Tx) ([]happened, error) {
		return events, tx.Delete(kindAccount, r.Name, r.revision)
	})
}

func (s *store) loadRecords() ([]*record, error) {
	var all []*record
	err := s.vault.View(func(tx *vault.Tx) error {
		return tx.Each(kindAccount, func(key string, v vault.Record) error {
			r, err := decodeRecord(v.Value, v.Revision)
			if err != nil {
				return fmt.Errorf("account %s: %w", key, err)
			}
			all = append(all, r)
			return nil
		})
	})
	return all, err
}

// events returns the journal after an id, oldest first. The error is a
// *client.Problem of type fell-out where it no longer goes back that far.
func (s *store) events(after uint64, limit int) ([]client.Event, error) {
	var list []client.Event
	err := s.vault.View(func(tx *vault.Tx) error {
		entries, err := tx.Events(after, limit)
		if err != nil {
			return err
		}
		for _, e := range entries {
			var w struct {
				Type    string          `json:"type"`
				Account string          `json:"account"`
				Data    json.RawMessage `json:"data"`
			}
			if err := json.Unmarshal(e.Value, &w); err != nil {
				return fmt.Errorf("read event %d: %w", e.ID, err)
			}
			list = append(list, client.Event{ID: e.ID, Time: e.Time.UTC(), Type: w.Type, Account: w.Account, Data: w.Data})
		}
		return nil
	})
	if errors.Is(err, vault.ErrGap) {
		return nil, &client.Problem{Type: client.ProblemFellOut, Title: "the journal no longer goes back that far",
			Detail: fmt.Sprintf("events after %d were dropped from the journal", after), Hint: "begin at the oldest event: ask without an id"}
	}
	return list, err
}

func (s *store) oldest() uint64 {
	var id uint64
	_ = s.vault.View(func(tx *vault.Tx) error { id = tx.Oldest(); return nil })
	return id
}

// getJSON reads a small record that holds no secret. A missing one leaves v as
// it is and returns revision 0.
func (s *store) getJSON(kind, key string, v any) (uint64, error) {
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

// putJSON writes a small record over whatever is there, with events.
func (s *store) putJSON(kind, key string, v any, events []happened) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.update(func(tx *vault.Tx) ([]happened, error) {
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

// broadcast wakes whoever waits, and carries nothing: a waiter looks at what
// is committed, so a slow one misses nothing and delays nobody.
type broadcast struct {
	mu sync.Mutex // guards ch
	ch chan struct{}
}

// wait returns a channel that is closed by the next fire. Take it before
// looking at the state, or a change in between is missed.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) fire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
