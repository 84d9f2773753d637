package control

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/handover"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestAnywhere: what pages and chats ask for is carried out by the account's owner,
// whichever host they are on, which has the outcome when it answers.
func TestAnywhere(t *testing.T) {
	shared(t, socket.Policy{Owner: testOwner}, func(all *keepertest.Hosts, _, _ *Server) {
		ctx := context.Background()
		for _, name := range []string{"b", "a"} {
			at := all.Host(name).Keeper
			o := handover.Anywhere(at)
			if r, err := o.Check(ctx, "main", true); err != nil || r.Outcome != client.CheckOK || !r.Asked {
				t.Errorf("check at %s: %+v, %v", name, r, err)
			}
			before := at.Record("main").Generation
			if r, err := o.Refresh(ctx, "main", true); err != nil || r.Outcome != client.RefreshDone || at.Record("main").Generation != before+1 {
				t.Errorf("refresh at %s: %+v, %v", name, r, err)
			}
			yes := true
			if a, err := o.Patch(ctx, "main", client.AccountPatch{Tags: &[]string{name}, Paused: &yes}); err != nil || !a.Paused || at.Record("main").Preferences.Tags[0] != name {
				t.Errorf("patch at %s: %+v, %v", name, a, err)
			}
			no := false
			if _, err := o.Patch(ctx, "main", client.AccountPatch{Paused: &no}); err != nil {
				t.Error(err)
			}
			if _, err := o.Check(ctx, "nobody", true); !errors.Is(err, &client.Problem{Type: client.ProblemNoAccount}) {
				t.Errorf("of no account at %s: %v", name, err)
			}
		}
		if n := all.Host("b").Asked(""); n != 0 {
			t.Errorf("%d requests by the host that owns nothing", n)
		}
		all.Move("main", "")
		asked := make(chan error, 1)
		go func() {
			_, err := handover.Anywhere(all.Host("b").Keeper).Check(ctx, "main", true)
			asked <- err
		}()
		time.Sleep(2 * time.Second)
		all.Move("main", "a")
		if err := <-asked; err != nil {
			t.Errorf("while it moves: %v", err)
		}
	})
}

// TestLoginsAnywhere: so are logins, by code and by SMS; codes that are asked for one by
// one come one by one.
func TestLoginsAnywhere(t *testing.T) {
	shared(t, socket.Policy{Owner: testOwner}, func(all *keepertest.Hosts, _, _ *Server) {
		ctx, at := context.Background(), all.Host("b").Keeper
		o := handover.Anywhere(at)
		l, err := o.StartSingle(ctx, client.LoginRequest{Account: "main"})
		if err != nil || l.URL == "" {
			t.Fatalf("%+v, %v", l, err)
		}
		if got, err := at.Logins().Get(l.ID); err != nil || got.URL != l.URL {
			t.Errorf("right after it: %+v, %v", got, err)
		}
		time.Sleep(4 * time.Minute)
		if got, err := at.Logins().Get(l.ID); err != nil || got.State != client.LoginFailed {
			t.Errorf("after its only code: %+v, %v", got, err)
		}
		if l, err = o.Start(ctx, client.LoginRequest{Account: "main", Attend: 600}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Minute)
		if got, err := at.Logins().Get(l.ID); err != nil || got.State != client.LoginWaiting || got.Code != 2 {
			t.Errorf("after the first code: %+v, %v", got, err)
		}
		if err := o.Cancel(ctx, l.ID); err != nil {
			t.Error(err)
		}
		if got, err := at.Logins().Get(l.ID); err != nil || got.State != client.LoginCancelled {
			t.Errorf("cancelled: %+v, %v", got, err)
		}
		if err := o.Cancel(ctx, "nonsense"); !errors.Is(err, &client.Problem{Type: client.ProblemNoLogin}) {
			t.Errorf("of no login: %v", err)
		}
		if l, err = o.Start(ctx, client.LoginRequest{Account: "main", Method: client.MethodSMS}); err != nil {
			t.Fatal(err)
		}
		captcha, err := o.Captcha(ctx, l.ID)
		if err != nil || len(captcha.Countries) == 0 {
			t.Fatalf("%+v, %v", captcha, err)
		}
		validate, _ := passporttest.SolveCaptcha(captcha.Challenge)
		all.Site.SMS.AddPhone(keepertest.Mid, keepertest.Phone)
		l, err = o.SendSMS(ctx, l.ID, client.SMSSend{Phone: keepertest.Phone, Token: captcha.Token, Challenge: captcha.Challenge, Validate: validate})
		if err != nil {
			t.Fatalf("%+v, %v", l, err)
		}
		if _, err := o.SubmitSMS(ctx, l.ID, client.SMSCode{Code: all.Site.SMS.Code(keepertest.Phone)}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if r := at.Record("main"); r.Generation != 2 {
			t.Errorf("after the code that came: generation %d", r.Generation)
		}
		if n := all.Host("b").Asked(""); n != 0 {
			t.Errorf("%d requests by the host that owns nothing", n)
		}
	})
}
