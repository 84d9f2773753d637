package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Event is an event on its way into the journal.
type Event struct {
	Account string
	Data    client.EventData
	// Reader is set for a reading, and names whose it is: a reader's entries about an
	// account push out each other, and no others.
	Reader string
}

// Of makes events of what happened to one account.
func Of(account string, list ...client.EventData) []Event {
	events := make([]Event, 0, len(list))
	for _, d := range list {
		events = append(events, Event{Account: account, Data: d})
	}
	return events
}

// encode writes an event for the vault. count is how many there were so far.
func (e Event) encode(count uint64) ([]byte, error) {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Data.EventType(), err)
	}
	w := entry{Type: e.Data.EventType(), Account: e.Account, Data: data, Count: count}
	if e.Reader != "" {
		w.Count, w.Ring = 0, e.Reader
	}
	return json.Marshal(w)
}

// entry is an event as the journal has it.
type entry struct {
	Type    string          `json:"type"`
	Account string          `json:"account"`
	Data    json.RawMessage `json:"data"`
	// Count is the how manieth it is, and Ring is set in its stead for a reading.
	Count uint64 `json:"count,omitempty"`
	Ring  string `json:"ring,omitempty"`
}

func shown(e vault.Entry) (client.Event, error) {
	var w entry
	if err := json.Unmarshal(e.Value, &w); err != nil {
		return client.Event{}, fmt.Errorf("read event %d: %w", e.ID, err)
	}
	return client.Event{ID: e.ID, Time: e.Time.UTC(), Type: w.Type, Account: w.Account, Data: w.Data}, nil
}

// LostEntry is the entry of the journal in the place of one that was damaged. Its
// type means nothing to anybody.
func LostEntry() []byte { return []byte(`{"type":"journal.lost","account":"","data":{}}`) }

// Events returns the journal after an id, oldest first. The error is a
// *client.Problem of type fell-out where it no longer goes back that far.
func (s *Store) Events(after uint64, limit int) ([]client.Event, error) {
	var list []client.Event
	err := s.vault.View(func(tx vault.Tx) error {
		e, _, err := readEnds(tx)
		if err == nil && (after+1 < e.Horizon || after > tx.Newest()) {
			err = vault.ErrGap
		}
		if err == nil {
			list, err = rest(tx, after, limit)
		}
		return err
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

// Rest returns what is left of the journal after an id, oldest first, whatever was
// dropped there.
func (s *Store) Rest(after uint64, limit int) ([]client.Event, error) {
	var list []client.Event
	err := s.vault.View(func(tx vault.Tx) (err error) {
		if after <= tx.Newest() {
			list, err = rest(tx, after, limit)
		}
		return err
	})
	return list, err
}

func rest(tx vault.Tx, after uint64, limit int) ([]client.Event, error) {
	var list []client.Event
	if after+1 < tx.Oldest() {
		var err error
		if list, err = keptAfter(tx, after, limit); err != nil || len(list) >= limit {
			return list, err
		}
		after = tx.Oldest() - 1
	}
	entries, err := tx.Events(after, limit-len(list))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		one, err := shown(e)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// keptAfter returns entries that have left the window.
func keptAfter(tx vault.Tx, after uint64, limit int) (list []client.Event, err error) {
	for _, kind := range []string{kindKept, kindReading, kindUndelivered} {
		n := 0
		err := tx.EachAfter(kind, idKey(after), func(key string, r vault.Record) error {
			if n++; n > limit {
				return errEnough
			}
			_, e, err := decodeKept(key, r)
			if err != nil {
				return nil // it means nothing to this version
			}
			one, err := shown(e)
			list = append(list, one)
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b client.Event) int { return cmp.Compare(a.ID, b.ID) })
	return list[:min(len(list), limit)], nil
}

// Oldest is the id from which on the journal is whole.
func (s *Store) Oldest() uint64 {
	var id uint64
	_ = s.vault.View(func(tx vault.Tx) error {
		e, _, err := readEnds(tx)
		id = e.Horizon
		return err
	})
	return id
}
