package keeper_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestIntlLogin: each way in which the international site completes a login.
func TestIntlLogin(t *testing.T) {
	for _, platform := range []string{"web", "tv"} {
		for _, flow := range []passporttest.IntlFlow{passporttest.IntlPlain, passporttest.IntlSSO, passporttest.IntlGoURL, passporttest.IntlLate} {
			t.Run(platform+" "+string(flow), func(t *testing.T) {
				keepertest.Run(t, func(c *config.Config) { c.Login.IntlPlatform = platform }, func(h *keepertest.Fixture) {
					h.Site.Intl.SetFlow(flow)
					h.StartIntl()
					a := h.Account("tv")
					if a.State != client.StateValid || a.Site != "intl" || a.Refreshable || *a.Mid != mid {
						login, _ := h.Keeper.Logins().Get(a.LoginID)
						t.Fatalf("%+v, login %+v", a, login)
					}
					c, err := h.Keeper.Credentials().Get("tv", false)
					if err != nil || c.Site != "intl" || len(c.Cookies) == 0 || c.Cookies[0].Domain != ".bilibili.tv" {
						t.Errorf("%v", err)
					}
					time.Sleep(30 * 24 * time.Hour)
					if a := h.Account("tv"); a.State != client.StateValid || *a.LastCheck != client.CheckOK {
						t.Errorf("after a month: %+v", a)
					}
					if n := h.Site.Requests(passporttest.PathRefresh); n != 0 {
						t.Error("a refresh was tried where none exists")
					}
				})
			})
		}
	}
}

func TestIntlUntrustedTarget(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Site.Intl.SetFlow(passporttest.IntlUntrusted)
		h.StartIntl()
		if a := h.Account("tv"); a.State != client.StateNew || a.Generation != 0 {
			t.Errorf("%+v", a)
		}
		failed := h.Events(client.EventLoginFailed)
		if len(failed) != 1 || !strings.Contains(string(failed[0].Data), client.ReasonUnusable) {
			t.Errorf("told: %v", failed)
		}
	})
}

// TestIntlDeath: warned of the end, dead, and back by another login.
func TestIntlDeath(t *testing.T) {
	for _, how := range []passporttest.Anonymous{passporttest.AnonymousFlag, passporttest.AnonymousCode} {
		keepertest.Run(t, nil, func(h *keepertest.Fixture) {
			h.Site.Intl.SetAnonymous(how)
			h.StartIntl()
			h.Site.Kill(mid)
			time.Sleep(9 * time.Hour)
			if a := h.Account("tv"); a.State != client.StateLoggingIn && a.State != client.StateNeedsLogin {
				t.Errorf("%s: %+v", how, a)
			}
			if _, err := h.Keeper.Accounts().Logout(context.Background(), "tv"); err != nil {
				t.Errorf("logout: %v", err)
			}
		})
	}
}

const phone = keepertest.Phone

func TestSMSLogin(t *testing.T) {
	for _, api := range []string{"current", "legacy"} {
		t.Run(api, func(t *testing.T) {
			keepertest.Run(t, func(c *config.Config) { c.Login.SMSAPI = api }, func(h *keepertest.Fixture) {
				h.Site.SMS.AddPhone(mid, phone)
				l, err := h.SMSLogin()
				if err != nil || l.State != client.LoginSMSSent {
					t.Fatalf("%+v, %v", l, err)
				}
				if _, err := h.Keeper.Logins().SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: "000000"}); !errors.Is(err, &client.Problem{Type: client.ProblemSMS}) {
					t.Errorf("a wrong code: %v", err)
				}
				h.Restart() // the dialogue outlives the keeper
				if _, err := h.Keeper.Logins().SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: h.Site.SMS.Code(phone)}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				a := h.Account("main")
				if a.State != client.StateValid || *a.Mid != mid || a.Refreshable != (api == "current") {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

func TestSMSRefusals(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		ctx := context.Background()
		l, err := h.Keeper.Logins().Start(ctx, client.LoginRequest{Account: "main", Method: client.MethodSMS})
		if err != nil {
			t.Fatal(err)
		}
		captcha, err := h.Keeper.Logins().Captcha(ctx, l.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Keeper.Logins().SendSMS(ctx, l.ID, client.SMSSend{Phone: phone, Token: captcha.Token, Challenge: captcha.Challenge, Validate: "nonsense"})
		if !errors.Is(err, &client.Problem{Type: client.ProblemSMS}) {
			t.Errorf("a captcha that was not solved: %v", err)
		}
		if _, err := h.Keeper.Logins().SubmitSMS(ctx, l.ID, client.SMSCode{Code: "123456"}); !errors.Is(err, &client.Problem{Type: client.ProblemBadRequest}) {
			t.Errorf("a code before a message: %v", err)
		}
		// Nobody comes back to it.
		time.Sleep(20 * time.Minute)
		if l, err := h.Keeper.Logins().Get(l.ID); err != nil || l.State != client.LoginFailed {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// TestSMSIsNotSpentInVain: what could not be saved is not asked for.
func TestSMSIsNotSpentInVain(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Site.SMS.AddPhone(mid, phone)
		l, err := h.SMSLogin()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Vault.Close(); err != nil { // nothing can be written from here on
			t.Fatal(err)
		}
		before := len(h.Site.Log())
		if _, err := h.Keeper.Logins().SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: h.Site.SMS.Code(phone)}); err == nil {
			t.Error("the login went on without a vault")
		}
		if n := len(h.Site.Log()) - before; n != 0 {
			t.Errorf("%d requests went out, and the code may be spent", n)
		}
	})
}

// TestSMSWantsMore: a further verification is handed to the person, and an
// account that the site would make is not kept.
func TestSMSWantsMore(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Site.SMS.AddPhone(mid, phone)
		h.Site.SMS.SetVerification(mid, 2)
		l, err := h.SMSLogin()
		if err != nil {
			t.Fatal(err)
		}
		l, err = h.Keeper.Logins().SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: h.Site.SMS.Code(phone)})
		if err != nil || l.State != client.LoginFailed || l.Reason != client.ReasonVerification || !strings.HasPrefix(l.URL, "https://") {
			t.Errorf("%+v, %v", l, err)
		}
	})
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		l, err := h.SMSLogin() // the number is nobody's
		if err != nil {
			t.Fatal(err)
		}
		l, err = h.Keeper.Logins().SubmitSMS(context.Background(), l.ID, client.SMSCode{Code: h.Site.SMS.Code(phone)})
		if err != nil || l.Reason != client.ReasonNewAccount || h.Account("main").State != client.StateNew {
			t.Errorf("%+v, %v", l, err)
		}
	})
}
