package page

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := f.page(t)
		path := mainPath(p)
		c := inBubble(t, p)
		before, stop := listen(t, c, path+"/events")
		want(t, words(before), "idle:0:")
		stop()
		started := stateOf(t, do(p, "POST", path+"/start", "{}").Body.Bytes())
		if started.View == "" || started.URL == "" || started.Left != 180 || started.Who != "canary-main" || started.CodesLeft != 9 {
			t.Errorf("%+v", started)
		}
		states, stop := listen(t, c, path+"/events?view="+started.View)
		defer stop()
		want(t, words(states), "waiting:1:")
		time.Sleep(time.Minute)
		want(t, words(states))
		if s := stateOf(t, do(p, "GET", path+"/state", "").Body.Bytes()); s.Left != 120 || s.View != "" {
			t.Errorf("%+v", s)
		}
		time.Sleep(3 * time.Minute)
		want(t, words(states), "renewing:1:")
		f.renew("main", codeLife)
		want(t, words(states), "waiting:2:")
		if w := do(p, "GET", path+"/qr.png?c=1", ""); w.Code != 404 {
			t.Errorf("the picture of the code before: %d", w.Code)
		}
		f.to("main", client.LoginScanned, "")
		want(t, words(states), "scanned:2:")
		f.to("main", client.LoginVerifying, "")
		want(t, words(states), "verifying:2:")
		f.to("main", client.LoginSucceeded, "")
		want(t, words(states), "succeeded:2:", "end")

		// The link is used. Who saw it through may look back, nobody else.
		for _, route := range []string{"", "/events", "/state", "/qr.png", "/sms", "/state?view=x", "?view=" + strings.ToLower(started.View)} {
			if w := do(p, "GET", path+route, ""); w.Code != 404 {
				t.Errorf("GET %s of a used link: %d %s", route, w.Code, w.Body)
			}
		}
		if w := do(p, "POST", path+"/start", "{}"); w.Code != 404 {
			t.Errorf("start of a used link: %d", w.Code)
		}
		if s := stateOf(t, do(p, "GET", path+"/state?view="+started.View, "").Body.Bytes()); s.State != client.LoginSucceeded || s.URL != "" {
			t.Errorf("%+v", s)
		}
		again, stop := listen(t, c, path+"/events?view="+started.View)
		defer stop()
		want(t, words(again), "succeeded:2:", "end")
	})
}

// A login that another one took the place of, or that brought the account back
// while this page looked elsewhere.
func TestStreamOfAnotherLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := f.page(t)
		path := mainPath(p)
		c := inBubble(t, p)
		s := stateOf(t, do(p, "POST", path+"/start", "{}").Body.Bytes())
		states, stop := listen(t, c, path+"/events?view="+s.View)
		defer stop()
		f.change(func() {
			clear(f.logins)
			f.accounts["main"].LoginID = ""
		})
		want(t, words(states), "waiting:1:", "idle:0:")
		if _, err := f.StartLogin(context.Background(), client.LoginRequest{Account: "main", Method: client.MethodQR}); err != nil {
			t.Fatal(err)
		}
		want(t, words(states), "waiting:1:")
		f.change(func() {
			clear(f.logins)
			f.accounts["main"].LoginID, f.incident["main"], f.accounts["main"].State = "", "", client.StateValid
		})
		want(t, words(states), "succeeded:0:", "end")
	})
}

// The page tells the keeper that somebody is there, while the stream is open,
// and no longer than a link's codes last.
func TestAttend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := f.page(t)
		path := p.path("main", "incident-main", 10*time.Hour)
		c := inBubble(t, p)
		s := stateOf(t, do(p, "POST", path+"/start", "{}").Body.Bytes())
		states, stop := listen(t, c, path+"/events?view="+s.View)
		attended := func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return time.Now().Before(f.attended["main"])
		}
		for code := 1; code < maxCodes; code++ {
			time.Sleep(codeLife)
			synctest.Wait()
			if !attended() {
				t.Fatalf("code %d expired and the keeper did not know that somebody is there", code)
			}
			f.renew("main", codeLife)
		}
		time.Sleep(codeLife)
		synctest.Wait()
		if attended() {
			t.Error("the last code expired and is still to be replaced")
		}
		f.to("main", client.LoginFailed, client.ReasonExpired)
		got := words(states)
		if got[len(got)-1] != "end" || got[len(got)-2] != "failed:10:expired" {
			t.Errorf("%q", got)
		}
		for _, call := range f.log() {
			if call != "start main web qr 120" {
				t.Errorf("the keeper was asked to %s", call)
			}
		}
		if n := len(f.log()); n > 45 {
			t.Errorf("%d calls in half an hour", n)
		}
		stop()
		if w := do(p, "POST", path+"/renew", "{}"); w.Code != 429 || !strings.Contains(w.Body.String(), keyUsedUp) {
			t.Errorf("an eleventh code: %d %s", w.Code, w.Body)
		}
		// A code that the keeper made by itself is still shown.
		if _, err := f.StartLogin(context.Background(), client.LoginRequest{Account: "main", Method: client.MethodQR}); err != nil {
			t.Fatal(err)
		}
		calls := len(f.log())
		if w := do(p, "POST", path+"/start", "{}"); w.Code != 200 || len(f.log()) != calls {
			t.Errorf("to join: %d %s", w.Code, w.Body)
		}
		f.to("main", client.LoginFailed, client.ReasonExpired)
		// Nobody is there: nothing goes on.
		calls = len(f.log())
		time.Sleep(time.Hour)
		if len(f.log()) != calls {
			t.Error("the page works while nobody looks")
		}
	})
}

func TestRenewAndCancel(t *testing.T) {
	f := newFake()
	p := f.page(t)
	path := mainPath(p)
	first := stateOf(t, do(p, "POST", path+"/start", "{}").Body.Bytes())
	joined := stateOf(t, do(p, "POST", path+"/start", "{}").Body.Bytes())
	if joined.Picture != first.Picture || joined.View == first.View {
		t.Errorf("a second reader got %+v, not %+v", joined, first)
	}
	second := stateOf(t, do(p, "POST", path+"/renew", "{}").Body.Bytes())
	if second.Code != 2 || second.Picture == first.Picture || second.URL == first.URL {
		t.Errorf("renewed: %+v", second)
	}
	f.to("main", client.LoginVerifying, "")
	if s := stateOf(t, do(p, "POST", path+"/renew", "{}").Body.Bytes()); s.State != client.LoginVerifying {
		t.Errorf("a login that was granted was given up: %+v", s)
	}
	if w := do(p, "POST", path+"/cancel", "{}"); w.Code != 409 {
		t.Errorf("to cancel a login that was granted: %d", w.Code)
	}
	f.to("main", client.LoginScanned, "")
	if s := stateOf(t, do(p, "POST", path+"/cancel", "{}").Body.Bytes()); s.State != client.LoginCancelled || s.Reason != client.ReasonCancelled {
		t.Errorf("cancelled: %+v", s)
	}
	if w := do(p, "POST", path+"/start", "{}"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("actions without end: %d", w.Code)
	}
}

// A reader's stream goes on over a new code; the login that was given up for it
// is not the end.
func TestStreamOverRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := f.page(t)
		path := mainPath(p)
		c := inBubble(t, p)
		do(p, "POST", path+"/start", "{}")
		states, stop := listen(t, c, path+"/events")
		defer stop()
		for range 3 {
			time.Sleep(10 * time.Second)
			if w := do(p, "POST", path+"/renew", "{}"); w.Code != 200 {
				t.Fatal(w.Code)
			}
			time.Sleep(2 * lookAgain)
		}
		want(t, words(states), "waiting:1:", "waiting:2:", "waiting:3:", "waiting:4:")
		do(p, "POST", path+"/cancel", "{}")
		want(t, words(states), "cancelled:4:cancelled", "end")
	})
}

// A link that was made for a login keeps working when its page has taken a new
// one, and does not outlive that.
func TestLinkOfALogin(t *testing.T) {
	f := newFake()
	p := f.page(t)
	f.incident["main"] = ""
	if _, err := f.StartLogin(context.Background(), client.LoginRequest{Account: "main", Method: client.MethodQR}); err != nil {
		t.Fatal(err)
	}
	path := p.path("main", "login-1", time.Hour)
	for _, route := range []string{"/start", "/renew"} {
		if w := do(p, "POST", path+route, "{}"); w.Code != 200 {
			t.Fatalf("%s: %d", route, w.Code)
		}
	}
	if w := do(p, "GET", path, ""); w.Code != 200 {
		t.Errorf("after a new code: %d", w.Code)
	}
	f.to("main", client.LoginFailed, client.ReasonExpired)
	if w := do(p, "GET", path, ""); w.Code != 404 {
		t.Errorf("after its end: %d", w.Code)
	}
}

func TestKeeperErrors(t *testing.T) {
	tests := []struct {
		err  error
		code int
		key  string
	}{
		{&client.Problem{Type: client.ProblemSiteAway, Detail: "canary"}, 503, keySite},
		{&client.Problem{Type: client.ProblemBusy, Detail: "canary"}, 409, keyBusy},
		{&client.Problem{Type: client.ProblemBadRequest, Detail: "canary"}, 422, keyRefused},
		{&client.Problem{Type: client.ProblemStorage, Detail: "canary"}, 500, keyInternal},
		{fmt.Errorf("canary"), 500, keyInternal},
		{context.DeadlineExceeded, 503, keySite},
	}
	for _, tt := range tests {
		f := newFake()
		f.fail = tt.err
		p := f.page(t)
		w := do(p, "POST", mainPath(p)+"/start", "{}")
		if w.Code != tt.code || w.Body.String() != `{"error":"`+tt.key+`"}` {
			t.Errorf("%v: %d %s", tt.err, w.Code, w.Body)
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
