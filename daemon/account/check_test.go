package account_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestChecks: what the site may say of a session to the two questions, and what is
// believed.
func TestChecks(t *testing.T) {
	const info, nav = passporttest.PathCookieInfo, passporttest.PathNav
	for name, c := range map[string]struct {
		set           func(s *passporttest.Site)
		state         lifecycle.State
		outcome       lifecycle.Outcome // some minutes after the check
		asked         [2]int            // of either question by then
		denied, wants int               // events: denials, and logins required
	}{
		"it lives":             {state: lifecycle.StateValid, outcome: lifecycle.OutcomeOK, asked: [2]int{1, 0}},
		"denied twice":         {func(s *passporttest.Site) { s.Kill(mid) }, lifecycle.StateLoggingIn, lifecycle.OutcomeDead, [2]int{1, 1}, 2, 1},
		"denied once":          {trouble(info, passporttest.CodeTrouble(-101), 1), lifecycle.StateValid, lifecycle.OutcomeOK, [2]int{1, 1}, 1, 0},
		"blocked":              {trouble(info, passporttest.HTTP412, 1), lifecycle.StateValid, lifecycle.OutcomeBlocked, [2]int{1, 0}, 0, 0},
		"blocked for this one": {trouble(info, passporttest.Code352, 1), lifecycle.StateValid, lifecycle.OutcomeBlocked, [2]int{1, 0}, 0, 0},
		"not understood":       {trouble(info, passporttest.CodeStrange, 1), lifecycle.StateValid, lifecycle.OutcomeOK, [2]int{2, 0}, 0, 0},
		"no answer":            {trouble(info, passporttest.Hang, 1), lifecycle.StateValid, lifecycle.OutcomeOK, [2]int{2, 0}, 0, 0},
		"denied, then no answer": {func(s *passporttest.Site) {
			s.Kill(mid)
			s.SetTroubleFor(nav, passporttest.HTTP502, 1)
		}, lifecycle.StateLoggingIn, lifecycle.OutcomeDead, [2]int{1, 2}, 2, 1},
		"denied, then not understood, then alive": {func(s *passporttest.Site) {
			s.SetTroubleFor(info, passporttest.CodeTrouble(-101), 1)
			s.SetTroubleFor(nav, passporttest.HalfJSON, 1)
		}, lifecycle.StateValid, lifecycle.OutcomeOK, [2]int{1, 2}, 1, 0},
		"denied, then blocked": {func(s *passporttest.Site) {
			s.Kill(mid)
			s.SetTroubleFor(nav, passporttest.HTTP412, 1)
		}, lifecycle.StateValid, lifecycle.OutcomeBlocked, [2]int{1, 1}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				h.site.ResetLog()
				if c.set != nil {
					c.set(h.site)
				}
				time.Sleep(8*time.Hour + 5*time.Minute)
				h.wantState(c.state)
				if r := h.is(); r.LastCheck != c.outcome || (r.LastCheck == lifecycle.OutcomeBlocked) != r.BlockedUntil.After(time.Now()) {
					t.Errorf("%+v", r)
				}
				h.wantRequests(info, c.asked[0])
				h.wantRequests(nav, c.asked[1])
				h.wantEvents(client.EventCheckDead, c.denied)
				h.wantEvents(client.EventLoginRequired, c.wants)
			})
		})
	}
}

// TestMonthOfChecks counts what an account costs the site in 30 days, and what it
// writes into the journal.
func TestMonthOfChecks(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		time.Sleep(time.Second) // so that no check is due at the very end
		h.site.ResetLog()
		time.Sleep(30 * 24 * time.Hour)
		h.wantRequests(passporttest.PathCookieInfo, 90)
		h.wantRequests(passporttest.Any, 90)
		h.wantEvents(client.EventCheckOK, 1)
		if n := h.parts.Unchanged.Load(); n != 89 {
			t.Errorf("%d checks that changed nothing", n)
		}
		if r := h.is(); time.Since(r.CheckedAt) > 9*time.Hour {
			t.Errorf("checked at %v", r.CheckedAt)
		}
		// What puts an end to the calm is told, and the calm after it.
		h.site.SetTrouble(passporttest.PathCookieInfo, passporttest.HTTP502)
		time.Sleep(9 * time.Hour)
		h.site.SetTrouble(passporttest.PathCookieInfo, passporttest.None)
		time.Sleep(24 * time.Hour)
		h.wantEvents(client.EventCheckOK, 2)
		before := h.is().CheckedAt
		h.restart()
		if r := h.is(); !r.CheckedAt.Equal(before) {
			t.Errorf("checked at %v, after a restart %v", before, r.CheckedAt)
		}
	})
}

// TestTroubleAtTheSite: whatever the site does, short of denying the session,
// the account stays valid, nobody is told of a login, the back-off shows, and
// the site is asked ever less often.
func TestTroubleAtTheSite(t *testing.T) {
	for _, kind := range passporttest.Troubles() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			run(t, nil, func(h *fixture) {
				h.logIn()
				before := h.header()
				told := len(h.events("login."))
				h.site.ResetLog()
				h.site.SetTrouble(passporttest.Any, kind)
				time.Sleep(8*time.Hour + time.Minute)
				r := h.is()
				if r.BlockedUntil.IsZero() || r.LastCheck == lifecycle.OutcomeOK || r.LastCheck == lifecycle.OutcomeDead || r.Detail == "" {
					t.Errorf("the trouble does not show: %+v", r)
				}
				time.Sleep(24 * time.Hour)
				h.wantState(lifecycle.StateValid)
				// A minute, doubling to an hour, makes 29 at most in a day.
				if n := len(h.site.Log()); n == 0 || n > 31 {
					t.Errorf("%d requests in a day of trouble", n)
				}
				if again := h.events("login."); len(again) != told {
					t.Errorf("a login was talked of: %v", again[told:])
				}
				if h.header() != before {
					t.Error("the credential changed")
				}
				h.site.SetTrouble(passporttest.Any, passporttest.None)
				time.Sleep(25 * time.Hour)
				if r := h.is(); r.LastCheck != lifecycle.OutcomeOK || !r.BlockedUntil.IsZero() || r.Failures != 0 {
					t.Errorf("after the trouble: %+v", r)
				}
			})
		})
	}
}

// TestCheckWaitsForTheSecondAnswer: a caller is told what is sure; one who comes while
// the second question is open waits with him, and one who insists asks it.
func TestCheckWaitsForTheSecondAnswer(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.site.ResetLog()
		h.site.Kill(mid)
		began := time.Now()
		other := make(chan *store.Brief, 1)
		time.AfterFunc(30*time.Second, func() {
			r, err := account.Check{Worker: h.w}.Now(context.Background(), false)
			if err != nil {
				t.Error(err)
			}
			other <- r
		})
		if r := h.check(false); r.LastCheck != lifecycle.OutcomeDead || r.Base != lifecycle.BaseDead {
			t.Fatalf("%+v", r)
		}
		if waited := time.Since(began); waited < time.Minute || waited > 2*time.Minute {
			t.Errorf("it took %s", waited)
		}
		if r := <-other; r == nil || r.Base != lifecycle.BaseDead {
			t.Errorf("the other is told %+v", r)
		}
		h.wantRequests(passporttest.PathCookieInfo, 1)
		h.wantRequests(passporttest.PathNav, 1)
	})
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.site.ResetLog()
		h.site.SetTroubleFor(passporttest.PathCookieInfo, passporttest.CodeTrouble(-101), 1)
		h.site.SetTroubleFor(passporttest.PathNav, passporttest.HTTP412, 1)
		if r := h.check(false); !r.Doubted() || r.LastCheck != lifecycle.OutcomeBlocked {
			t.Fatalf("%+v", r)
		}
		if r := h.check(true); r.Doubted() || r.LastCheck != lifecycle.OutcomeOK {
			t.Errorf("one who insists is told %+v", r)
		}
		h.wantRequests(passporttest.PathNav, 2)
	})
}

// TestIdentifiersComeLater: a login that got no device identifiers gets them with a
// later check, and every export has them from then on.
func TestIdentifiersComeLater(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.site.SetTrouble(passporttest.PathFinger, passporttest.HTTP502)
		h.logIn()
		if strings.Contains(h.header(), "buvid3") {
			t.Fatal(h.header())
		}
		time.Sleep(9 * time.Hour)
		h.site.SetTrouble(passporttest.PathFinger, passporttest.None)
		time.Sleep(9 * time.Hour)
		if header := h.header(); !strings.Contains(header, "buvid3=") || !strings.Contains(header, "buvid4=") {
			t.Error(header)
		}
		before := h.site.Requests(passporttest.PathFinger)
		time.Sleep(9 * time.Hour)
		h.wantRequests(passporttest.PathFinger, before)
	})
}
