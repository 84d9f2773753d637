package page

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func TestStream(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path, c := l.main(), inBubble(t, l.page)
		before, stop := listen(t, c, path+"/events")
		want(t, words(before), "idle:0:")
		stop()
		started := l.shown(path, "/start")
		if started.View == "" || started.URL == "" || started.Left != 180 || started.Who != "canary-main" || started.CodesLeft != 9 {
			t.Errorf("%+v", started)
		}
		states, stop := listen(t, c, path+"/events?view="+started.View)
		defer stop()
		want(t, words(states), "waiting:1:")
		time.Sleep(time.Minute)
		want(t, words(states))
		if s := stateOf(t, l.do("GET", path+"/state", "").Body.Bytes()); s.Left != 120 || s.View != "" {
			t.Errorf("%+v", s)
		}
		// The site is slow to give the next code.
		l.Site.SetTroubleFor(passporttest.PathPoll, passporttest.Hang, 1)
		time.Sleep(codeLife)
		got := words(states)
		want(t, got[len(got)-1:], "waiting:2:")
		if len(got) > 2 || len(got) == 2 && got[0] != "renewing:1:" {
			t.Errorf("over the end of a code: %q", got)
		}
		if w := l.do("GET", path+"/qr.png?c=1", ""); w.Code != 404 {
			t.Errorf("the picture of the code before: %d", w.Code)
		}
		if err := l.Site.QR.Scan(l.login().URL, keepertest.Mid); err != nil {
			t.Fatal(err)
		}
		l.until(client.LoginScanned)
		want(t, words(states), "scanned:2:")
		l.grant()
		want(t, words(states), "verifying:2:")
		l.prove()
		want(t, words(states), "succeeded:2:", "end")

		// The link is used. Who saw it through may look back, nobody else.
		for _, route := range []string{"", "/events", "/state", "/qr.png", "/sms", "/state?view=x", "?view=" + strings.ToLower(started.View)} {
			if w := l.do("GET", path+route, ""); w.Code != 404 {
				t.Errorf("GET %s of a used link: %d %s", route, w.Code, w.Body)
			}
		}
		if w := l.do("POST", path+"/start", "{}"); w.Code != 404 {
			t.Errorf("start of a used link: %d", w.Code)
		}
		if s := stateOf(t, l.do("GET", path+"/state?view="+started.View, "").Body.Bytes()); s.State != client.LoginSucceeded || s.URL != "" {
			t.Errorf("%+v", s)
		}
		again, stop := listen(t, c, path+"/events?view="+started.View)
		defer stop()
		want(t, words(again), "succeeded:2:", "end")
	})
}

// What an expired code is until the next one is there.
func TestExpiredCode(t *testing.T) {
	expired := time.Now().Add(-time.Second)
	p := pageAlone(t)
	_, c, _ := strings.Cut(p.path("main", "incident", time.Hour), "/l/")
	opened, err := p.logins.sealer.open(c)
	if err != nil {
		t.Fatal(err)
	}
	l := newLinks().get(c, opened)
	if s := p.logins.describe(l, client.Login{State: client.LoginWaiting, Method: client.MethodQR, URL: "https://example.net", Code: 1, ExpiresAt: &expired}); s.State != stateRenewing || s.Picture != "" || s.URL != "" {
		t.Errorf("%+v", s)
	}
}

// A login that another one took the place of, or that brought the account back
// while this page looked elsewhere.
func TestStreamOfAnotherLogin(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path, c := l.main(), inBubble(t, l.page)
		s := l.shown(path, "/start")
		cancel := func() {
			t.Helper()
			if err := l.Keeper.Logins().Cancel(t.Context(), l.login().ID); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		l.begin()
		states, stop := listen(t, c, path+"/events?view="+s.View)
		want(t, words(states), "waiting:2:")
		stop()
		synctest.Wait()
		cancel()
		l.Login("main", keepertest.Mid)
		states, stop = listen(t, c, path+"/events?view="+s.View)
		defer stop()
		want(t, words(states), "succeeded:0:", "end")
	})
}

// The page tells the keeper that somebody is there, while the stream is open,
// and no longer than a link's codes last.
func TestAttend(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path, c := l.path("main", 10*time.Hour), inBubble(t, l.page)
		s := l.shown(path, "/start")
		states, stop := listen(t, c, path+"/events?view="+s.View)
		time.Sleep(maxCodes*codeLife - time.Minute)
		if n := l.asked(); n != maxCodes {
			t.Errorf("%d codes, want %d: the keeper did not know that somebody is there", n, maxCodes)
		}
		time.Sleep(5 * time.Minute)
		got := words(states)
		if got[len(got)-1] != "end" || got[len(got)-2] != "failed:10:expired" || !slices.Contains(got, "waiting:10:") {
			t.Errorf("%q", got)
		}
		if n := l.asked(); n != maxCodes {
			t.Errorf("%d codes: the last one expired and was replaced", n)
		}
		stop()
		if w := l.do("POST", path+"/renew", "{}"); w.Code != 429 || !strings.Contains(w.Body.String(), keyUsedUp) {
			t.Errorf("an eleventh code: %d %s", w.Code, w.Body)
		}
		// A code that somebody else asked for is still shown, and nobody stays with it.
		l.begin()
		if s := l.shown(path, "/start"); s.State != client.LoginWaiting || l.asked() != maxCodes+1 {
			t.Errorf("to join: %+v", s)
		}
		codes := l.Config.Login.Codes
		time.Sleep(time.Hour)
		if n := l.asked(); n != maxCodes+codes {
			t.Errorf("%d codes: the page works while nobody looks", n)
		}
	})
}

func TestRenewAndCancel(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main()
		first, joined := l.shown(path, "/start"), l.shown(path, "/start")
		if joined.Picture != first.Picture || joined.View == first.View {
			t.Errorf("a second reader got %+v, not %+v", joined, first)
		}
		second := l.shown(path, "/renew")
		if second.Code != 2 || second.Picture == first.Picture || second.URL == first.URL {
			t.Errorf("renewed: %+v", second)
		}
		if s := l.shown(path, "/cancel"); s.State != client.LoginCancelled || s.Reason != client.ReasonCancelled {
			t.Errorf("cancelled: %+v", s)
		}
		l.shown(path, "/start")
		l.shown(path, "/start")
		if w := l.do("POST", path+"/start", "{}"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
			t.Errorf("actions without end: %d", w.Code)
		}
		time.Sleep(time.Minute)
		l.grant()
		if s := l.shown(path, "/renew"); s.State != client.LoginVerifying {
			t.Errorf("a login that was granted was given up: %+v", s)
		}
		if w := l.do("POST", path+"/cancel", "{}"); w.Code != 409 {
			t.Errorf("to cancel a login that was granted: %d", w.Code)
		}
	})
}

// A reader's stream goes on over a new code; the login that was given up for it
// is not the end.
func TestStreamOverRenewal(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path, c := l.main(), inBubble(t, l.page)
		l.shown(path, "/start")
		states, stop := listen(t, c, path+"/events")
		defer stop()
		for range 3 {
			time.Sleep(10 * time.Second)
			if w := l.do("POST", path+"/renew", "{}"); w.Code != 200 {
				t.Fatal(w.Code)
			}
			time.Sleep(2 * lookAgain)
		}
		want(t, words(states), "waiting:1:", "waiting:2:", "waiting:3:", "waiting:4:")
		l.do("POST", path+"/cancel", "{}")
		want(t, words(states), "cancelled:4:cancelled", "end")
	})
}

// A link that was made for a login keeps working when its page has taken a new
// one, and does not outlive that.
func TestLinkOfALogin(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		l.Login("main", keepertest.Mid) // no incident is open any more
		path := l.page.path("main", l.begin().ID, time.Hour)
		for _, route := range []string{"/start", "/renew"} {
			if w := l.do("POST", path+route, "{}"); w.Code != 200 {
				t.Fatalf("%s: %d", route, w.Code)
			}
		}
		if w := l.do("GET", path, ""); w.Code != 200 {
			t.Errorf("after a new code: %d", w.Code)
		}
		l.until(client.LoginWaiting)
		time.Sleep(20 * time.Minute) // nobody stays with it
		l.until(client.LoginFailed)
		if w := l.do("GET", path, ""); w.Code != 404 {
			t.Errorf("after its end: %d", w.Code)
		}
	})
}

// What the site does is told of apart from what the keeper does.
func TestSiteIsAway(t *testing.T) {
	for _, trouble := range []passporttest.Trouble{passporttest.HTTP500, passporttest.Hang} {
		withLinks(t, nil, func(t *testing.T, l *linked) {
			l.Site.SetTrouble(passporttest.PathGenerate, trouble)
			w := l.do("POST", l.main()+"/start", "{}")
			if w.Code != 503 || w.Body.String() != `{"error":"`+keySite+`"}` {
				t.Errorf("%s: %d %s", trouble, w.Code, w.Body)
			}
		})
	}
}

func TestKeeperErrors(t *testing.T) {
	p := pageAlone(t)
	for _, tt := range []struct {
		err  error
		code int
		key  string
	}{
		{&client.Problem{Type: client.ProblemSiteAway, Detail: "canary"}, 503, keySite},
		{&client.Problem{Type: client.ProblemBusy, Detail: "canary"}, 409, keyBusy},
		{&client.Problem{Type: client.ProblemBadRequest, Detail: "canary"}, 422, keyRefused},
		{&client.Problem{Type: client.ProblemStorage, Detail: "canary"}, 500, keyInternal},
		{errors.New("canary"), 500, keyInternal},
	} {
		if f := p.logins.asFault(tt.err); f.status != tt.code || f.key != tt.key {
			t.Errorf("%v: %+v", tt.err, f)
		}
	}
}

func TestListen(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Listen(l.Addr().String())
	if err == nil || !strings.HasPrefix(err.Error(), "login page on 127.0.0.1:") || strings.Count(err.Error(), "127.0.0.1") != 1 {
		t.Errorf("error %v", err)
	}
}
