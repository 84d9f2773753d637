package keeper_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestGrantedAndBlocked: a login that the site granted is never lost and never
// called one that nobody scanned, whatever the site answers right after it.
func TestGrantedAndBlocked(t *testing.T) {
	troubles := []passporttest.Trouble{
		passporttest.HTTP412, passporttest.Code412, passporttest.Code352, passporttest.Code799, passporttest.HTML,
		passporttest.HTTP502, passporttest.CodeTrouble(-101),
	}
	for _, path := range []string{pathPoll, pathNav} {
		for _, trouble := range troubles {
			t.Run(path[strings.LastIndex(path, "/")+1:]+" "+string(trouble), func(t *testing.T) {
				keepertest.Run(t, nil, func(h *keepertest.Fixture) { grantedAndBlocked(t, h, path, trouble) })
			})
		}
	}
}

func grantedAndBlocked(t *testing.T, h *keepertest.Fixture, path string, trouble passporttest.Trouble) {
	ctx := context.Background()
	l, err := h.Keeper.Logins().Start(ctx, client.LoginRequest{Account: "main"})
	if err != nil {
		t.Fatal(err)
	}
	h.Site.SetTrouble(path, trouble)
	h.Scan(l.URL, mid)
	time.Sleep(20 * time.Second)
	if a := h.Account("main"); a.State != client.StateLoggingIn {
		t.Fatalf("with the trouble main is %s", a.State)
	}
	if path == pathNav {
		wantGrantSaid(t, h, l.ID)
	}
	h.Site.SetTrouble(path, passporttest.None)
	if path == pathNav {
		// A person who cannot wait asks the open question.
		r, err := h.Keeper.Accounts().Check(ctx, "main", true)
		if err != nil || r.Outcome != client.CheckOK || !r.Asked {
			t.Fatalf("check --force: %+v, %v", r, err)
		}
	} else {
		time.Sleep(2 * time.Minute) // within the code's life
	}
	h.WantState(client.StateValid)
	if n := len(h.Events(client.EventLoginFailed)); n != 0 {
		t.Errorf("%d failed logins were told of", n)
	}
}

// wantGrantSaid looks at what each question is answered while the site does not
// say whose the login is.
func wantGrantSaid(t *testing.T, h *keepertest.Fixture, id string) {
	t.Helper()
	l, err := h.Keeper.Logins().Get(id)
	if err != nil || !l.Granted || l.State != client.LoginVerifying || l.RetryAt == nil || !l.RetryAt.After(time.Now()) {
		t.Errorf("the login is %+v, %v", l, err)
	}
	if a := h.Account("main"); !strings.Contains(a.Attention, "granted and is saved") || a.Next == nil || a.Next.Action != "login_verify" {
		t.Errorf("the status is %+v", a)
	}
	_, err = h.Keeper.Credentials().Get("main", false)
	if !errors.Is(err, &client.Problem{Type: client.ProblemSiteAway}) || !strings.Contains(err.Error(), "granted") {
		t.Errorf("get: %v", err)
	}
	before := len(h.Site.Log())
	r, err := h.Keeper.Accounts().Check(context.Background(), "main", false)
	if err != nil || r.Asked || r.Outcome == client.CheckOK || r.Outcome == client.CheckDead || !strings.Contains(r.Detail, "asked again at") {
		t.Errorf("check: %+v, %v", r, err)
	}
	if len(h.Site.Log()) != before {
		t.Error("a check asked the site that is to be left alone")
	}
}

// TestGrantIsDeniedTwice: the second denial ends it, and it says so.
func TestGrantIsDeniedTwice(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		l, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "main"})
		if err != nil {
			t.Fatal(err)
		}
		h.Site.SetTrouble(pathNav, passporttest.CodeTrouble(-101))
		h.Scan(l.URL, mid)
		time.Sleep(3 * time.Minute)
		if l, err = h.Keeper.Logins().Get(l.ID); err != nil || l.State != client.LoginFailed || l.Reason != client.ReasonRefused {
			t.Errorf("%+v, %v", l, err)
		}
		h.WantRequests(pathNav, 2)
	})
}
