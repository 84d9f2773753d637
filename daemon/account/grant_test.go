package account_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestGrantSurvives: granted, then the site is away for a night and the worker is
// started again and again.
func TestGrantSurvives(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.kill()
		h.site.SetTrouble(passporttest.PathNav, passporttest.HTTP500)
		h.scan(h.code(), mid)
		time.Sleep(time.Minute)
		h.wantState(lifecycle.StateLoggingIn)
		if err := (account.Login{Worker: h.w}).Cancel(context.Background(), h.is().Login.ID); !isProblem(err, client.ProblemBusy) {
			t.Errorf("it can be cancelled: %v", err)
		}
		for range 4 {
			time.Sleep(2 * time.Hour)
			h.restart()
		}
		h.site.SetTrouble(passporttest.PathNav, passporttest.None)
		time.Sleep(2 * time.Hour)
		h.wantState(lifecycle.StateValid)
		h.wantRequests(passporttest.PathGenerate, 2)
	})
}

// TestGrantedAndBlocked: a login that the site granted is never lost and never
// called one that nobody scanned, whatever the site answers right after it.
func TestGrantedAndBlocked(t *testing.T) {
	for _, path := range []string{passporttest.PathPoll, passporttest.PathNav} {
		for _, kind := range []passporttest.Trouble{
			passporttest.HTTP412, passporttest.Code412, passporttest.Code352, passporttest.Code799, passporttest.HTML,
			passporttest.HTTP502, passporttest.CodeTrouble(-101),
		} {
			t.Run(path[strings.LastIndex(path, "/")+1:]+" "+string(kind), func(t *testing.T) {
				run(t, nil, func(h *fixture) {
					h.startLogin()
					h.site.SetTrouble(path, kind)
					h.scan(h.code(), mid)
					time.Sleep(20 * time.Second)
					h.wantState(lifecycle.StateLoggingIn)
					if l := h.login(); path == passporttest.PathNav && (!l.Granted || l.State != client.LoginVerifying || l.RetryAt == nil) {
						t.Errorf("%+v", l)
					}
					h.site.SetTrouble(path, passporttest.None)
					if path == passporttest.PathNav {
						// A person who cannot wait asks the open question.
						h.check(true)
					} else {
						time.Sleep(2 * time.Minute) // within the code's life
					}
					h.wantState(lifecycle.StateValid)
					h.wantEvents(client.EventLoginFailed, 0)
				})
			})
		}
	}
}

// TestGrantIsDeniedTwice: the second denial ends it, and it says so.
func TestGrantIsDeniedTwice(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.startLogin()
		h.site.SetTrouble(passporttest.PathNav, passporttest.CodeTrouble(-101))
		h.scan(h.code(), mid)
		time.Sleep(3 * time.Minute)
		if l := h.login(); l.State != client.LoginFailed || l.Reason != client.ReasonRefused {
			t.Errorf("%+v", l)
		}
		h.wantRequests(passporttest.PathNav, 2)
	})
}

// TestCollecting: what a success lacks is fetched from where its reply points to,
// again and again while the site is away, and not for ever.
func TestCollecting(t *testing.T) {
	for name, c := range map[string]struct {
		n      int
		state  string
		reason string
	}{
		"at once":    {0, client.LoginSucceeded, ""},
		"later":      {2, client.LoginSucceeded, ""},
		"not at all": {10, client.LoginFailed, client.ReasonUnusable},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.site.QR.SetForm(passporttest.FormHop)
				if c.n > 0 {
					h.site.SetTroubleFor(passporttest.PathHop, passporttest.HTTP502, c.n)
				}
				h.startLogin()
				h.scan(h.code(), mid)
				time.Sleep(time.Hour)
				if l := h.login(); l.State != c.state || l.Reason != c.reason {
					t.Errorf("%+v", l)
				}
			})
		})
	}
	run(t, nil, func(h *fixture) { // a person asks what is open about it
		h.site.QR.SetForm(passporttest.FormHop)
		h.site.SetTroubleFor(passporttest.PathHop, passporttest.HTTP502, 1)
		h.startLogin()
		h.scan(h.code(), mid)
		time.Sleep(3 * time.Second)
		if l := h.is().Login; l.Phase != lifecycle.PhaseCollecting {
			t.Fatalf("%+v", l)
		}
		h.check(true)
		h.wantState(lifecycle.StateValid)
	})
}
