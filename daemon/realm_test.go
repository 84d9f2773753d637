package daemon

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/control"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// startIntl begins a login at the international site and scans its code.
func (h *house) startIntl() {
	h.t.Helper()
	l, err := h.keeper.StartLogin(context.Background(), client.LoginRequest{Account: "tv", Site: "intl"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.scan(l.URL, mid)
	time.Sleep(time.Minute)
}

// TestIntlLogin: each way in which the international site completes a login.
func TestIntlLogin(t *testing.T) {
	for _, platform := range []string{"web", "tv"} {
		for _, flow := range []passporttest.IntlFlow{passporttest.IntlPlain, passporttest.IntlSSO, passporttest.IntlGoURL, passporttest.IntlLate} {
			t.Run(platform+" "+string(flow), func(t *testing.T) {
				inHouse(t, func(c *config.Config) { c.Login.IntlPlatform = platform }, func(h *house) {
					h.site.SetIntlFlow(flow)
					h.startIntl()
					a := h.account("tv")
					if a.State != client.StateValid || a.Site != "intl" || a.Refreshable || *a.Mid != mid {
						login, _ := h.keeper.Login(a.LoginID)
						t.Fatalf("%+v, login %+v", a, login)
					}
					c, err := h.keeper.Credential("tv", control.CredentialQuery{Format: "netscape"})
					if err != nil || !strings.Contains(string(c.Body), ".bilibili.tv\t") {
						t.Errorf("%v", err)
					}
					time.Sleep(30 * 24 * time.Hour)
					if a := h.account("tv"); a.State != client.StateValid || *a.LastCheck != client.CheckOK {
						t.Errorf("after a month: %+v", a)
					}
					if n := h.site.Requests(passporttest.PathRefresh); n != 0 {
						t.Error("a refresh was tried where none exists")
					}
				})
			})
		}
	}
}

func TestIntlUntrustedTarget(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.site.SetIntlFlow(passporttest.IntlUntrusted)
		h.startIntl()
		if a := h.account("tv"); a.State != client.StateNew || a.Generation != 0 {
			t.Errorf("%+v", a)
		}
		failed := h.events(client.EventLoginFailed)
		if len(failed) != 1 || !strings.Contains(string(failed[0].Data), client.ReasonUnusable) {
			t.Errorf("told: %v", failed)
		}
	})
}

// TestIntlDeath: warned of the end, dead, and back by another login.
func TestIntlDeath(t *testing.T) {
	for _, how := range []passporttest.Anonymous{passporttest.AnonymousFlag, passporttest.AnonymousCode} {
		inHouse(t, nil, func(h *house) {
			h.site.SetIntlAnonymous(how)
			h.startIntl()
			h.site.Kill(mid)
			time.Sleep(9 * time.Hour)
			if a := h.account("tv"); a.State != client.StateLoggingIn && a.State != client.StateNeedsLogin {
				t.Errorf("%s: %+v", how, a)
			}
			if _, err := h.keeper.Logout(context.Background(), "tv"); err != nil {
				t.Errorf("logout: %v", err)
			}
		})
	}
}

const phone = "13800000000"

// smsLogin goes through the dialogue up to the code.
func (h *house) smsLogin() (client.Login, error) {
	h.t.Helper()
	ctx := context.Background()
	l, err := h.keeper.StartLogin(ctx, client.LoginRequest{Account: "main", Method: client.MethodSMS})
	if err != nil || l.State != client.LoginCaptcha {
		h.t.Fatalf("%+v, %v", l, err)
	}
	captcha, err := h.keeper.Captcha(ctx, l.ID)
	if err != nil || len(captcha.Countries) == 0 {
		h.t.Fatalf("%+v, %v", captcha, err)
	}
	validate, _ := passporttest.SolveCaptcha(captcha.Challenge)
	return h.keeper.SendSMS(ctx, l.ID, client.SMSSend{
		Phone: phone, Token: captcha.Token, Challenge: captcha.Challenge, Validate: validate})
}

func TestSMSLogin(t *testing.T) {
	for _, api := range []string{"current", "legacy"} {
		t.Run(api, func(t *testing.T) {
			inHouse(t, func(c *config.Config) { c.Login.SMSAPI = api }, func(h *house) {
				h.site.AddPhone(mid, phone)
				l, err := h.smsLogin()
				if err != nil || l.State != client.LoginSMSSent {
					t.Fatalf("%+v, %v", l, err)
				}
				if _, err := h.keeper.SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: "000000"}); !errors.Is(err, &client.Problem{Type: client.ProblemSMS}) {
					t.Errorf("a wrong code: %v", err)
				}
				h.restart() // the dialogue outlives the keeper
				if _, err := h.keeper.SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: h.site.SMS(phone)}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				a := h.account("main")
				if a.State != client.StateValid || *a.Mid != mid || a.Refreshable != (api == "current") {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

func TestSMSRefusals(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		ctx := context.Background()
		l, err := h.keeper.StartLogin(ctx, client.LoginRequest{Account: "main", Method: client.MethodSMS})
		if err != nil {
			t.Fatal(err)
		}
		captcha, err := h.keeper.Captcha(ctx, l.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.keeper.SendSMS(ctx, l.ID, client.SMSSend{Phone: phone, Token: captcha.Token, Challenge: captcha.Challenge, Validate: "nonsense"})
		if !errors.Is(err, &client.Problem{Type: client.ProblemSMS}) {
			t.Errorf("a captcha that was not solved: %v", err)
		}
		if _, err := h.keeper.SubmitSMS(ctx, l.ID, client.SMSCode{Code: "123456"}); !errors.Is(err, &client.Problem{Type: client.ProblemBadRequest}) {
			t.Errorf("a code before a message: %v", err)
		}
		// Nobody comes back to it.
		time.Sleep(20 * time.Minute)
		if l, err := h.keeper.Login(l.ID); err != nil || l.State != client.LoginFailed {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// TestSMSIsNotSpentInVain: what could not be saved is not asked for.
func TestSMSIsNotSpentInVain(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.site.AddPhone(mid, phone)
		l, err := h.smsLogin()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.vault.Close(); err != nil { // nothing can be written from here on
			t.Fatal(err)
		}
		before := len(h.site.Log())
		if _, err := h.keeper.SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: h.site.SMS(phone)}); err == nil {
			t.Error("the login went on without a vault")
		}
		if n := len(h.site.Log()) - before; n != 0 {
			t.Errorf("%d requests went out, and the code may be spent", n)
		}
	})
}

// TestSMSWantsMore: a further verification is handed to the person, and an
// account that the site would make is not kept.
func TestSMSWantsMore(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.site.AddPhone(mid, phone)
		h.site.SetVerification(mid, 2)
		l, err := h.smsLogin()
		if err != nil {
			t.Fatal(err)
		}
		l, err = h.keeper.SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: h.site.SMS(phone)})
		if err != nil || l.State != client.LoginFailed || l.Reason != client.ReasonVerification || !strings.HasPrefix(l.URL, "https://") {
			t.Errorf("%+v, %v", l, err)
		}
	})
	inHouse(t, nil, func(h *house) {
		l, err := h.smsLogin() // the number is nobody's
		if err != nil {
			t.Fatal(err)
		}
		l, err = h.keeper.SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: h.site.SMS(phone)})
		if err != nil || l.Reason != client.ReasonNewAccount || h.account("main").State != client.StateNew {
			t.Errorf("%+v, %v", l, err)
		}
	})
}
