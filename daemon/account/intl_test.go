package account_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// intl makes the account one of the international site.
func intl(o *options) { o.realm = passport.Intl }

// TestIntlLogin: each way in which the international site completes a login.
func TestIntlLogin(t *testing.T) {
	for _, platform := range []string{"web", "tv"} {
		for _, flow := range []passporttest.IntlFlow{passporttest.IntlPlain, passporttest.IntlSSO, passporttest.IntlGoURL, passporttest.IntlLate} {
			t.Run(platform+" "+string(flow), func(t *testing.T) {
				run(t, func(o *options) { o.realm, o.platform = passport.Intl, platform }, func(h *fixture) {
					h.site.Intl.SetFlow(flow)
					h.logIn()
					if r := h.is(); r.Refreshable || r.Mid != mid {
						t.Fatalf("%+v, login %+v", r, r.Login)
					}
					r, err := h.w.Record()
					if err != nil || len(r.Credential.Cookies) == 0 || r.Credential.Cookies[0].Domain != ".bilibili.tv" {
						t.Errorf("%v", err)
					}
					time.Sleep(7 * 24 * time.Hour)
					if r := h.is(); r.Base != lifecycle.BaseValid || r.LastCheck != lifecycle.OutcomeOK {
						t.Errorf("after a week: %+v", r)
					}
					h.wantRequests(passporttest.PathRefresh, 0)
				})
			})
		}
	}
}

func TestIntlUntrustedTarget(t *testing.T) {
	run(t, intl, func(h *fixture) {
		h.site.Intl.SetFlow(passporttest.IntlUntrusted)
		h.startLogin()
		h.scan(h.code(), mid)
		time.Sleep(time.Minute)
		if r := h.is(); r.State() != lifecycle.StateNew || r.Generation != 0 || r.Login.Reason != client.ReasonUnusable {
			t.Errorf("%+v, %+v", r, r.Login)
		}
		h.wantEvents(client.EventLoginFailed, 1)
	})
}

// TestIntlDeath: dead in each of the site's words for it, and logged out of.
func TestIntlDeath(t *testing.T) {
	for _, how := range []passporttest.Anonymous{passporttest.AnonymousFlag, passporttest.AnonymousCode} {
		run(t, intl, func(h *fixture) {
			h.site.Intl.SetAnonymous(how)
			h.logIn()
			h.kill()
			h.wantState(lifecycle.StateLoggingIn)
			if _, err := (account.Session{Worker: h.w}).Logout(context.Background()); err != nil {
				t.Errorf("%s: logout: %v", how, err)
			}
		})
	}
}

// TestIntlCheckRenews: the cookies that the international site gives with a check
// are kept and handed out, and where they cannot be proven at once they wait beside
// those in use.
func TestIntlCheckRenews(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprint("away ", away), func(t *testing.T) {
			run(t, intl, func(h *fixture) {
				h.logIn()
				before := h.sessdata()
				h.site.Intl.Renew(1)
				if away {
					h.site.SetTroubleFor(passporttest.PathIntlUser, passporttest.HTTP502, 1)
					h.site.SpareFirst(passporttest.PathIntlUser, 1)
				}
				h.check(true)
				after := h.sessdata()
				r := h.is()
				if r.Base != lifecycle.BaseValid || r.Confirm != nil || (after == before) != (r.Generation == 1) {
					t.Errorf("%+v", r)
				}
				if away != (after == before) {
					t.Errorf("the cookies in use are the old ones: %v", after == before)
				}
				h.restart()
				h.site.KillSession(before)
				time.Sleep(9 * time.Hour)
				if r := h.is(); r.Base != lifecycle.BaseValid || r.Generation != 2 || h.sessdata() == before || r.Confirm != nil {
					t.Errorf("once the old cookies are dead: %+v", r)
				}
			})
		})
	}
}

// TestIntlRenewsWithAnyAnswer: the site gives cookies once, with whichever answer says
// that a session lives. They are kept and used, where the old ones die too.
func TestIntlRenewsWithAnyAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		set        func(h *fixture)
		generation uint64
	}{
		"to a check, and again to the proof": {func(h *fixture) { h.site.Intl.Renew(2) }, 2},
		"to the second question": {func(h *fixture) {
			h.site.SetTroubleFor(passporttest.PathIntlUser, passporttest.CodeTrouble(-101), 1)
			h.site.Intl.Renew(1)
		}, 2},
		"to the question whose a login is": {func(h *fixture) {
			h.site.Intl.Renew(2)
			h.logIn()
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, intl, func(h *fixture) {
				h.logIn()
				c.set(h)
				old := h.site.Sessions(mid)
				h.check(true)
				h.settle()
				live := h.site.Sessions(mid)
				newest := live[len(live)-1]
				if r := h.is(); r.Base != lifecycle.BaseValid || r.Generation != c.generation || h.sessdata() != newest {
					t.Errorf("%d sessions were there, %d are; the newest is not in use: %+v", len(old), len(live), r)
				}
			})
		})
	}
}

// TestIntlTakesNoOtherSite: the two sites' accounts are not interchangeable.
func TestIntlTakesNoOtherSite(t *testing.T) {
	run(t, intl, func(h *fixture) {
		err := account.Session{Worker: h.w}.TakeOver(context.Background(), pasted(h, h.grant(mid)), true)
		if !isProblem(err, client.ProblemBadRequest) || !strings.Contains(err.Error(), "intl") || h.is().Generation != 0 {
			t.Errorf("%v, %+v", err, h.is())
		}
		h.wantRequests(passporttest.PathNav, 0)
	})
}

// TestIntlRenewsWithTheSpare: the answer that proves cookies which waited beside those
// in use brings the next ones.
func TestIntlRenewsWithTheSpare(t *testing.T) {
	run(t, intl, func(h *fixture) {
		h.logIn()
		old := h.sessdata()
		h.site.Intl.Renew(1)
		h.site.SpareFirst(passporttest.PathIntlUser, 1)
		h.site.SetTroubleFor(passporttest.PathIntlUser, passporttest.HTTP502, 1)
		h.check(true)
		h.settle()
		if r := h.onDisk(); r.Generation != 1 || len(r.Spare.Cookies) == 0 {
			t.Fatalf("%+v", r.Brief)
		}
		h.site.KillSession(old)
		h.site.Intl.Renew(1)
		time.Sleep(8*time.Hour + 5*time.Minute)
		live := h.site.Sessions(mid)
		if r := h.onDisk(); r.Base != lifecycle.BaseValid || r.Generation != 2 || len(r.Spare.Cookies) > 0 || h.sessdata() != live[len(live)-1] {
			t.Errorf("the newest of %d is not in use: %+v", len(live), r.Brief)
		}
	})
}
