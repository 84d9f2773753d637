package account_test

import (
	"context"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestStartAfterAWrongClock: times that a clock which was years ahead left in the
// vault are brought within bounds at the start, and nothing is silent until they
// come.
func TestStartAfterAWrongClock(t *testing.T) {
	for _, years := range []int{1, 10} {
		run(t, nil, func(h *fixture) {
			h.logIn()
			h.kill()
			time.Sleep(30 * time.Minute) // the codes are used up
			h.wantState(lifecycle.StateNeedsLogin)
			h.ahead(years)
			before := len(h.events(client.EventLoginCode))
			h.restart()
			if r := h.is(); time.Until(r.Incident.NextAttempt) > 31*time.Hour || time.Until(r.BlockedUntil) > 31*time.Hour {
				t.Fatalf("%d years: %+v", years, r)
			}
			time.Sleep(31 * time.Hour)
			if n := len(h.events(client.EventLoginCode)); n == before {
				t.Errorf("%d years: no code came", years)
			}
		})
	}
}

// ahead writes times that are years away, as a wrong clock leaves them.
func (h *fixture) ahead(years int) {
	h.Helper()
	future := *h.onDisk()
	incident := *future.Incident
	future.Incident = &incident
	future.Incident.NextAttempt = incident.NextAttempt.AddDate(years, 0, 0)
	future.BlockedUntil = time.Now().AddDate(years, 0, 0)
	h.must(h.store.Save(&future, nil, nil))
}

// TestTheClockIsSetBack: times that were set by a clock which was ahead are brought
// within bounds when the account is looked at, which the schedule does at once where the
// clock was set back.
func TestTheClockIsSetBack(t *testing.T) {
	for name, set := range map[string]func(a *lifecycle.Account, at time.Time){
		"a check":                     func(a *lifecycle.Account, at time.Time) { a.NextCheckAt = at },
		"a pause":                     func(a *lifecycle.Account, at time.Time) { a.NextCheckAt, a.BlockedUntil = at, at },
		"the second question":         func(a *lifecycle.Account, at time.Time) { a.DeniedAt, a.AskAgainAt = time.Now(), at },
		"a pair that waits for proof": func(a *lifecycle.Account, at time.Time) { a.NextCheckAt, a.Refresh = at, &lifecycle.Refresh{At: at} },
		"a confirmation":              func(a *lifecycle.Account, at time.Time) { a.NextCheckAt, a.Confirm = at, &lifecycle.Confirm{At: at} },
		"a login": func(a *lifecycle.Account, at time.Time) {
			a.Login = &lifecycle.Login{ID: "1", Phase: lifecycle.PhaseCaptcha, RetryAt: at}
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				future := *h.onDisk()
				set(&future.Account, time.Now().AddDate(1, 0, 0))
				h.must(h.store.Save(&future, nil, nil))
				h.end(h.life)
				h.open()
				w := h.unread()
				h.begin(w)
				w.Nudge()
				h.settle()
				if next := h.is().Next(h.policyOf(h.is())); next.At.After(time.Now().Add(31 * time.Hour)) {
					t.Errorf("next is %+v", next)
				}
				if !h.log.has("the clock was set") {
					t.Error("the log says nothing of it")
				}
			})
		})
	}
}

// TestPausedIsLeftAlone: over a restart too, and it works by hand.
func TestPausedIsLeftAlone(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		before := h.site.Requests(passporttest.Any)
		h.pause(true)
		h.pause(true) // which is no change
		time.Sleep(20 * time.Hour)
		h.restart()
		h.site.Kill(mid)
		time.Sleep(20 * time.Hour)
		h.wantRequests(passporttest.Any, before)
		if r := h.is(); !r.Preferences.Paused || r.Base != lifecycle.BaseValid {
			t.Errorf("%+v", r)
		}
		if r := h.check(false); r.LastCheck != lifecycle.OutcomeDead {
			t.Errorf("%+v", r)
		}
		h.wantState(lifecycle.StateNeedsLogin)
		time.Sleep(20 * time.Hour)
		h.wantState(lifecycle.StateNeedsLogin)
		h.logIn()
		h.site.Kill(mid)
		time.Sleep(20 * time.Hour)
		h.wantState(lifecycle.StateValid)
		h.pause(false)
		time.Sleep(2 * time.Minute)
		h.wantState(lifecycle.StateLoggingIn)
		// Its code is taken back with the next pause, and the others in the queue may come.
		h.called.Store(false)
		h.pause(true)
		h.wantState(lifecycle.StateNeedsLogin)
		if r := h.is(); r.Login.Reason != client.ReasonCancelled || !h.called.Load() {
			t.Errorf("%+v, others are called: %v", r.Login, h.called.Load())
		}
	})
}

// pause leaves the account alone, or no more.
func (h *fixture) pause(yes bool) {
	h.Helper()
	h.prefer(func(p *store.Preferences) { p.Paused = yes })
}

// TestAnotherSchedule: one that people choose is written and in force at once, one
// that a reload brings is in force and written with the next change.
func TestAnotherSchedule(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.prefer(func(p *store.Preferences) { p.Schedule = "@every 1h" })
		revision := h.onDisk().Revision
		if r := h.onDisk(); r.Plan != "@every 1h" || time.Until(r.NextCheckAt) > time.Hour {
			t.Errorf("%+v", r.Brief)
		}
		h.prefer(func(p *store.Preferences) { p.Schedule = "" })
		h.end(h.life)
		h.plan = "@every 2h"
		h.resume()
		if r := h.onDisk(); r.Plan != "@every 2h" || r.Revision <= revision || time.Until(r.NextCheckAt) > 2*time.Hour {
			t.Errorf("taken up at the start: %+v", r.Brief)
		}
		revision = h.onDisk().Revision
		h.plan, h.replaced = "@every 30m", time.Now()
		account.Preferences{Worker: h.w}.Reconsider()
		h.settle()
		if r := h.is(); r.Plan != "@every 30m" || time.Until(r.NextCheckAt) > 30*time.Minute {
			t.Errorf("after a reload: %+v", r)
		}
		if h.onDisk().Revision != revision {
			t.Error("it was written")
		}
		time.Sleep(31 * time.Minute)
		if r := h.onDisk(); r.Plan != "@every 30m" || time.Since(r.CheckedAt) > 2*time.Minute {
			t.Errorf("after the next check: %+v", r.Brief)
		}
	})
}

// TestPreferencesAtOnce: whatever comes of a choice is in the commit that keeps it.
func TestPreferencesAtOnce(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		var seen []uint64
		stop := store.Others{Store: h.store}.Follow(store.KindAccount, func(_ string, revision uint64) { seen = append(seen, revision) })
		defer stop()
		h.prefer(func(p *store.Preferences) { p.Schedule, p.Paused = "@every 1h", true })
		if r := h.onDisk(); r.Plan != "@every 1h" || !r.Preferences.Paused || len(seen) != 1 || seen[0] != r.Revision {
			t.Errorf("%d commits came to %+v", len(seen), r.Brief)
		}
	})
}

// prefer changes what people chose for the account.
func (h *fixture) prefer(change func(p *store.Preferences)) {
	h.Helper()
	h.must(account.Preferences{Worker: h.w}.Change(context.Background(), change))
}
