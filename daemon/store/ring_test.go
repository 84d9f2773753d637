package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/vault"
)

const short = 50

var at = time.Now()

// shortJournal is a store whose journal has room for few entries.
func shortJournal(t *testing.T) *store.Store {
	t.Helper()
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	t.Cleanup(func() {
		if err := v.Verify(); err != nil {
			t.Error(err)
		}
		_ = v.Close()
	})
	s.Scale(store.Limits{Entries: short, PerAccount: 1}, 0)
	return s
}

func tell(t *testing.T, s *store.Store, events ...store.Event) uint64 {
	t.Helper()
	if err := s.Tell(events...); err != nil {
		t.Fatal(err)
	}
	return s.Newest()
}

func check(i int) store.Event {
	return store.Event{Account: "main", Data: client.CheckUndecided{Detail: fmt.Sprint(i)}}
}

func reading(reader string) store.Event {
	return store.Event{Account: "main", Data: client.CredentialRead{Format: "header"}, Reader: reader}
}

func all(t *testing.T, s *store.Store) (list []client.Event) {
	t.Helper()
	var after uint64
	for {
		page, err := s.Rest(after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return list
		}
		for _, e := range page {
			if e.ID <= after {
				t.Fatalf("%d comes after %d", e.ID, after)
			}
			after = e.ID
		}
		list = append(list, page...)
	}
}

func count(list []client.Event, eventType string) (n int) {
	for _, e := range list {
		if e.Type == eventType {
			n++
		}
	}
	return n
}

// TestReaderInALoop: who reads in a loop pushes out what he read himself, and nothing
// else.
func TestReaderInALoop(t *testing.T) {
	s := shortJournal(t)
	for i := range short {
		tell(t, s, check(i))
	}
	quiet := tell(t, s, reading("quiet"))
	last := quiet
	for range 20 * short {
		last = tell(t, s, reading("loop"))
	}
	list := all(t, s)
	if n := count(list, client.EventCheckUnreachable); n != short {
		t.Errorf("%d checks are left of %d", n, short)
	}
	ids := map[uint64]bool{}
	for _, e := range list {
		ids[e.ID] = true
	}
	if !ids[quiet] || !ids[last] {
		t.Error("another reader's entry is gone, or the last one")
	}
	if list, err := s.Events(0, 5); err != nil || len(list) != 5 || list[4].ID != 5 {
		t.Errorf("from the beginning: %v, %v", list, err)
	}
	if info := s.Vault().Info(); info.Events > short || info.Records["reading"] > 2*32 || info.Records["kept"] != short {
		t.Errorf("%+v", info)
	}
	// What counts goes on to push out what counts.
	for i := range 2 * short {
		tell(t, s, check(i))
	}
	list = all(t, s)
	if n := count(list, client.EventCheckUnreachable); n != short {
		t.Errorf("%d checks", n)
	}
	if n := count(list, client.EventCredentialRead); n != 32+1 {
		t.Errorf("%d readings of two readers", n)
	}
}

// TestFellOut: a reader who missed something that counts is told so, and one who
// missed readings alone is not.
func TestFellOut(t *testing.T) {
	s := shortJournal(t)
	first := tell(t, s, check(0))
	for range 3 * short {
		tell(t, s, reading("loop"))
	}
	if list, err := s.Events(first, 1); err != nil || len(list) != 1 {
		t.Errorf("after readings alone: %v, %v", list, err)
	}
	for i := range short + 1 {
		tell(t, s, check(i))
	}
	if _, err := s.Events(first, 1); !errors.Is(err, &client.Problem{Type: client.ProblemFellOut}) {
		t.Errorf("the error is %v", err)
	}
	if _, err := s.Events(s.Oldest()-1, 1); err != nil {
		t.Errorf("from the oldest: %v", err)
	}
	if _, err := s.Events(s.Oldest()-2, 1); err == nil {
		t.Error("the oldest is not the first that is whole")
	}
}

// TestUndelivered: a message that a channel waits for outlasts everything.
func TestUndelivered(t *testing.T) {
	s := shortJournal(t)
	var delivered uint64
	s.Hold(func(_, eventType string, id uint64) bool {
		return eventType == client.EventLoginRequired && id > delivered
	})
	var waits []uint64
	for i := range 10 {
		waits = append(waits, tell(t, s, store.Event{Account: "main", Data: client.LoginRequired{Incident: fmt.Sprint(i)}}))
		for j := range short {
			tell(t, s, check(j))
		}
	}
	pending := func() (ids []uint64) {
		for _, e := range all(t, s) {
			if e.Type == client.EventLoginRequired {
				ids = append(ids, e.ID)
			}
		}
		return ids
	}
	if got := pending(); fmt.Sprint(got) != fmt.Sprint(waits) {
		t.Errorf("left are %v of %v", got, waits)
	}
	delivered = waits[8]
	for j := range 2 * short {
		tell(t, s, check(j))
	}
	if got := pending(); len(got) != 1 || got[0] != waits[9] {
		t.Errorf("after they were delivered: %v", got)
	}
}

// TestScale: the journal grows with the accounts, and what it has is not lost when
// they become fewer again and more.
func TestScale(t *testing.T) {
	s := shortJournal(t)
	s.Scale(store.Limits{Entries: short, PerAccount: 3}, 100)
	for i := range 300 {
		tell(t, s, check(i))
	}
	if n := len(all(t, s)); n != 300 {
		t.Errorf("%d entries for 100 accounts", n)
	}
	s.Scale(store.Limits{Entries: short, PerAccount: 3}, 1)
	for i := range 300 {
		tell(t, s, check(i))
	}
	if n := len(all(t, s)); n != short {
		t.Errorf("%d entries for one account", n)
	}
}

// TestVersionBefore: a vault that was written by a version that knows of no rings is
// read, and goes on; and what that version drops is missed by nobody who was not told.
func TestVersionBefore(t *testing.T) {
	s := shortJournal(t)
	v := s.Vault()
	old := func(n int, kind string) {
		t.Helper()
		for range n {
			err := v.Update(func(tx vault.Tx) error {
				data, _ := json.Marshal(map[string]any{"type": kind, "account": "main", "data": map[string]any{}})
				tx.KeepJournal(short)
				_, err := tx.Append(at, data)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	old(short, client.EventCheckUnreachable)
	if list, err := s.Events(0, 2*short); err != nil || len(list) != short {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	for range 3 * short {
		tell(t, s, reading("loop"))
	}
	if list := all(t, s); count(list, client.EventCheckUnreachable) != short {
		t.Errorf("%d of the version before are left", count(list, client.EventCheckUnreachable))
	}
	kept := tell(t, s, check(0))
	old(2*short, client.EventCheckUnreachable) // it drops what it does not know
	if _, err := s.Events(kept-1, 1); !errors.Is(err, &client.Problem{Type: client.ProblemFellOut}) {
		t.Errorf("what the version before dropped: %v", err)
	}
	id := tell(t, s, check(1))
	if list, err := s.Events(id-1, 1); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}
