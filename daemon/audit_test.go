package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/control"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// recorder is a peer that reads.
var recorder = control.Reading{
	Account: "main", Format: "header", Generation: 1, User: "recorder",
	By: socket.Peer{UID: 5001, GID: 5002, PID: 77, Program: "/usr/bin/recorder", Known: true},
}

// noted are the journal's readings: what each note says, in short.
func (h *house) noted() []string {
	h.t.Helper()
	var list []string
	for _, e := range h.events(client.EventCredentialRead) {
		var d struct {
			UID, GID, PID         int64
			User, Program, Format string
			Generation, Reads     uint64
			Denied                bool
			Verb, Tag             string
			RefreshToken          bool `json:"refresh_token"`
		}
		if err := json.Unmarshal(e.Data, &d); err != nil {
			h.t.Fatal(err)
		}
		what := fmt.Sprintf("%s %s %d", e.Account, d.Format, d.Generation)
		if d.Denied {
			what = fmt.Sprintf("%s%s denied %s", e.Account, d.Tag, d.Verb)
		}
		if d.RefreshToken {
			what += " token"
		}
		if d.Reads > 0 {
			what += fmt.Sprintf(" +%d", d.Reads)
		}
		if d.UID != 5001 || d.GID != 5002 || d.PID == 0 || d.User != "recorder" {
			h.t.Errorf("a reading by nobody: %s", e.Data)
		}
		list = append(list, what)
	}
	return list
}

func (h *house) wantNoted(want ...string) {
	h.t.Helper()
	if got := h.noted(); strings.Join(got, "; ") != strings.Join(want, "; ") {
		h.t.Errorf("noted %q, want %q", got, want)
	}
}

func (h *house) read(change func(r *control.Reading)) {
	h.t.Helper()
	r := recorder
	if change != nil {
		change(&r)
	}
	if err := h.keeper.Read(context.Background(), r); err != nil {
		h.t.Error(err)
	}
}

// TestReadingsAreNotedOnce: what is the same for an hour is one note, and the
// next one says how often it was.
func TestReadingsAreNotedOnce(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.read(nil)
		h.wantNoted("main header 1")
		for range 59 {
			time.Sleep(time.Minute)
			h.read(func(r *control.Reading) { r.By.PID++ })
		}
		h.wantNoted("main header 1")
		time.Sleep(time.Minute)
		h.read(nil)
		h.wantNoted("main header 1", "main header 1 +59")
		h.read(func(r *control.Reading) { r.Format = "json" })
		h.read(func(r *control.Reading) { r.By.Program = "/usr/bin/curl" })
		h.read(func(r *control.Reading) { r.WithRefreshToken = true })
		h.read(nil)
		h.read(func(r *control.Reading) { r.Generation = 2 })
		h.wantNoted("main header 1", "main header 1 +59", "main json 1", "main header 1", "main header 1 token", "main header 2 +1")
	})
}

// TestReadingsOverAStop: a clean stop forgets no count.
func TestReadingsOverAStop(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		for range 5 {
			h.read(nil)
		}
		stop := func() {
			if err := h.keeper.audit.keep(&h.keeper.store); err != nil {
				t.Fatal(err)
			}
			h.restart()
		}
		stop()
		h.read(nil)
		h.wantNoted("main header 1")
		time.Sleep(2 * time.Hour)
		stop()
		stop()
		h.read(nil)
		h.wantNoted("main header 1", "main header 1 +5")
		time.Sleep(2 * time.Hour)
		stop()
		h.read(nil)
		h.wantNoted("main header 1", "main header 1 +5", "main header 1")
	})
}

// TestReadingsAtOnce: nobody gets past the first note before it is written.
func TestReadingsAtOnce(t *testing.T) {
	var a audit
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
	var a audit
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

func TestRefusalsAreNoted(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		refuse := func(account, verb, program string) {
			r := recorder
			r.Account, r.Verb, r.By.Program = account, verb, program
			h.keeper.Refused(context.Background(), r)
		}
		refuse("main", socket.VerbGet, "/tmp/a")
		refuse("main", socket.VerbGet, "/tmp/b") // a new name is no new refusal
		refuse("nobody", socket.VerbGet, "/tmp/a")
		refuse("main", socket.VerbRefresh, "/tmp/a")
		h.wantNoted("main denied get", "main denied refresh")
		time.Sleep(time.Hour)
		refuse("main", socket.VerbGet, "/tmp/a")
		h.wantNoted("main denied get", "main denied refresh", "main denied get +1")
	})
}

// TestRefusalsDoNotFillTheJournal: accounts' names are for the asker to choose.
func TestRefusalsDoNotFillTheJournal(t *testing.T) {
	var a audit
	notes := 0
	for i := range 10 * auditRefused {
		_ = a.note(reader{UID: 1, Refused: "get", Account: fmt.Sprint(i)}, 0, func(uint64) error { notes++; return nil })
	}
	_ = a.note(reader{UID: 2, Refused: "get", Account: "main"}, 0, func(uint64) error { notes += 1000; return nil })
	if notes != auditRefused+1+1000 {
		t.Errorf("%d notes", notes)
	}
}

func TestReadersAreBounded(t *testing.T) {
	var a audit
	for i := range 3 * auditReaders {
		_ = a.note(reader{Account: fmt.Sprint(i)}, 1, func(uint64) error { return nil })
	}
	if len(a.seen) > auditReaders || a.seen[reader{Account: fmt.Sprint(3*auditReaders - 1)}] == nil {
		t.Errorf("%d readers", len(a.seen))
	}
}
