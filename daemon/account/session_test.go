package account_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/input"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// grant logs a user in elsewhere, and returns what a browser has of that by name, its
// refresh token as ac_time_value.
func (h *fixture) grant(mid int64) map[string]string {
	have := map[string]string{}
	for _, line := range h.site.Grant(mid) {
		pair, _, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		have[name] = value
	}
	have["ac_time_value"] = h.site.Refresh.Token(have["SESSDATA"])
	return have
}

// pasted is what a person copied of a login, by names; none is all.
func pasted(h *fixture, have map[string]string, names ...string) input.Login {
	h.Helper()
	if len(names) == 0 {
		names = []string{"SESSDATA", "bili_jct", "DedeUserID", "ac_time_value"}
	}
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, name+"="+have[name])
	}
	l, err := input.Parse("header", []byte(strings.Join(pairs, "; ")))
	h.must(err)
	return l
}

// TestTakeOver: a login from elsewhere, and what it may take the place of.
func TestTakeOver(t *testing.T) {
	whole := []string{"SESSDATA", "bili_jct", "DedeUserID", "ac_time_value"}
	poor := []string{"SESSDATA", "bili_jct"}
	for name, c := range map[string]struct {
		before  func(h *fixture)
		whose   int64 // the login's; mid where it is not said
		names   []string
		after   func(h *fixture) // once it was copied
		replace bool
		refused string // the problem's type, "" where it is taken
		text    string
		rich    bool // it can be refreshed
	}{
		"into a new account":                     {names: whole, rich: true},
		"which cannot be refreshed":              {names: poor},
		"in the place of one as good":            {before: (*fixture).logIn, names: whole, rich: true},
		"in the place of a better one":           {before: (*fixture).logIn, names: poor, refused: client.ProblemBadRequest, text: "--replace"},
		"in the place of a better one, as meant": {before: (*fixture).logIn, names: poor, replace: true},
		"in the place of a dead one":             {before: (*fixture).dieAndRest, names: poor},
		"in the place of another's":              {before: (*fixture).logIn, whose: stranger, names: whole, refused: client.ProblemBadRequest, text: "--replace"},
		"in the place of another's, as meant":    {before: (*fixture).logIn, whose: stranger, names: whole, replace: true, rich: true},
		"of a dead session":                      {names: whole, after: func(h *fixture) { h.site.Kill(mid) }, refused: client.ProblemNeedsLogin, text: "dead"},
		"while the site is away":                 {names: whole, after: func(h *fixture) { h.site.SetTrouble(passporttest.PathNav, passporttest.HTTP502) }, refused: client.ProblemSiteAway},
		"while the site wants to be left alone":  {names: whole, after: func(h *fixture) { h.site.SetTroubleFor(passporttest.PathNav, passporttest.HTTP412, 1) }, refused: client.ProblemSiteAway},
		"while a login is in progress":           {before: func(h *fixture) { h.startLogin() }, names: whole, refused: client.ProblemBusy},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				if c.before != nil {
					c.before(h)
				}
				whose := max(c.whose, mid)
				have := h.grant(whose)
				if c.after != nil {
					c.after(h)
				}
				before := h.onDisk()
				err := account.Session{Worker: h.w}.TakeOver(context.Background(), pasted(h, have, c.names...), c.replace)
				r := h.onDisk()
				if c.refused != "" {
					if !isProblem(err, c.refused) || !strings.Contains(err.Error(), c.text) {
						t.Errorf("%v", err)
					}
					if r.Revision != before.Revision {
						t.Errorf("something changed: %+v", r.Brief)
					}
					return
				}
				h.must(err)
				h.wantState(lifecycle.StateValid)
				if r.Mid != whose || r.Refreshable != c.rich || r.Generation != before.Generation+1 || r.Origin != lifecycle.OriginImport || r.Incident != nil {
					t.Errorf("%+v", r.Brief)
				}
				if h.sessdata() != have["SESSDATA"] || h.cookie("DedeUserID") != strconv.FormatInt(whose, 10) || !strings.Contains(h.header(), "buvid3=") {
					t.Errorf("what is handed out is not what was taken over: %s", h.header())
				}
			})
		})
	}
}

// dieAndRest is a session that died, and codes that nobody scanned.
func (h *fixture) dieAndRest() {
	h.Helper()
	h.logIn()
	h.kill()
	time.Sleep(20 * time.Minute)
	h.wantState(lifecycle.StateNeedsLogin)
}

// TestTakeOverOfTwo: cookies of two accounts are told from each other, and device
// identifiers stay with the session that they came with.
func TestTakeOverOfTwo(t *testing.T) {
	run(t, nil, func(h *fixture) {
		have := h.grant(mid)
		have["DedeUserID"] = strconv.Itoa(stranger)
		err := account.Session{Worker: h.w}.TakeOver(context.Background(), pasted(h, have, "SESSDATA", "bili_jct", "DedeUserID"), false)
		if !isProblem(err, client.ProblemBadRequest) || !strings.Contains(err.Error(), "two accounts") {
			t.Errorf("%v", err)
		}
		have["buvid3"] = "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE12345infoc"
		h.must(account.Session{Worker: h.w}.TakeOver(context.Background(), pasted(h, have, "SESSDATA", "buvid3"), false))
		if got := h.onDisk().Device.Buvid3.Reveal(); got != have["buvid3"] {
			t.Errorf("buvid3 is %q", got)
		}
		h.wantRequests(passporttest.PathFinger, 0)
	})
}

// TestLogout: the session is ended at the site, then the account forgotten; where the
// site does not do it, nothing is.
func TestLogout(t *testing.T) {
	for name, c := range map[string]struct {
		begin  func(h *fixture)
		ended  bool
		detail string
		kind   string // of the problem, "" for none
	}{
		"of a session that lives": {begin: (*fixture).logIn, ended: true},
		"of a dead session":       {begin: func(h *fixture) { h.logIn(); h.site.Kill(mid) }, detail: "had ended before"},
		"of a new account":        {begin: func(*fixture) {}, detail: "never been logged in"},
		"while the site is away":  {begin: func(h *fixture) { h.logIn(); h.site.SetTrouble(passporttest.PathLogout, passporttest.HTTP500) }, kind: client.ProblemSiteAway},
		"with a foreign csrf token": {begin: func(h *fixture) {
			h.logIn()
			h.site.SetTrouble(passporttest.PathLogout, passporttest.CodeTrouble(2202))
		}, kind: client.ProblemBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				c.begin(h)
				session := h.sessdata()
				r, err := account.Session{Worker: h.w}.Logout(context.Background())
				if c.kind != "" {
					if !isProblem(err, c.kind) {
						t.Errorf("%v", err)
					}
					if h.gone.Load() || !h.site.Alive(session) || h.onDisk().Generation != 1 {
						t.Error("it was logged out nevertheless")
					}
					return
				}
				if err != nil || r.Ended != c.ended || !strings.Contains(r.Detail, c.detail) || h.site.Alive(session) {
					t.Errorf("%+v, %v", r, err)
				}
				h.wantForgotten()
			})
		})
	}
}

// TestLogoutOfAGrant: what was granted and is not proven is ended as well, and where the
// site does not do it nothing is forgotten.
func TestLogoutOfAGrant(t *testing.T) {
	for name, begin := range map[string]func(h *fixture){
		"of a new account": func(*fixture) {},
		"beside a session": (*fixture).logIn,
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				begin(h)
				before := len(h.site.Accounts.Sessions(mid))
				h.startLogin()
				h.site.SetTrouble(passporttest.PathNav, passporttest.HTTP500)
				h.scan(h.code(), mid)
				time.Sleep(20 * time.Second)
				if l := h.login(); !l.Granted || len(h.site.Accounts.Sessions(mid)) != before+1 {
					t.Fatalf("%+v", l)
				}
				h.site.SetTrouble(passporttest.PathLogout, passporttest.HTTP500)
				if _, err := (account.Session{Worker: h.w}).Logout(context.Background()); !isProblem(err, client.ProblemSiteAway) || h.gone.Load() {
					t.Errorf("while the site is away: %v", err)
				}
				h.site.SetTrouble(passporttest.PathLogout, passporttest.None)
				if r, err := (account.Session{Worker: h.w}).Logout(context.Background()); err != nil || !r.Ended {
					t.Errorf("%+v, %v", r, err)
				}
				if left := h.site.Accounts.Sessions(mid); len(left) > 0 {
					t.Errorf("%d sessions live on at the site", len(left))
				}
				h.wantForgotten()
			})
		})
	}
}

// TestLogoutOfAnotherThatCannotEnd: a session that the site does not end by its token
// keeps the one in use from nothing.
func TestLogoutOfAnotherThatCannotEnd(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		used := h.sessdata()
		h.startLogin()
		h.site.SetTrouble(passporttest.PathNav, passporttest.HTTP500)
		h.scan(h.code(), mid)
		time.Sleep(20 * time.Second)
		if l := h.login(); !l.Granted || !h.site.Alive(used) {
			t.Fatalf("%+v", l)
		}
		h.site.SetTroubleFor(passporttest.PathLogout, passporttest.CodeTrouble(2202), 1)
		if r, err := (account.Session{Worker: h.w}).Logout(context.Background()); err != nil || !r.Ended || h.site.Alive(used) {
			t.Errorf("%+v, %v; the session in use lives: %v", r, err, h.site.Alive(used))
		}
		if left := h.site.Accounts.Sessions(mid); len(left) != 1 {
			t.Errorf("%d sessions live on at the site, want the one that it did not end", len(left))
		}
		h.wantForgotten()
	})
}

// wantForgotten looks whether nothing is left of the account, and nothing is done for
// it any more.
func (h *fixture) wantForgotten() {
	h.Helper()
	if w := h.unread(); w != nil || !h.gone.Load() {
		h.Errorf("record left: %v, gone: %v", w != nil, h.gone.Load())
	}
	h.wantEvents(client.EventAccountRemoved, 1)
	h.site.ResetLog()
	time.Sleep(48 * time.Hour)
	h.wantRequests(passporttest.Any, 0)
	if _, err := (account.Check{Worker: h.w}).Now(context.Background(), true); !isProblem(err, client.ProblemNoAccount) {
		h.Errorf("a caller is told %v", err)
	}
	if n := h.due.Len(); n != 0 {
		h.Errorf("%d are in the schedule", n)
	}
}

// TestForget: with a code out, and while somebody waits for something of it.
func TestForget(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.kill()
		waits := make(chan error, 1)
		go func() {
			_, err := h.w.Await(context.Background(), func(*store.Brief) bool { return false })
			waits <- err
		}()
		h.settle()
		h.called.Store(false)
		h.must(account.Session{Worker: h.w}.ForgetEmpty(context.Background())) // it is not
		h.must(account.Session{Worker: h.w}.Forget(context.Background()))
		if err := <-waits; !isProblem(err, client.ProblemNoAccount) {
			t.Errorf("who waits is told %v", err)
		}
		if !h.called.Load() {
			t.Error("its place in the queue is not given back")
		}
		h.wantForgotten()
	})
	run(t, nil, func(h *fixture) {
		h.must(account.Session{Worker: h.w}.ForgetEmpty(context.Background()))
		h.wantForgotten()
	})
}
