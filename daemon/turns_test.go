package daemon

import (
	"fmt"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
)

// TestTurns: who gets a code when several want one.
func TestTurns(t *testing.T) {
	start := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	now := start
	waiting := func(name string) *record {
		return &record{Account: lifecycle.Account{Name: name, Incident: &lifecycle.Incident{ID: name, NextAttempt: start}}}
	}
	out := func(name string) *record {
		r := waiting(name)
		r.Login = &lifecycle.Login{ID: name, Phase: lifecycle.PhaseWaiting, Automatic: true}
		return r
	}
	ended := func(name string, phase lifecycle.Phase, reason string) *record {
		r := waiting(name)
		r.Login = &lifecycle.Login{ID: name, Phase: phase, Reason: reason, Automatic: true, Ended: now}
		r.Incident.NextAttempt = now.Add(time.Hour)
		if phase == lifecycle.PhaseSucceeded {
			r.Incident = nil
		}
		return r
	}
	ask := func(t *testing.T, all *turns, name string, want turn, until time.Time) {
		t.Helper()
		got, at := all.take(name, start, now)
		if got == turnNobody && at.Before(until) && until.Sub(at) <= ahead {
			at = until // a little before those that were tried
		}
		if got != want || !at.Equal(until) {
			t.Errorf("%s is told %d, %s; want %d, %s", name, got, at, want, until)
		}
	}
	full := func(t *testing.T) *turns {
		t.Helper()
		now = start
		all := &turns{}
		for i := range atOnce {
			name := fmt.Sprintf("a%d", i)
			ask(t, all, name, turnNow, time.Time{})
			all.note(out(name))
		}
		ask(t, all, "b", turnLater, now.Add(turnLook))
		ask(t, all, "c", turnLater, now.Add(turnLook))
		if next := all.call(); len(next) != 0 {
			t.Errorf("%v are called though all turns are taken", next)
		}
		return all
	}
	t.Run("the next in line follows a scan", func(t *testing.T) {
		all := full(t)
		now = now.Add(time.Minute)
		all.note(ended("a1", lifecycle.PhaseSucceeded, ""))
		if next := all.call(); len(next) != 1 || next[0] != "b" {
			t.Errorf("called are %v", next)
		}
		if next := all.call(); len(next) != 1 || next[0] != "c" {
			t.Errorf("after one that does not come, called are %v", next)
		}
		ask(t, all, "b", turnNow, time.Time{})
		ask(t, all, "c", turnLater, now.Add(turnLook))
	})
	t.Run("nobody scans", func(t *testing.T) {
		all := full(t)
		now = now.Add(9 * time.Minute)
		all.note(ended("a0", lifecycle.PhaseFailed, client.ReasonExpired))
		ask(t, all, "b", turnNobody, now.Add(time.Hour))
		ask(t, all, "c", turnNobody, now.Add(time.Hour))
		if next := all.call(); len(next) != 0 {
			t.Errorf("called are %v, and nobody is there", next)
		}
		start = now.Add(time.Minute)
		ask(t, all, "died later", turnNow, time.Time{})
		start = start.Add(-10 * time.Minute)
		now = now.Add(time.Hour)
		ask(t, all, "c", turnLater, now.Add(turnLook)) // a1, a2 and the one that died later
	})
	t.Run("somebody is there, but slow", func(t *testing.T) {
		all := full(t)
		now = now.Add(8 * time.Minute)
		all.note(ended("a0", lifecycle.PhaseSucceeded, ""))
		now = now.Add(time.Minute)
		all.note(ended("a1", lifecycle.PhaseFailed, client.ReasonExpired))
		ask(t, all, "b", turnNow, time.Time{})
	})
	t.Run("no code came", func(t *testing.T) {
		all := full(t)
		all.note(waiting("a2"))
		ask(t, all, "b", turnNow, time.Time{})
	})
	t.Run("who was helped otherwise leaves the line", func(t *testing.T) {
		all := full(t)
		all.note(ended("b", lifecycle.PhaseSucceeded, ""))
		all.leave("a0")
		if next := all.call(); len(next) != 1 || next[0] != "c" {
			t.Errorf("called are %v", next)
		}
	})
	t.Run("a restart does not change it", func(t *testing.T) {
		accounts := map[string]*account{}
		now = start
		accounts["first"] = &account{rec: ended("first", lifecycle.PhaseSucceeded, "")}
		for i := range 10 { // more than chance would put in order
			now = now.Add(10 * time.Minute)
			name := fmt.Sprintf("a%d", i)
			accounts[name] = &account{rec: ended(name, lifecycle.PhaseFailed, client.ReasonExpired)}
		}
		all := &turns{}
		all.restore(accounts)
		if all.row != 10 || !all.unanswered.Equal(now) || !all.answered.Equal(start) {
			t.Errorf("%d in a row, the last at %s, answered at %s", all.row, all.unanswered, all.answered)
		}
	})
	t.Run("a login of a person's own takes no turn", func(t *testing.T) {
		all := full(t)
		r := out("p")
		r.Login.Automatic = false
		all.note(r)
		all.leave("a0")
		ask(t, all, "b", turnNow, time.Time{})
	})
}

// TestLineSurvivesARestart: a turn that is free when the keeper begins anew goes
// to those who waited before.
func TestLineSurvivesARestart(t *testing.T) {
	inHouse(t, func(c *config.Config) {
		c.Check.Schedule, c.Limits.RequestsPerMinute = "CRON_TZ=UTC 0 22,6,14 * * *", 600
	}, func(h *house) {
		h.ten()
		for i := range 10 {
			h.site.Kill(int64(mid + i))
		}
		time.Sleep(11*time.Minute + 30*time.Second)
		out := func() (n int) {
			for i := range 10 {
				if h.account(fmt.Sprintf("rec%d", i)).State == client.StateLoggingIn {
					n++
				}
			}
			return n
		}
		if n := out(); n != atOnce {
			t.Fatalf("%d codes are out, want %d", n, atOnce)
		}
		// While the keeper does not run, the codes that are out are scanned.
		scans := map[string]int64{}
		for i := range 10 {
			if a := h.account(fmt.Sprintf("rec%d", i)); a.State == client.StateLoggingIn {
				l, err := h.keeper.Login(a.LoginID)
				if err != nil {
					t.Fatal(err)
				}
				scans[l.URL] = int64(mid + i)
			}
		}
		h.stop()
		for url, by := range scans {
			h.scan(url, by)
		}
		h.start()
		time.Sleep(20 * time.Second)
		if n := out(); n != atOnce {
			t.Errorf("after the restart %d codes are out, want %d", n, atOnce)
		}
	})
}
