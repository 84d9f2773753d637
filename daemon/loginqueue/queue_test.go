package loginqueue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
)

// TestQueue: who gets a code when several want one.
func TestQueue(t *testing.T) {
	start := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	now := start
	waiting := func(name string) lifecycle.Account {
		return lifecycle.Account{Name: name, Incident: &lifecycle.Incident{ID: name, NextAttempt: start}}
	}
	out := func(name string) lifecycle.Account {
		r := waiting(name)
		r.Login = &lifecycle.Login{ID: name, Phase: lifecycle.PhaseWaiting, Automatic: true}
		return r
	}
	ended := func(name string, phase lifecycle.Phase, reason string) lifecycle.Account {
		r := waiting(name)
		r.Login = &lifecycle.Login{ID: name, Phase: phase, Reason: reason, Automatic: true, Ended: now}
		r.Incident.NextAttempt = now.Add(time.Hour)
		if phase == lifecycle.PhaseSucceeded {
			r.Incident = nil
		}
		return r
	}
	ask := func(t *testing.T, all *Queue, name string, want Answer, until time.Time) {
		t.Helper()
		got, at := all.Take(name, start, now)
		if got == NobodyScans && at.Before(until) && until.Sub(at) <= ahead {
			at = until // a little before those that were tried
		}
		if got != want || !at.Equal(until) {
			t.Errorf("%s is told %d, %s; want %d, %s", name, got, at, want, until)
		}
	}
	full := func(t *testing.T) *Queue {
		t.Helper()
		now = start
		all := &Queue{}
		for i := range AtOnce {
			name := fmt.Sprintf("a%d", i)
			ask(t, all, name, Now, time.Time{})
			all.Note(out(name))
		}
		ask(t, all, "b", Later, now.Add(lookAgain))
		ask(t, all, "c", Later, now.Add(lookAgain))
		if next := all.Call(); len(next) != 0 {
			t.Errorf("%v are called though all places are taken", next)
		}
		return all
	}
	t.Run("the next in line follows a scan", func(t *testing.T) {
		all := full(t)
		now = now.Add(time.Minute)
		all.Note(ended("a1", lifecycle.PhaseSucceeded, ""))
		if next := all.Call(); len(next) != 1 || next[0] != "b" {
			t.Errorf("called are %v", next)
		}
		if next := all.Call(); len(next) != 1 || next[0] != "c" {
			t.Errorf("after one that does not come, called are %v", next)
		}
		ask(t, all, "b", Now, time.Time{})
		ask(t, all, "c", Later, now.Add(lookAgain))
	})
	t.Run("nobody scans", func(t *testing.T) {
		all := full(t)
		now = now.Add(9 * time.Minute)
		all.Note(ended("a0", lifecycle.PhaseFailed, client.ReasonExpired))
		ask(t, all, "b", NobodyScans, now.Add(time.Hour))
		ask(t, all, "c", NobodyScans, now.Add(time.Hour))
		if next := all.Call(); len(next) != 0 {
			t.Errorf("called are %v, and nobody is there", next)
		}
		start = now.Add(time.Minute)
		ask(t, all, "died later", Now, time.Time{})
		start = start.Add(-10 * time.Minute)
		now = now.Add(time.Hour)
		ask(t, all, "c", Later, now.Add(lookAgain)) // a1, a2 and the one that died later
	})
	t.Run("somebody is there, but slow", func(t *testing.T) {
		all := full(t)
		now = now.Add(8 * time.Minute)
		all.Note(ended("a0", lifecycle.PhaseSucceeded, ""))
		now = now.Add(time.Minute)
		all.Note(ended("a1", lifecycle.PhaseFailed, client.ReasonExpired))
		ask(t, all, "b", Now, time.Time{})
	})
	t.Run("no code came", func(t *testing.T) {
		all := full(t)
		all.Note(waiting("a2"))
		ask(t, all, "b", Now, time.Time{})
	})
	t.Run("who was helped otherwise leaves the line", func(t *testing.T) {
		all := full(t)
		all.Note(ended("b", lifecycle.PhaseSucceeded, ""))
		all.Leave("a0")
		if next := all.Call(); len(next) != 1 || next[0] != "c" {
			t.Errorf("called are %v", next)
		}
	})
	t.Run("a restart does not change it", func(t *testing.T) {
		var accounts []lifecycle.Account
		now = start
		accounts = append(accounts, ended("first", lifecycle.PhaseSucceeded, ""))
		for i := range 10 { // more than chance would put in order
			now = now.Add(10 * time.Minute)
			name := fmt.Sprintf("a%d", i)
			accounts = append(accounts, ended(name, lifecycle.PhaseFailed, client.ReasonExpired))
		}
		slices.Reverse(accounts)
		all := &Queue{}
		all.Restore(accounts)
		if all.row != 10 || !all.unanswered.Equal(now) || !all.answered.Equal(start) {
			t.Errorf("%d in a row, the last at %s, answered at %s", all.row, all.unanswered, all.answered)
		}
	})
	t.Run("after a restart one that waits keeps nobody waiting", func(t *testing.T) {
		now = start.Add(time.Minute)
		due := ended("tried", lifecycle.PhaseFailed, client.ReasonExpired)
		now = due.Incident.NextAttempt
		due.Incident.InLine, due.Incident.NextAttempt = now, now.Add(lookAgain)
		all := &Queue{}
		all.Restore([]lifecycle.Account{due})
		ask(t, all, "b", Now, time.Time{})
		ask(t, all, "tried", Now, time.Time{})
	})
	t.Run("one whose session lives for days keeps the dead ones waiting for half an hour", func(t *testing.T) {
		now = start.Add(time.Minute)
		early := ended("early", lifecycle.PhaseFailed, client.ReasonExpired)
		early.Incident.Early, early.Incident.NextAttempt = true, now.AddDate(0, 0, 2)
		all := &Queue{}
		all.Note(early)
		ask(t, all, "b", NobodyScans, now.Add(absence))
		now = now.Add(absence)
		ask(t, all, "b", Now, time.Time{})
	})
	t.Run("a login of a person's own takes no place", func(t *testing.T) {
		all := full(t)
		r := out("p")
		r.Login.Automatic = false
		all.Note(r)
		all.Leave("a0")
		ask(t, all, "b", Now, time.Time{})
	})
}
