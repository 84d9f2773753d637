package account_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestLogins: how a login that a person began ends.
func TestLogins(t *testing.T) {
	scan := func(h *fixture) { h.must(h.site.QR.Scan(h.code(), mid)) }
	for name, c := range map[string]struct {
		attended time.Duration
		single   bool
		person   func(h *fixture)
		wait     time.Duration
		state    string
		reason   string
		codes    int
	}{
		"granted":                      {person: func(h *fixture) { h.scan(h.code(), mid) }, wait: 10 * time.Second, state: client.LoginSucceeded, codes: 1},
		"scanned":                      {person: scan, wait: 5 * time.Second, state: client.LoginScanned, codes: 1},
		"scanned and not confirmed":    {person: scan, single: true, wait: 5 * time.Minute, state: client.LoginFailed, reason: client.ReasonExpired, codes: 1},
		"nobody scans":                 {wait: 10 * time.Minute, state: client.LoginFailed, reason: client.ReasonExpired, codes: 3},
		"nobody scans, one code":       {single: true, wait: 4 * time.Minute, state: client.LoginFailed, reason: client.ReasonExpired, codes: 1},
		"nobody scans, somebody stays": {attended: 20 * time.Minute, wait: 19 * time.Minute, state: client.LoginWaiting, codes: 7},
		"he goes":                      {attended: 20 * time.Minute, wait: 22 * time.Minute, state: client.LoginFailed, reason: client.ReasonExpired, codes: 7},
		"cancelled": {person: func(h *fixture) {
			h.must(account.Login{Worker: h.w}.Cancel(context.Background(), h.is().Login.ID))
		}, state: client.LoginCancelled, reason: client.ReasonCancelled, codes: 1},
		"no answer at the code's end": {single: true, person: func(h *fixture) { h.site.SetTrouble(passporttest.PathPoll, passporttest.HTTP502) }, wait: 5 * time.Minute, state: client.LoginFailed, reason: client.ReasonSite, codes: 1},
		"the site wants to be left alone, for a while": {person: func(h *fixture) {
			h.site.SetTroubleFor(passporttest.PathPoll, passporttest.HTTP412, 2)
			h.scan(h.code(), mid)
		}, wait: 3*time.Minute - time.Second, state: client.LoginSucceeded, codes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				var until time.Time
				if c.attended > 0 {
					until = time.Now().Add(c.attended)
				}
				_, err := account.Login{Worker: h.w}.Start(context.Background(), client.MethodQR, until, c.single)
				h.must(err)
				if c.person != nil {
					c.person(h)
				}
				time.Sleep(c.wait)
				l := h.login()
				if l.State != c.state || l.Reason != c.reason || l.Code != c.codes {
					t.Errorf("%+v", l)
				}
				if out := l.State == client.LoginWaiting || l.State == client.LoginScanned; out != (l.URL != "") || out != (l.ExpiresAt != nil) {
					t.Errorf("its code: %+v", l)
				}
				h.wantRequests(passporttest.PathGenerate, c.codes)
				if r := h.is(); (r.Base == lifecycle.BaseValid) != (c.state == client.LoginSucceeded) {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// TestOneLogin: later callers join the login in progress.
func TestOneLogin(t *testing.T) {
	run(t, nil, func(h *fixture) {
		if h.startLogin() {
			t.Error("the first joined another")
		}
		first := h.login()
		for range 5 {
			if joined := h.startLogin(); !joined || h.login().ID != first.ID || h.login().URL != first.URL {
				t.Fatalf("%+v", h.login())
			}
		}
		h.wantRequests(passporttest.PathGenerate, 1)
		cancel := account.Login{Worker: h.w}.Cancel
		if err := cancel(context.Background(), "another"); !isProblem(err, client.ProblemNoLogin) {
			t.Errorf("another login: %v", err)
		}
		h.must(cancel(context.Background(), first.ID))
		if l := h.login(); l.State != client.LoginCancelled || l.URL != "" {
			t.Errorf("%+v", l)
		}
	})
}

// TestDeathAndRecovery: twice denied, a code by itself, the scan, the new cookie, in
// each form in which the site may give it.
func TestDeathAndRecovery(t *testing.T) {
	for _, form := range []passporttest.Form{passporttest.FormHeaders, passporttest.FormBoth, passporttest.FormQuery, passporttest.FormHop} {
		t.Run(string(form), func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.site.QR.SetForm(form)
				h.logIn()
				old := h.header()
				h.kill()
				h.wantState(lifecycle.StateLoggingIn)
				h.scan(h.code(), mid)
				time.Sleep(30 * time.Second)
				h.wantState(lifecycle.StateValid)
				if r := h.is(); r.Generation != 2 || r.Mid != mid || r.Uname != "example" || r.ExpiresAt.IsZero() || r.Incident != nil {
					t.Errorf("after the recovery: %+v", r)
				}
				sessions := h.site.Sessions(mid)
				if h.header() == old || len(sessions) != 1 || h.sessdata() != sessions[0] {
					t.Errorf("the credential is not the site's new one, byte for byte")
				}
				if !strings.Contains(h.header(), "buvid3=") {
					t.Error("the device identifier is missing")
				}
				h.wantEvents(client.EventLoginRequired, 1)
			})
		})
	}
}

// TestNobodyScans counts the codes of three days: three at once, then again
// after one, six and twenty-four hours. Three codes take nine minutes.
func TestNobodyScans(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.site.ResetLog()
		h.kill()
		time.Sleep(20 * time.Minute)
		h.wantRequests(passporttest.PathGenerate, 3)
		h.wantState(lifecycle.StateNeedsLogin)
		for i, wait := range []time.Duration{time.Hour, 6*time.Hour + 10*time.Minute, 24*time.Hour + 10*time.Minute, 48*time.Hour + 20*time.Minute} {
			time.Sleep(wait)
			h.wantRequests(passporttest.PathGenerate, []int{6, 9, 12, 18}[i])
		}
		// A code lives 180 s and is asked for every 2 s.
		if polls := h.site.Requests(passporttest.PathPoll); polls > 18*91 {
			t.Errorf("%d polls for 18 codes", polls)
		}
		// A dead session is not asked about again and again.
		h.wantRequests(passporttest.PathCookieInfo, 1)
		h.wantRequests(passporttest.PathNav, 1)
		h.wantEvents(client.EventLoginRequired, 1)
	})
}

// TestStrangersScan: what somebody else's phone brings takes no one's place.
func TestStrangersScan(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		before := h.header()
		h.kill()
		h.scan(h.code(), stranger)
		time.Sleep(10 * time.Second)
		h.wantState(lifecycle.StateNeedsLogin)
		if r := h.is(); h.header() != before || r.Generation != 1 || r.Mid != mid || len(h.onDisk().StagedGrant.Cookies) > 0 {
			t.Error("a stranger's scan changed the account")
		}
		failed := h.events(client.EventLoginFailed)
		if len(failed) != 1 || !strings.Contains(string(failed[0].Data), client.ReasonWrongAccount) {
			t.Errorf("told: %v", failed)
		}
		h.logIn()
	})
}

// TestRestartGoesOn stops the worker at each step of a login.
func TestRestartGoesOn(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		next := h.is().NextCheckAt
		time.Sleep(time.Hour)
		h.restart()
		if got := h.is().NextCheckAt; !got.Equal(next) {
			t.Errorf("the next check moved from %s to %s", next, got)
		}
		h.site.Kill(mid)
		time.Sleep(7*time.Hour + 30*time.Second)
		h.restart() // between the two answers
		time.Sleep(2 * time.Minute)
		h.wantState(lifecycle.StateLoggingIn)
		code := h.code()
		h.restart() // with a code out
		if h.code() != code {
			t.Error("a code that still lived was replaced")
		}
		h.must(h.site.QR.Scan(code, mid))
		time.Sleep(5 * time.Second)
		h.restart() // scanned
		h.end(h.life)
		h.must(h.site.QR.Confirm(code, mid)) // while nobody polls
		h.resume()
		time.Sleep(5 * time.Second)
		h.wantState(lifecycle.StateValid)
		h.wantEvents(client.EventLoginScanned, 1) // the one that a poll saw
	})
}

// TestNoCode: why there is no code, and what a person and the journal are told.
func TestNoCode(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.site.SetTrouble(passporttest.PathGenerate, passporttest.HTTP412)
		_, err := account.Login{Worker: h.w}.Start(context.Background(), client.MethodQR, time.Time{}, false)
		if !isProblem(err, client.ProblemSiteAway) || h.is().Login != nil {
			t.Errorf("%v, %+v", err, h.is().Login)
		}
		h.site.SetTrouble(passporttest.PathGenerate, passporttest.None)
		h.logIn() // who insists asks all the same
	})
	run(t, nil, func(h *fixture) { // a code by itself comes later
		h.logIn()
		h.site.SetTrouble(passporttest.PathGenerate, passporttest.HTTP502)
		h.kill()
		h.wantState(lifecycle.StateNeedsLogin)
		if r := h.is(); r.Incident.Failures == 0 || r.Incident.NextAttempt.Before(time.Now()) {
			t.Errorf("%+v", r.Incident)
		}
		if !h.called.Load() {
			t.Error("its place in the queue is not given back")
		}
		h.site.SetTrouble(passporttest.PathGenerate, passporttest.None)
		time.Sleep(2 * time.Minute)
		h.wantState(lifecycle.StateLoggingIn)
	})
}

// TestTheQueue: where others' codes are out the account waits for its turn, over a
// restart too; where those went unanswered, for the next reminder.
func TestTheQueue(t *testing.T) {
	others := func(h *fixture, phase lifecycle.Phase, reason string) {
		for i := range 3 {
			h.logins.Note(lifecycle.Account{
				Name: fmt.Sprint("other", i), Base: lifecycle.BaseDead, Incident: &lifecycle.Incident{NextAttempt: time.Now().Add(time.Hour)},
				Login: &lifecycle.Login{Automatic: true, Phase: phase, Reason: reason, Started: time.Now(), Ended: time.Now().Add(time.Duration(i))},
			})
		}
	}
	run(t, nil, func(h *fixture) {
		h.logIn()
		others(h, lifecycle.PhaseWaiting, "")
		h.kill()
		h.wantState(lifecycle.StateNeedsLogin)
		if r := h.is(); r.Incident.InLine.IsZero() || r.Incident.NextAttempt.Before(time.Now()) {
			t.Errorf("%+v", r.Incident)
		}
		others(h, lifecycle.PhaseSucceeded, "")
		if line := h.logins.Call(); !slices.Equal(line, []string{"main"}) {
			t.Errorf("%q are called", line)
		}
		account.Login{Worker: h.w}.Come()
		h.settle()
		h.wantState(lifecycle.StateLoggingIn)
	})
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.site.Kill(mid)
		time.Sleep(8*time.Hour + 30*time.Second)
		others(h, lifecycle.PhaseFailed, client.ReasonExpired)
		time.Sleep(time.Minute)
		h.wantState(lifecycle.StateNeedsLogin)
		r := h.is()
		if r.Incident.Attempts != 1 || time.Until(r.Incident.NextAttempt) < 50*time.Minute {
			t.Errorf("%+v", r.Incident)
		}
		h.wantRequests(passporttest.PathGenerate, 1)
		time.Sleep(time.Hour)
		h.wantState(lifecycle.StateLoggingIn)
	})
	run(t, nil, func(h *fixture) { // one who is called and has no incident any more
		h.logIn()
		before := h.onDisk().Revision
		account.Login{Worker: h.w}.Come()
		h.settle()
		if h.onDisk().Revision != before {
			t.Error("it was written")
		}
	})
}

// TestTheOtherProfile: where the site does not tell of a scan, the next code is
// asked about as from the site's other page, and that is remembered.
func TestTheOtherProfile(t *testing.T) {
	for _, referer := range []string{"", "https://www.bilibili.com/", "https://passport.bilibili.com/login"} {
		t.Run(referer, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.site.QR.OnlyFrom(referer)
				h.startLogin()
				h.scan(h.code(), mid)
				time.Sleep(3*time.Minute + 5*time.Second)
				if referer == "https://passport.bilibili.com/login" {
					h.wantState(lifecycle.StateLoggingIn)
					h.restart()
					h.scan(h.code(), mid)
					time.Sleep(10 * time.Second)
				}
				h.wantState(lifecycle.StateValid)
				// The next login's first code is asked about in the way that worked.
				h.kill()
				h.scan(h.code(), mid)
				time.Sleep(10 * time.Second)
				h.wantState(lifecycle.StateValid)
			})
		})
	}
}

// TestLeftOut: what a login brought and was not kept is said in its answer.
func TestLeftOut(t *testing.T) {
	run(t, nil, func(h *fixture) {
		lines := []string{
			"track=1; Path=/; Domain=ads.example.com", "own=1; Path=/; Domain=bilibili.com",
			"long=" + strings.Repeat("x", 5000) + "; Path=/; Domain=bilibili.com",
		}
		for i := range 62 {
			lines = append(lines, fmt.Sprintf("c%d=1; Path=/; Domain=bilibili.com", i))
		}
		h.site.QR.Beside(lines...)
		h.startLogin()
		if l := h.login(); l.Notes != nil {
			t.Fatalf("%+v", l)
		}
		h.scan(h.code(), mid)
		h.until("the login", func(r *store.Brief) bool { return r.Base == lifecycle.BaseValid })
		if l := h.login(); !slices.Equal(l.Notes, []string{
			"1 cookie of another domain than the site's was left out",
			"4 cookies beyond the first 64 were left out",
			"1 cookie longer than 4 KiB was left out",
		}) {
			t.Errorf("%q", l.Notes)
		}
		if header := h.header(); !strings.Contains(header, "own=1") || strings.Contains(header, "track") || strings.Contains(header, "long=") {
			t.Errorf("%s", header)
		}
	})
}
