package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

func TestCredential(t *testing.T) {
	f := newFake()
	s := f.server(t, socket.Policy{Owner: testOwner}, nil)
	const path = "/v1/accounts/main/credential"
	for _, tc := range []struct {
		name, target string
		header       []string
		status       int
		reads        int
	}{
		{"plain", path, nil, 200, 1},
		{"json", path + "?format=json&with_refresh_token=true&stale=true", nil, 200, 1},
		{"same tag", path, []string{"If-None-Match", `"3"`}, 304, 0},
		{"weak tag in a list", path, []string{"If-None-Match", `"1", W/"3"`}, 304, 0},
		{"any tag", path, []string{"If-None-Match", `*`}, 304, 0},
		{"other tag", path, []string{"If-None-Match", `"2"`}, 200, 1},
		{"after an older one", path + "?after=2", nil, 200, 1},
		{"after the same", path + "?after=3", nil, 304, 0},
		{"no such format", path + "?format=x", nil, 400, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := len(f.log())
			w := do(s, owner, "GET", tc.target, "", tc.header...)
			if w.Code != tc.status || len(f.log())-before != tc.reads {
				t.Errorf("%d, calls %q", w.Code, f.log()[before:])
			}
			if sent := strings.Contains(w.Body.String(), "fake0canary0fake"); sent != (tc.status == 200) {
				t.Errorf("body %q", w.Body)
			}
			if tc.status < 400 && w.Header().Get("ETag") != `"3"` {
				t.Errorf("tag %q", w.Header().Get("ETag"))
			}
		})
	}
	if last := f.log()[0]; last != fmt.Sprintf("read main header uid=%d", testOwner) {
		t.Errorf("recorded %q", last)
	}
}

func TestNoAuditNoCredential(t *testing.T) {
	for _, err := range []error{errors.New("disk"), &client.Problem{Type: client.ProblemStorage, Detail: "disk"}} {
		f := newFake()
		f.auditErr = err
		w := do(f.server(t, socket.Policy{Owner: testOwner}, nil), owner, "GET", "/v1/accounts/main/credential", "")
		if p := problemOf(t, w); w.Code != 500 || p.Type != client.ProblemStorage {
			t.Errorf("%d %+v", w.Code, p)
		}
		if strings.Contains(w.Body.String(), "canary") || w.Header().Get("ETag") != "" {
			t.Error("the credential went out")
		}
	}
}

func TestCredentialsDoNotPrint(t *testing.T) {
	c := offer{Rendered: output.Rendered{Body: []byte(canary)}, generation: 3}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, c); strings.Contains(got, "fake") || strings.Contains(got, fmt.Sprintf("%x", "fake")) {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

// After a session's death: 409 at once for one who just asks.
func TestDeadSession(t *testing.T) {
	f := newFake()
	f.accounts["main"] = client.Account{Name: "main", State: client.StateNeedsLogin}
	s := f.server(t, socket.Policy{Owner: testOwner}, nil)
	w := do(s, owner, "GET", "/v1/accounts/main/credential", "")
	if p := problemOf(t, w); w.Code != http.StatusConflict || p.Type != client.ProblemNeedsLogin || p.Detail == "" {
		t.Errorf("%d %+v", w.Code, p)
	}
	if w := do(s, owner, "GET", "/v1/accounts/main/credential?stale=true", ""); w.Code != 200 {
		t.Errorf("stale: %d", w.Code)
	}
}

func TestWaitForCredential(t *testing.T) {
	renew := func(f *fake) {
		f.change(func() {
			f.accounts["main"] = client.Account{Name: "main", State: client.StateValid}
			f.secrets["main"] = holding("new", 4)
		})
	}
	die := func(f *fake) {
		f.change(func() { f.accounts["main"] = client.Account{Name: "main", State: client.StateNeedsLogin} })
	}
	for _, tc := range []struct {
		name   string
		before func(*fake)
		during func(*fake) // after 10 s
		took   time.Duration
		body   string
		dead   bool
	}{
		{"nothing happens", nil, nil, 30 * time.Second, "", false},
		{"something else happens", nil, func(f *fake) { f.emit(client.EventCheckOK, "other") }, 30 * time.Second, "", false},
		{"a newer one", nil, renew, 10 * time.Second, headerOf("new"), false},
		{"already newer", renew, nil, 0, headerOf("new"), false},
		{"dies", nil, die, 10 * time.Second, "", true},
		{"dead all the time", die, nil, 30 * time.Second, "", true},
		{"dead, then logged in", die, renew, 10 * time.Second, headerOf("new"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				c := inBubble(t, f.server(t, socket.Policy{Owner: testOwner}, nil), owner)
				if tc.before != nil {
					tc.before(f)
				}
				if tc.during != nil {
					time.AfterFunc(10*time.Second, func() { tc.during(f) })
				}
				began := time.Now()
				got, err := c.Credential(t.Context(), "main", client.CredentialOptions{After: 3, Wait: 30 * time.Second})
				if dead := errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}); dead != tc.dead || err != nil && !dead {
					t.Fatal(err)
				}
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %s", took)
				}
				if string(got.Body) != tc.body || !tc.dead && got.NotModified != (tc.body == "") {
					t.Errorf("%q, not modified %v", got.Body, got.NotModified)
				}
				reads := slices.DeleteFunc(f.log(), func(c string) bool { return !strings.HasPrefix(c, "read") })
				if (len(reads) == 1) != (tc.body != "") {
					t.Errorf("recorded %q", reads)
				}
			})
		})
	}
}

func TestWaitForLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.server(t, socket.Policy{Owner: testOwner}, nil)
		c := inBubble(t, s, owner)
		set := func(revision uint64) {
			l := f.logins["L-main"]
			l.Revision = revision
			f.logins["L-main"] = l
		}
		wait := func(after uint64) (client.Login, time.Duration) {
			began := time.Now()
			l, err := c.WaitLogin(t.Context(), "L-main", after, 30*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			return l, time.Since(began)
		}
		if l, took := wait(0); l.Revision != 1 || took != 0 {
			t.Errorf("another revision: %d after %s", l.Revision, took)
		}
		if l, took := wait(1); l.Revision != 1 || took != 30*time.Second {
			t.Errorf("no change: %d after %s", l.Revision, took)
		}
		time.AfterFunc(4500*time.Millisecond, func() { f.change(func() { set(2) }) })
		if l, took := wait(1); l.Revision != 2 || took != 4500*time.Millisecond {
			t.Errorf("woken: %d after %s", l.Revision, took)
		}
		time.AfterFunc(time.Second, func() { s.shutdown.Do(func() { close(s.closing) }) })
		if _, took := wait(2); took != time.Second {
			t.Errorf("at a shutdown it waited %s", took)
		}
	})
}

func TestPicture(t *testing.T) {
	f := newFake()
	s := f.server(t, socket.Policy{Owner: testOwner}, nil)
	w := do(s, owner, "GET", "/v1/logins/L-main/qr.png", "")
	if w.Code != 200 || w.Header().Get("Content-Type") != "image/png" || !strings.HasPrefix(w.Body.String(), "png of https://") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	past := time.Now().Add(-time.Second)
	for name, l := range map[string]client.Login{
		"expired": {Account: "main", State: client.LoginWaiting, URL: "u", ExpiresAt: &past},
		"none":    {Account: "main", State: client.LoginVerifying},
		"ended":   {Account: "main", State: client.LoginSucceeded, URL: "u"},
	} {
		f.logins["L-main"] = l
		if w := do(s, owner, "GET", "/v1/logins/L-main/qr.png", ""); w.Code != 404 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

// Whoever has the refresh token can refresh, so that verb is needed too.
func TestRefreshTokenNeedsRefresh(t *testing.T) {
	f := newFake()
	s := f.server(t, socket.Policy{Owner: testOwner, Rules: []socket.Rule{
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
	want := []string{"read other json uid=5001", "refused refresh main uid=5001", "read other json uid=5001", "read other json uid=5001"}
	if got := f.log(); !slices.Equal(got, want) {
		t.Errorf("recorded %q", got)
	}
}

func TestHeadOfACredential(t *testing.T) {
	f := newFake()
	s := f.server(t, socket.Policy{Owner: testOwner}, nil)
	const path = "/v1/accounts/main/credential"
	for _, tc := range []struct {
		target string
		header []string
		status int
	}{
		{path, nil, 200},
		{path, []string{"If-None-Match", `"3"`}, 304},
		{path + "?after=3", nil, 304},
		{path + "?after=2&wait=1s", nil, 200},
		{"/v1/status", nil, 200},
		{"/v1/events", []string{"Accept", "text/event-stream"}, 200},
	} {
		w := do(s, owner, "HEAD", tc.target, "", tc.header...)
		if w.Code != tc.status || strings.Contains(w.Body.String(), canary) {
			t.Errorf("%s %v: %d %q", tc.target, tc.header, w.Code, w.Body)
		}
		if tc.target == path && w.Header().Get("ETag") != `"3"` {
			t.Errorf("%s: %v", tc.target, w.Header())
		}
	}
	if got := f.log(); len(got) > 0 {
		t.Errorf("recorded %q", got)
	}
}

// A wait for another tag than the one that the caller has, and one for a first
// credential.
func TestWaitWithoutAGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.server(t, socket.Policy{Owner: testOwner}, nil)
		const path = "/v1/accounts/main/credential?wait=30s"
		ask := func(header ...string) (int, time.Duration) {
			began := time.Now()
			return do(s, owner, "GET", path, "", header...).Code, time.Since(began)
		}
		if code, took := ask("If-None-Match", `"3"`); code != 304 || took != 30*time.Second {
			t.Errorf("nothing new: %d after %s", code, took)
		}
		time.AfterFunc(7*time.Second, func() {
			f.change(func() { f.secrets["main"] = holding("new", 4) })
		})
		if code, took := ask("If-None-Match", `"3"`); code != 200 || took != 7*time.Second {
			t.Errorf("a new one: %d after %s", code, took)
		}
		if code, took := ask(); code != 200 || took != 0 {
			t.Errorf("without a tag: %d after %s", code, took)
		}
		f.change(func() { f.accounts["main"] = client.Account{Name: "main", State: client.StateNeedsLogin} })
		time.AfterFunc(9*time.Second, func() {
			f.change(func() { f.accounts["main"] = client.Account{Name: "main", State: client.StateValid} })
		})
		if code, took := ask(); code != 200 || took != 9*time.Second {
			t.Errorf("a living one: %d after %s", code, took)
		}
		// Between the scan and the proof there is a moment that must not end it.
		f.change(func() { f.accounts["main"] = client.Account{Name: "main", State: client.StateNeedsLogin} })
		time.AfterFunc(3*time.Second, func() {
			f.change(func() {
				f.accounts["main"] = client.Account{Name: "main", State: client.StateLoggingIn, LoginID: "L-main"}
			})
		})
		time.AfterFunc(5*time.Second, func() {
			f.change(func() { f.accounts["main"] = client.Account{Name: "main", State: client.StateValid} })
		})
		if code, took := ask(); code != 200 || took != 5*time.Second {
			t.Errorf("one that is granted meanwhile: %d after %s", code, took)
		}
	})
}

// A rule that is taken away during a wait counts.
func TestPolicyChangesDuringAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.server(t, socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "5001", Accounts: []string{"*"}, May: []string{socket.VerbGet}}}}, nil)
		time.AfterFunc(5*time.Second, func() {
			if err := s.SetPolicy(socket.Policy{Owner: testOwner}); err != nil {
				t.Error(err)
			}
			f.change(func() { f.secrets["main"] = holding("fake0canary0fake", 4) })
		})
		w := do(s, socket.Peer{UID: 5001, Known: true}, "GET", "/v1/accounts/main/credential?after=3&wait=30s", "")
		if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), canary) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
