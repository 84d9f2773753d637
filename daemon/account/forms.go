package account

import (
	"sync"
	"sync/atomic"

	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// shown is what readers see of an account: its record as it was committed last. Of
// one that is left alone the secrets are packed. One that was not read since the start
// is nil.
type shown struct {
	current atomic.Pointer[exhibit]
	reading sync.Mutex // lets one at a time read it first
}

// exhibit is one record. Another record comes with nothing made of it yet, so that
// nothing outlives the record that it was made of.
type exhibit struct {
	brief *store.Brief
	// record has the secrets, or packed has.
	record *store.Record
	packed *store.Packed
	forms  atomic.Pointer[Forms]
}

// IsRead reports whether the account's record was read.
func (s *shown) IsRead() bool { return s.current.Load() != nil }

// Read reads the account's record, if that was not done. Its error is one of a record
// that this program cannot read.
func (s *shown) Read(t store.Text) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.IsRead() {
		return nil
	}
	packed, err := t.Pack()
	if err != nil {
		return err
	}
	s.advance(&exhibit{brief: &packed.Brief, packed: packed}, packed.Revision)
	return nil
}

func (s *shown) store(r *store.Record) { s.advance(&exhibit{brief: &r.Brief, record: r}, r.Revision) }

// advance shows a record in the place of one whose revision is less than a number or
// the same: what other hosts write and what is written here may come in any order. It
// reports false where a later one is shown.
func (s *shown) advance(e *exhibit, from uint64) bool {
	for {
		was := s.current.Load()
		if was != nil && was.brief.Revision > from {
			return false
		}
		if s.current.CompareAndSwap(was, e) {
			return true
		}
	}
}

// follow shows a record that another host wrote. It reports false where that one or a
// later one is shown.
func (s *shown) follow(p *store.Packed) bool {
	return s.advance(&exhibit{brief: &p.Brief, packed: p}, p.Revision-1)
}

// pack packs the secrets of the record that is shown. What was made of it stays.
func (s *shown) pack(p *store.Packed) {
	e := &exhibit{brief: &p.Brief, packed: p}
	was := s.current.Load()
	if was.brief.Revision > p.Revision {
		return
	}
	e.forms.Store(was.forms.Load())
	s.current.CompareAndSwap(was, e) // a later record may have come
}

func (e *exhibit) unpack() (*store.Record, error) {
	if e.record != nil {
		return e.record, nil
	}
	return e.packed.Unpack()
}

// session is the same number for the same session, 0 for none.
func (e *exhibit) session() uint64 {
	if e.record != nil {
		return e.record.SessionNumber()
	}
	return e.packed.Session
}

// made is what was made of the record.
func (e *exhibit) made() *Forms {
	if f := e.forms.Load(); f != nil {
		return f
	}
	e.forms.CompareAndSwap(nil, &Forms{})
	return e.forms.Load()
}

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

// Shown is what is known of the account as it was committed last, its secrets aside.
// It never changes.
func (s *shown) Shown() *store.Brief { return s.current.Load().brief }

// Record is Shown with the secrets.
func (s *shown) Record() (*store.Record, error) { return s.current.Load().unpack() }

// Session is the same number for the same session, 0 for none.
func (s *shown) Session() uint64 { return s.current.Load().session() }

// Form returns what make makes of the account's record, and keeps it until another
// record is shown. allowed says first whether anything is to be made of it.
func (s *shown) Form(key any, allowed func(*store.Brief) error, make func(*store.Record) (any, error)) (any, error) {
	e := s.current.Load()
	if err := allowed(e.brief); err != nil {
		return nil, err
	}
	return e.made().Get(key, func() (any, error) {
		r, err := e.unpack()
		if err != nil {
			return nil, unreadable(e.brief.Name, err)
		}
		return make(r)
	})
}
