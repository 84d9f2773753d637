package keeper_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"

	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// recorder is a peer that reads.
var recorder = audit.Reading{
	Account: "main", Format: "header", Generation: 1, User: "recorder",
	By: socket.Peer{UID: 5001, GID: 5002, PID: 77, Program: "/usr/bin/recorder", Known: true},
}

// noted are the journal's readings: what each note says, in short.
func noted(h *keepertest.Fixture) []string {
	h.T.Helper()
	var list []string
	for _, e := range h.Events(client.EventCredentialRead) {
		var d struct {
			UID, GID, PID         int64
			User, Program, Format string
			Generation, Reads     uint64
			Denied                bool
			Verb, Tag             string
			RefreshToken          bool `json:"refresh_token"`
		}
		if err := json.Unmarshal(e.Data, &d); err != nil {
			h.T.Fatal(err)
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
			h.T.Errorf("a reading by nobody: %s", e.Data)
		}
		list = append(list, what)
	}
	return list
}

func wantNoted(h *keepertest.Fixture, want ...string) {
	h.T.Helper()
	if got := noted(h); strings.Join(got, "; ") != strings.Join(want, "; ") {
		h.T.Errorf("noted %q, want %q", got, want)
	}
}

func read(h *keepertest.Fixture, change func(r *audit.Reading)) {
	h.T.Helper()
	r := recorder
	if change != nil {
		change(&r)
	}
	if err := h.Keeper.Credentials().NoteRead(r); err != nil {
		h.T.Error(err)
	}
}

// TestReadingsAreNotedOnce: what is the same for an hour is one note, and the
// next one says how often it was.
func TestReadingsAreNotedOnce(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		read(h, nil)
		wantNoted(h, "main header 1")
		for range 59 {
			time.Sleep(time.Minute)
			read(h, func(r *audit.Reading) { r.By.PID++ })
		}
		wantNoted(h, "main header 1")
		time.Sleep(time.Minute)
		read(h, nil)
		wantNoted(h, "main header 1", "main header 1 +59")
		read(h, func(r *audit.Reading) { r.Format = "json" })
		read(h, func(r *audit.Reading) { r.By.Program = "/usr/bin/curl" })
		read(h, func(r *audit.Reading) { r.WithRefreshToken = true })
		read(h, nil)
		read(h, func(r *audit.Reading) { r.Generation = 2 })
		wantNoted(h, "main header 1", "main header 1 +59", "main json 1", "main header 1", "main header 1 token", "main header 2 +1")
	})
}

// TestReadingsOverAStop: a clean stop forgets no count.
func TestReadingsOverAStop(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		for range 5 {
			read(h, nil)
		}
		stop := func() {
			if err := h.Keeper.Credentials().SaveCounts(); err != nil {
				t.Fatal(err)
			}
			h.Restart()
		}
		stop()
		read(h, nil)
		wantNoted(h, "main header 1")
		time.Sleep(2 * time.Hour)
		stop()
		stop()
		read(h, nil)
		wantNoted(h, "main header 1", "main header 1 +5")
		time.Sleep(2 * time.Hour)
		stop()
		read(h, nil)
		wantNoted(h, "main header 1", "main header 1 +5", "main header 1")
	})
}

func TestRefusalsAreNoted(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		refuse := func(account, verb, program string) {
			r := recorder
			r.Account, r.Verb, r.By.Program = account, verb, program
			h.Keeper.Credentials().NoteRefused(r)
		}
		refuse("main", socket.VerbGet, "/tmp/a")
		refuse("main", socket.VerbGet, "/tmp/b") // a new name is no new refusal
		refuse("nobody", socket.VerbGet, "/tmp/a")
		refuse("main", socket.VerbRefresh, "/tmp/a")
		wantNoted(h, "main denied get", "main denied refresh")
		time.Sleep(time.Hour)
		refuse("main", socket.VerbGet, "/tmp/a")
		wantNoted(h, "main denied get", "main denied refresh", "main denied get +1")
	})
}
