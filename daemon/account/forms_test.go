package account

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// What was made of a record is never had after another one was shown.
func TestFormsGoWithTheirRecord(t *testing.T) {
	const last = 2000
	record := func(generation uint64) *store.Record {
		return &store.Record{Brief: store.Brief{Account: lifecycle.Account{Name: "main", Generation: generation}}}
	}
	w := &Worker{}
	w.shown.store(record(0))
	var committed atomic.Uint64
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for {
				least := committed.Load()
				seen := uint64(0)
				made, err := w.Form("header", func(r *store.Brief) error { seen = r.Generation; return nil },
					func(r *store.Record) (any, error) { return r.Generation, nil })
				if err != nil || made != seen || seen < least {
					t.Errorf("after %d was shown there is %v of %d, %v", least, made, seen, err)
					return
				}
				if least == last {
					return
				}
			}
		})
	}
	for generation := uint64(1); generation <= last; generation++ {
		r := record(generation)
		w.shown.store(r)
		if generation%3 == 0 { // it is left alone
			p, err := r.Pack()
			if err != nil {
				t.Error(err)
			}
			w.shown.pack(p)
		}
		committed.Store(generation)
	}
	readers.Wait()
}

func TestFormsKeepNoFailure(t *testing.T) {
	var f Forms
	fault := errors.New("no such format")
	if _, err := f.Get("a", func() (any, error) { return nil, fault }); !errors.Is(err, fault) {
		t.Errorf("the failure is %v", err)
	}
	made := 0
	for range 2 {
		if got, err := f.Get("a", func() (any, error) { made++; return "form", nil }); err != nil || got != "form" {
			t.Errorf("there is %v, %v", got, err)
		}
	}
	if made != 1 {
		t.Errorf("it was made %d times", made)
	}
}
