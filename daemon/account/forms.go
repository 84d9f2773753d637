package account

import (
	"sync"
	"sync/atomic"

	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// shown is what readers see: a record that was committed, and what was made of it.
// Another record comes with nothing made of it yet, so that nothing outlives the
// record that it was made of.
type shown struct {
	current atomic.Pointer[exhibit]
}

type exhibit struct {
	record *store.Record
	forms  Forms
}

func (s *shown) Load() *store.Record   { return s.current.Load().record }
func (s *shown) Store(r *store.Record) { s.current.Store(&exhibit{record: r}) }

// Forms are what was made of one record, by what it was made for. They go with the
// record.
type Forms struct{ kept sync.Map }

// Get returns what was made for a key, which make makes where there is nothing yet.
// Two who come first at the same time may both make it. A failure is not kept.
func (f *Forms) Get(key any, make func() (any, error)) (any, error) {
	if form, ok := f.kept.Load(key); ok {
		return form, nil
	}
	form, err := make()
	if err == nil {
		form, _ = f.kept.LoadOrStore(key, form)
	}
	return form, err
}

// ShownWith is [Worker.Shown] and what was made of that record.
func (w *Worker) ShownWith() (*store.Record, *Forms) {
	e := w.shown.current.Load()
	return e.record, &e.forms
}
