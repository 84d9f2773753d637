package audit

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// TestReadingsAtOnce: nobody gets past the first note before it is written.
func TestReadingsAtOnce(t *testing.T) {
	var a Audit
	var all sync.WaitGroup
	var notes int
	written := make(chan struct{})
	for range 50 {
		all.Go(func() {
			err := a.note(reader{Account: "main"}, 1, func(uint64) error {
				notes++
				for range 1000 { // the others get every chance
					runtime.Gosched()
				}
				close(written)
				return nil
			})
			select {
			case <-written:
			default:
				t.Error("a reading passed before the note was written")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if notes != 1 || a.seen[reader{Account: "main"}].More != 49 {
		t.Errorf("%d notes, %+v", notes, a.seen)
	}
}

// TestReadingsThatCannotBeWritten are tried again, and none is forgotten.
func TestReadingsThatCannotBeWritten(t *testing.T) {
	var a Audit
	broken := errors.New("no room")
	for range 3 {
		if err := a.note(reader{}, 1, func(uint64) error { return broken }); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	var more uint64
	if err := a.note(reader{}, 1, func(n uint64) error { more = n; return nil }); err != nil || more != 3 {
		t.Error(more, err)
	}
}

// TestRefusalsDoNotFillTheJournal: accounts' names are for the asker to choose.
func TestRefusalsDoNotFillTheJournal(t *testing.T) {
	var a Audit
	notes := 0
	for i := range 10 * mostRefused {
		_ = a.note(reader{UID: 1, Refused: "get", Account: fmt.Sprint(i)}, 0, func(uint64) error { notes++; return nil })
	}
	_ = a.note(reader{UID: 2, Refused: "get", Account: "main"}, 0, func(uint64) error { notes += 1000; return nil })
	if notes != mostRefused+1+1000 {
		t.Errorf("%d notes", notes)
	}
}

func TestReadersAreBounded(t *testing.T) {
	var a Audit
	for i := range 3 * mostReaders {
		_ = a.note(reader{Account: fmt.Sprint(i)}, 1, func(uint64) error { return nil })
	}
	if len(a.seen) > mostReaders || a.seen[reader{Account: fmt.Sprint(3*mostReaders - 1)}] == nil {
		t.Errorf("%d readers", len(a.seen))
	}
}
