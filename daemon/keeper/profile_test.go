package keeper_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestTheOtherProfile: where the site does not tell of a scan, the next code is
// asked about as from the site's other page, and that is remembered.
func TestTheOtherProfile(t *testing.T) {
	for _, referer := range []string{"", "https://www.bilibili.com/", "https://passport.bilibili.com/login"} {
		t.Run(referer, func(t *testing.T) {
			keepertest.Run(t, nil, func(h *keepertest.Fixture) {
				h.Site.QR.OnlyFrom(referer)
				l, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "main"})
				if err != nil {
					t.Fatal(err)
				}
				h.Scan(l.URL, mid)
				time.Sleep(3*time.Minute + 5*time.Second)
				if referer == "https://passport.bilibili.com/login" {
					if a := h.Account("main"); a.State != client.StateLoggingIn {
						t.Fatalf("with the first code main is %s", a.State)
					}
					h.Restart()
					h.Scan(h.Code(), mid)
					time.Sleep(10 * time.Second)
				}
				h.WantState(client.StateValid)
				// The next login's first code is asked about in the way that worked.
				h.Kill()
				h.Scan(h.Code(), mid)
				time.Sleep(10 * time.Second)
				h.WantState(client.StateValid)
			})
		})
	}
}

// TestTheOtherChina: a right number that the site does not take under its one
// number for China is taken under the other.
func TestTheOtherChina(t *testing.T) {
	for _, china := range []string{"1", "86"} {
		keepertest.Run(t, nil, func(h *keepertest.Fixture) {
			ctx := context.Background()
			h.Site.SMS.SetChina(china)
			h.Site.SMS.AddPhone(mid, phone)
			l, err := h.SMSLogin()
			if china == "86" {
				if !errors.Is(err, &client.Problem{Type: client.ProblemSMS}) {
					t.Fatalf("%v", err)
				}
				if l = sendAgain(t, h); l.State != client.LoginSMSSent {
					t.Fatalf("%+v", l)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Keeper.Logins().SubmitSMS(ctx, l.ID, client.SMSCode{Code: h.Site.SMS.Code(phone)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			h.WantState(client.StateValid)
		})
	}
}

// sendAgain solves a second captcha of the login in progress.
func sendAgain(t *testing.T, h *keepertest.Fixture) client.Login {
	t.Helper()
	ctx := context.Background()
	l, err := h.Keeper.Logins().Start(ctx, client.LoginRequest{Account: "main", Method: client.MethodSMS})
	if err != nil {
		t.Fatal(err)
	}
	captcha, err := h.Keeper.Logins().Captcha(ctx, l.ID)
	if err != nil {
		t.Fatal(err)
	}
	validate, _ := passporttest.SolveCaptcha(captcha.Challenge)
	l, err = h.Keeper.Logins().SendSMS(ctx, l.ID, client.SMSSend{
		Phone: "+86 138-0000-0000", Country: 1, Token: captcha.Token, Challenge: captcha.Challenge, Validate: validate,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
