package audit

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// TestReadingsAtOnce: nobody gets past the first note before it is written.
func TestReadingsAtOnce(t *testing.T) {
	var a Audit
	var all sync.WaitGroup
	var notes int
	written := make(chan struct{})
	for range 50 {
		all.Go(func() {
			_, err := a.note(reader{Account: "main"}, 1, func(uint64) error {
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
		if _, err := a.note(reader{}, 1, func(uint64) error { return broken }); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	var more uint64
	if _, err := a.note(reader{}, 1, func(n uint64) error { more = n; return nil }); err != nil || more != 3 {
		t.Error(more, err)
	}
}

// TestDiskThatHangs: nobody waits for a disk that does not answer, no reading is
// forgotten, and the notes come when it does.
func TestDiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a Audit
		answer := make(chan struct{})
		var mu sync.Mutex // guards noted
		var noted []string
		write := func(who string) func(uint64) error {
			return func(more uint64) error {
				<-answer
				mu.Lock()
				defer mu.Unlock()
				noted = append(noted, fmt.Sprint(who, more))
				return nil
			}
		}
		took := func(who string, generation uint64) time.Duration {
			began := time.Now()
			if wrote, err := a.note(reader{Account: who}, generation, write(who)); wrote || !errors.Is(err, ErrLate) {
				t.Errorf("%s: %v, %v", who, wrote, err)
			}
			return time.Since(began)
		}
		if d := took("a", 1); d != patience {
			t.Errorf("the first waited for %s", d)
		}
		for _, who := range []string{"a", "a", "b"} {
			if d := took(who, 1); d != 0 {
				t.Errorf("%s waited for %s, which was known to be in vain", who, d)
			}
		}
		close(answer)
		synctest.Wait()
		if wrote, err := a.note(reader{Account: "a"}, 2, write("a")); !wrote || err != nil {
			t.Errorf("when it answers: %v, %v", wrote, err)
		}
		slices.Sort(noted)
		if got := strings.Join(noted, " "); got != "a0 a2 b0" {
			t.Errorf("noted %s", got)
		}
		if a.late != 0 || a.underWay != 0 {
			t.Errorf("%d late, %d under way", a.late, a.underWay)
		}
	})
}

// TestRefusalsDoNotFillTheJournal: accounts' names are for the asker to choose.
func TestRefusalsDoNotFillTheJournal(t *testing.T) {
	var a Audit
	notes := 0
	for i := range 10 * mostRefused {
		_, _ = a.note(reader{UID: 1, Refused: "get", Account: fmt.Sprint(i)}, 0, func(uint64) error { notes++; return nil })
	}
	_, _ = a.note(reader{UID: 2, Refused: "get", Account: "main"}, 0, func(uint64) error { notes += 1000; return nil })
	if notes != mostRefused+1+1000 {
		t.Errorf("%d notes", notes)
	}
}

func TestReadersAreBounded(t *testing.T) {
	var a Audit
	for i := range 3 * mostReaders {
		_, _ = a.note(reader{Account: fmt.Sprint(i)}, 1, func(uint64) error { return nil })
	}
	if len(a.seen) > mostReaders || a.seen[reader{Account: fmt.Sprint(3*mostReaders - 1)}] == nil {
		t.Errorf("%d readers", len(a.seen))
	}
}

// TestNamesOfPrograms: what a process calls itself does not make a reader of it each
// time, neither in the journal nor in memory.
func TestNamesOfPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a Audit
		notes := 0
		read := func(uid uint32, i int) {
			who := reader{Account: "main", UID: uid, Program: fmt.Sprint("program ", i), Format: fmt.Sprint(i % 20)}
			_, _ = a.note(who, 1, func(uint64) error { notes++; return nil })
		}
		for i := range 10 * mostPrograms {
			read(1, i)
		}
		if notes != mostPrograms+1 {
			t.Errorf("%d notes of one user in an hour", notes)
		}
		read(2, 0)
		if notes != mostPrograms+2 {
			t.Error("another user's reading was not noted")
		}
		time.Sleep(window + time.Second)
		for i := range 10 * mostPrograms {
			read(1, i)
		}
		if most := 2*(mostPrograms+1) + 1; notes > most {
			t.Errorf("%d notes in two hours", notes)
		}
	})
}

// TestRings: nothing of a ring's name is for the reader to choose.
func TestRings(t *testing.T) {
	rings := map[string]bool{}
	for i := range 1000 {
		p := fmt.Sprint(i)
		rings[Reading{Account: "main", Format: p, By: socket.Peer{UID: 1, PID: int32(i), Program: p}}.ring()] = true
		rings[Reading{Account: "main", Format: p, By: socket.Peer{UID: 2, Program: p}}.ring()] = true
		rings[Reading{Account: p, Verb: "get", By: socket.Peer{UID: 1, Program: p}}.ring()] = true
		rings[Reading{Account: "main", Remote: fmt.Sprintf("192.0.2.%d:%d", i%256, i)}.ring()] = true
	}
	if len(rings) != 3+mostHosts {
		t.Errorf("%d rings", len(rings))
	}
}

// TestEachHostCounts: who reads on one host is no matter of another's, where several share
// the vault: so no count is written over there.
func TestEachHostCounts(t *testing.T) {
	if !store.Local(store.KindAudit) {
		t.Error("the counts of all hosts are one record")
	}
}
