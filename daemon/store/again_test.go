package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// repeating is a vault that runs each change twice, and undoes the first time.
type repeating struct{ *vault.File }

var errUndone = errors.New("undone")

func (r repeating) Update(fn func(vault.Tx) error) error {
	first := r.File.Update(func(tx vault.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errUndone
	})
	if !errors.Is(first, errUndone) {
		return first
	}
	return r.File.Update(fn)
}

// TestRunAgain: a change that was undone and is run again leaves what it leaves where
// it is run once.
func TestRunAgain(t *testing.T) {
	do := func(again bool) (content map[string]string, told []string) {
		_, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
		defer v.Close()
		s := store.New(v)
		if again {
			s = store.New(repeating{v})
		}
		s.Scale(store.Limits{Entries: 5, PerAccount: 1}, 0)
		s.Hold(func(_, eventType string, id uint64) bool { return id == 3 })
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		shown := 0
		r := full()
		must(s.Save(r, store.Of("main", client.AccountAdded{Site: "web"}), func() { shown++ }))
		for i := range 40 {
			r.CheckedAt = r.CheckedAt.Add(time.Minute)
			must(s.Save(r, store.Of("main", client.CheckAlive{}), func() { shown++ }))
			must(s.Tell(store.Event{Account: "main", Data: client.CredentialRead{Format: fmt.Sprint("f", i%2)}, Reader: "reader"}))
		}
		must(s.Put(store.KindOutput, "o", map[string]int{"n": 1}, store.Of("main", client.OutputRun{Output: "o"})))
		must(s.Keep(store.Small{Kind: store.KindSpent, Key: "a", Value: 1}, store.Small{Kind: store.KindRate, Key: "b", Value: 2}))
		must(s.Drop(store.KindSpent, "a"))
		_, err := s.SecretKey("purpose", func() []byte { return []byte("key") })
		must(err)
		gone := full()
		gone.Name = "gone"
		must(s.Save(gone, nil, nil))
		must(s.Delete(gone, store.Of("gone", client.AccountRemoved{})))
		if shown != 41 {
			t.Errorf("again %v: %d records were shown, want 41", again, shown)
		}
		content = map[string]string{}
		must(v.View(func(tx vault.Tx) error {
			for _, kind := range store.Kinds() {
				if kind == "kept" || kind == "reading" || kind == "undelivered" { // they hold times; the events below tell of them
					continue
				}
				if err := tx.Each(kind, func(key string, r vault.Record) error {
					content[kind+"/"+key] = string(r.Value)
					return nil
				}); err != nil {
					return err
				}
			}
			return nil
		}))
		events, err := s.Rest(0, 1000)
		must(err)
		for _, e := range events {
			told = append(told, fmt.Sprint(e.ID, e.Type, e.Account, string(e.Data)))
		}
		return content, told
	}
	content, told := do(false)
	again, toldAgain := do(true)
	if !reflect.DeepEqual(again, content) {
		t.Errorf("the records are %v, want %v", again, content)
	}
	if !reflect.DeepEqual(toldAgain, told) || len(told) < 10 {
		t.Errorf("the journal is %q, want %q", toldAgain, told)
	}
}
