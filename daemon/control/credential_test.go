package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func TestCredential(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		f.Refresh(true) // so that there is an older generation
		const path = "/v1/accounts/main/credential"
		has, older := f.generation("main"), f.generation("main")-1
		for _, tc := range []struct {
			name, target string
			header       []string
			status       int
			reads        uint64
		}{
			{"plain", path, nil, 200, 1},
			{"json", path + "?format=json&with_refresh_token=true&stale=true", nil, 200, 1},
			{"same tag", path, []string{"If-None-Match", f.tag("main")}, 304, 0},
			{"weak tag in a list", path, []string{"If-None-Match", `"900", W/` + f.tag("main")}, 304, 0},
			{"any tag", path, []string{"If-None-Match", `*`}, 304, 0},
			{"other tag", path, []string{"If-None-Match", `"900"`}, 200, 1},
			{"after an older one", fmt.Sprintf("%s?after=%d", path, older), nil, 200, 1},
			{"after the same", fmt.Sprintf("%s?after=%d", path, has), nil, 304, 0},
			{"no such format", path + "?format=x", nil, 400, 0},
		} {
			before := f.reads("main")
			w := do(s, owner, "GET", tc.target, "", tc.header...)
			if w.Code != tc.status || f.reads("main")-before != tc.reads {
				t.Errorf("%s: %d, %d readings", tc.name, w.Code, f.reads("main")-before)
			}
			if sent := strings.Contains(w.Body.String(), f.session("main")); sent != (tc.status == 200) {
				t.Errorf("%s: body %q", tc.name, w.Body)
			}
			if tc.status < 400 && w.Header().Get("ETag") != f.tag("main") {
				t.Errorf("%s: tag %q", tc.name, w.Header().Get("ETag"))
			}
		}
		if got := f.readings(); len(got) == 0 || got[0] != fmt.Sprintf("read header main uid=%d", testOwner) {
			t.Errorf("recorded %q", got)
		}
	})
}

func TestCredentialsDoNotPrint(t *testing.T) {
	c := offer{form: &form{body: []byte("SESSDATA=" + canary), generation: 3}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, c); strings.Contains(got, "fake") || strings.Contains(got, fmt.Sprintf("%x", "fake")) {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

// After a session's death: 409 at once for one who just asks.
func TestDeadSession(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		f.die("main")
		w := do(s, owner, "GET", "/v1/accounts/main/credential", "")
		if p := problemOf(t, w); w.Code != http.StatusConflict || p.Type != client.ProblemNeedsLogin || p.Detail == "" {
			t.Errorf("%d %+v", w.Code, p)
		}
		if w := do(s, owner, "GET", "/v1/accounts/main/credential?stale=true", ""); w.Code != 200 {
			t.Errorf("stale: %d", w.Code)
		}
	})
}

func TestWaitForCredential(t *testing.T) {
	renew := func(f *fixture) { f.Refresh(true) }
	die := func(f *fixture) { f.die("main") }
	login := func(f *fixture) { f.Login("main", users()["main"]) }
	for _, tc := range []struct {
		name   string
		before func(*fixture)
		during func(*fixture) // after 10 s
		// come says that a credential comes, dead that the session has died; neither
		// is a wait that nothing ends.
		come, dead bool
	}{
		{"nothing happens", nil, nil, false, false},
		{"something else happens", nil, func(f *fixture) { f.emit("other") }, false, false},
		{"a newer one", nil, renew, true, false},
		{"already newer", renew, nil, true, false},
		{"dies", nil, die, false, true},
		{"dead all the time", die, nil, false, true},
		{"dead, then logged in", die, login, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			run(t, func(f *fixture) {
				const wait = 5 * time.Minute
				c := inBubble(f.T, f.owned(), owner)
				held := f.generation("main")
				if tc.before != nil {
					tc.before(f)
				}
				began := time.Now()
				var ends <-chan time.Time // when the wait has to end
				alive := f.alive("main")
				switch {
				case tc.come || tc.dead && alive:
					ends = f.when(func() bool { return f.generation("main") > held || alive && !f.alive("main") })
				default:
					ends = time.After(wait)
				}
				if tc.during != nil {
					defer f.later(10*time.Second, func() { tc.during(f) })()
				}
				got, err := c.Credential(f.T.Context(), "main", client.CredentialOptions{After: held, Wait: wait})
				took := time.Now()
				if dead := errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}); dead != tc.dead || err != nil && !dead {
					f.T.Fatal(err)
				}
				if end := <-ends; !took.Equal(end) {
					f.T.Errorf("took %s, want %s", took.Sub(began), end.Sub(began))
				}
				if tc.come != (string(got.Body) == f.header("main")) || !tc.dead && got.NotModified == tc.come {
					f.T.Errorf("%q, not modified %v", got.Body, got.NotModified)
				}
				if (f.reads("main") == 1) != tc.come {
					f.T.Errorf("%d readings", f.reads("main"))
				}
			})
		})
	}
}

func TestWaitForLogin(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		c := inBubble(f.T, s, owner)
		began, err := f.Keeper.Logins().Start(f.T.Context(), client.LoginRequest{Account: "main"})
		if err != nil {
			f.T.Fatal(err)
		}
		wait := func(after uint64) (client.Login, time.Duration) {
			at := time.Now()
			l, err := c.WaitLogin(f.T.Context(), began.ID, after, 30*time.Second)
			if err != nil {
				f.T.Fatal(err)
			}
			return l, time.Since(at)
		}
		if l, took := wait(0); l.Revision != began.Revision || took != 0 {
			f.T.Errorf("another revision: %d after %s", l.Revision, took)
		}
		if l, took := wait(began.Revision); l.Revision != began.Revision || took != 30*time.Second {
			f.T.Errorf("no change: %d after %s", l.Revision, took)
		}
		time.AfterFunc(4500*time.Millisecond, func() {
			if err := f.Site.QR.Scan(began.URL, users()["main"]); err != nil {
				f.T.Error(err)
			}
		})
		l, took := wait(began.Revision)
		if l.State != client.LoginScanned || took < 4500*time.Millisecond || took > 10*time.Second {
			f.T.Errorf("woken: %+v after %s", l, took)
		}
		time.AfterFunc(time.Second, func() { s.shutdown.Do(func() { close(s.ending) }) })
		if _, took := wait(l.Revision); took != time.Second {
			f.T.Errorf("at a shutdown it waited %s", took)
		}
	})
}

func TestPicture(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		l, err := f.Keeper.Logins().Start(f.T.Context(), client.LoginRequest{Account: "main"})
		if err != nil {
			f.T.Fatal(err)
		}
		path := "/v1/logins/" + l.ID + "/qr.png"
		w := do(s, owner, "GET", path, "")
		if w.Code != 200 || w.Header().Get("Content-Type") != "image/png" || w.Body.String() != "png of "+l.URL {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		f.Scan(l.URL, users()["main"])
		f.await(func() bool { got, err := f.Keeper.Logins().Get(l.ID); return err == nil && got.Ended() })
		if w := do(s, owner, "GET", path, ""); w.Code != 404 {
			t.Errorf("of one that has ended: %d", w.Code)
		}
		s.logins.draw = nil
		if w := do(s, owner, "GET", path, ""); w.Code != 404 {
			t.Errorf("where none is drawn: %d", w.Code)
		}
	})
}

// Whoever has the refresh token can refresh, so that verb is needed too.
func TestRefreshTokenNeedsRefresh(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.server(socket.Policy{Owner: testOwner, Rules: []socket.Rule{
			{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbGet}},
			{User: "5001", Accounts: []string{"other"}, May: []string{socket.VerbGet, socket.VerbRefresh}},
		}}, nil)
		guest := socket.Peer{UID: 5001, Known: true}
		const token = "?format=json&with_refresh_token=true"
		if w := do(s, guest, "GET", "/v1/accounts/other/credential"+token, ""); w.Code != 200 {
			t.Errorf("with both verbs: %d", w.Code)
		}
		w := do(s, guest, "GET", "/v1/accounts/main/credential"+token, "")
		p := problemOf(t, w)
		if w.Code != http.StatusForbidden || !strings.Contains(p.Detail, "whoever has it can refresh") ||
			!strings.Contains(p.Hint, `add "refresh" to may of [[control.allow]] number 1`) {
			t.Errorf("%d %+v", w.Code, p)
		}
		for range 2 { // of both accounts, it is the other one's that may go out
			w = do(s, guest, "GET", "/v1/credential"+token+"&tag=both", "")
			if w.Code != 200 || w.Header().Get(client.HeaderAccount) != "other" {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		}
		want := []string{"read json other uid=5001", "refused refresh main uid=5001", "read json other uid=5001"}
		if got := f.readings(); !slices.Equal(got, want) || f.reads("other") != 3 {
			t.Errorf("recorded %q, %d readings", got, f.reads("other"))
		}
	})
}

func TestHeadOfACredential(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		const path = "/v1/accounts/main/credential"
		for _, tc := range []struct {
			target string
			header []string
			status int
		}{
			{path, nil, 200},
			{path, []string{"If-None-Match", f.tag("main")}, 304},
			{fmt.Sprintf("%s?after=%d", path, f.generation("main")), nil, 304},
			{path + "?after=0&wait=1s", nil, 200},
			{"/v1/status", nil, 200},
			{"/v1/events", []string{"Accept", "text/event-stream"}, 200},
		} {
			w := do(s, owner, "HEAD", tc.target, "", tc.header...)
			if w.Code != tc.status || strings.Contains(w.Body.String(), f.session("main")) {
				t.Errorf("%s %v: %d %q", tc.target, tc.header, w.Code, w.Body)
			}
			if tc.target == path && w.Header().Get("ETag") != f.tag("main") {
				t.Errorf("%s: %v", tc.target, w.Header())
			}
		}
		if f.reads("main") > 0 {
			t.Errorf("%d readings", f.reads("main"))
		}
	})
}

// A wait for another tag than the one that the caller has, and one for a first
// credential.
func TestWaitWithoutAGeneration(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.owned()
		const path = "/v1/accounts/main/credential?wait=10m"
		ask := func(header ...string) (int, time.Time) {
			return do(s, owner, "GET", path, "", header...).Code, time.Now()
		}
		has := f.tag("main")
		due := time.After(10 * time.Minute)
		if code, at := ask("If-None-Match", has); code != 304 || !at.Equal(<-due) {
			t.Errorf("nothing new: %d", code)
		}
		wait := f.later(7*time.Second, func() { f.Refresh(true) })
		due = f.when(func() bool { return f.tag("main") != has })
		if code, at := ask("If-None-Match", has); code != 200 || !at.Equal(<-due) {
			t.Errorf("a new one: %d", code)
		}
		wait()
		now := time.Now()
		if code, at := ask(); code != 200 || !at.Equal(now) {
			t.Errorf("without a tag: %d", code)
		}
		f.die("main")
		// Between the scan and the proof there is a moment that must not end it: the
		// site grants the login, and is not there to say whose it is.
		f.Site.Faults.SetTroubleFor("/x/web-interface/nav", passporttest.HTTP502, 1)
		defer f.later(9*time.Second, func() {
			l, err := f.Keeper.Logins().Start(f.T.Context(), client.LoginRequest{Account: "main"})
			if err != nil {
				t.Error(err)
			}
			f.Scan(l.URL, users()["main"])
		})()
		due = f.when(func() bool { return f.alive("main") })
		if code, at := ask(); code != 200 || !at.Equal(<-due) {
			t.Errorf("a living one: %d", code)
		}
	})
}

// A rule that is taken away during a wait counts.
func TestPolicyChangesDuringAWait(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.server(socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "5001", Accounts: []string{"*"}, May: []string{socket.VerbGet}}}}, nil)
		defer f.later(5*time.Second, func() {
			if err := s.SetPolicy(socket.Policy{Owner: testOwner}); err != nil {
				t.Error(err)
			}
			f.Refresh(true)
		})()
		target := fmt.Sprintf("/v1/accounts/main/credential?after=%d&wait=5m", f.generation("main"))
		w := do(s, socket.Peer{UID: 5001, Known: true}, "GET", target, "")
		if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), f.session("main")) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
