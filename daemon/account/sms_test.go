package account_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// dialogue is a login by SMS, from the person's side.
type dialogue struct {
	*fixture
	ctx context.Context
	id  string
}

// startSMS begins a login by SMS.
func startSMS(h *fixture) dialogue {
	h.Helper()
	ctx := context.Background()
	_, err := account.Login{Worker: h.w}.Start(ctx, client.MethodSMS, time.Time{}, false)
	h.must(err)
	if l := h.login(); l.State != client.LoginCaptcha {
		h.Fatalf("%+v", l)
	}
	return dialogue{h, ctx, h.is().Login.ID}
}

// send solves a captcha and lets the site send a code.
func (d dialogue) send(change func(s *client.SMSSend)) error {
	d.Helper()
	c, err := account.SMS{Worker: d.w}.Captcha(d.ctx, d.id)
	d.must(err)
	validate, _ := passporttest.SolveCaptcha(c.Challenge)
	s := client.SMSSend{Phone: phone, Token: c.Token, Challenge: c.Challenge, Validate: validate}
	if change != nil {
		change(&s)
	}
	return account.SMS{Worker: d.w}.Send(d.ctx, d.id, s)
}

func (d dialogue) submit(code string) (verification string, err error) {
	url, err := account.SMS{Worker: d.w}.Submit(d.ctx, d.id, client.SMSCode{Code: code})
	return url.Reveal(), err
}

// TestSMSLogin: with each pair of the site's endpoints, and with each of its numbers
// for China; the dialogue outlives the worker.
func TestSMSLogin(t *testing.T) {
	for name, c := range map[string]struct {
		legacy bool
		china  string
		again  bool // the site takes the other number for China
		other  string
	}{
		"current": {china: "1"}, "legacy": {legacy: true, china: "1"},
		"the other number": {china: "86", again: true}, "the other number, legacy": {legacy: true, china: "86", again: true},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(o *options) { o.settings.LegacySMS = c.legacy }, func(h *fixture) {
				h.site.SMS.AddPhone(mid, phone)
				h.site.SMS.SetChina(c.china)
				d := startSMS(h)
				err := d.send(nil)
				if c.again {
					if !isProblem(err, client.ProblemSMS) || !strings.Contains(err.Error(), "send it once more") {
						t.Fatalf("the number that is not taken: %v", err)
					}
					err = d.send(func(s *client.SMSSend) { s.Phone, s.Country = "+86 138-0000-0000", 1 })
				}
				h.must(err)
				if l := h.login(); l.State != client.LoginSMSSent {
					t.Fatalf("%+v", l)
				}
				if _, err := d.submit("000000"); !isProblem(err, client.ProblemSMS) {
					t.Errorf("a wrong code: %v", err)
				}
				h.restart()
				_, err = d.submit(h.site.SMS.Code(phone))
				h.must(err)
				time.Sleep(10 * time.Second)
				if r := h.onDisk(); r.State() != lifecycle.StateValid || r.Mid != mid || r.Refreshable == c.legacy || !r.SMS.Phone.IsZero() {
					t.Errorf("%+v", r.Brief)
				}
			})
		})
	}
}

// TestSMSRefusals: what the site does not take of a person, and what that one is told.
func TestSMSRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(d dialogue) error
		kind  string
		text  string
		state string
	}{
		"the captcha is not solved": {func(d dialogue) error { return d.send(func(s *client.SMSSend) { s.Validate = "nonsense" }) }, client.ProblemSMS, "solve a new one", client.LoginCaptcha},
		"the number is none":        {func(d dialogue) error { return d.send(func(s *client.SMSSend) { s.Phone, s.Country = "12", 5 }) }, client.ProblemSMS, "phone number", client.LoginCaptcha},
		"a code before the message": {func(d dialogue) error { _, err := d.submit("123456"); return err }, client.ProblemBadRequest, "does not wait for that", client.LoginCaptcha},
		"another login":             {func(d dialogue) error { d.id = "another"; _, err := d.submit("123456"); return err }, client.ProblemNoLogin, "", client.LoginCaptcha},
		"a second message at once": {func(d dialogue) error {
			d.must(d.send(nil))
			return d.send(nil)
		}, client.ProblemSMS, "wait a minute", client.LoginSMSSent},
		"the code is wrong": {func(d dialogue) error {
			d.must(d.send(nil))
			_, err := d.submit("000000")
			return err
		}, client.ProblemSMS, "type it again", client.LoginSMSSent},
		"the code is wrong too often": {func(d dialogue) (err error) {
			d.must(d.send(nil))
			for range 5 {
				_, err = d.submit("000000")
			}
			return err
		}, client.ProblemSMS, "type it again", client.LoginFailed},
		"the code is too old": {func(d dialogue) error {
			d.must(d.send(nil))
			time.Sleep(5*time.Minute + time.Second)
			_, err := d.submit(d.site.SMS.Code(phone))
			return err
		}, client.ProblemSMS, "ask for a new message", client.LoginSMSSent},
		"risk control": {func(d dialogue) error {
			d.site.SetTrouble(passporttest.PathSMSSend, passporttest.CodeTrouble(86103))
			return d.send(nil)
		}, client.ProblemSMS, "QR code", client.LoginCaptcha},
		"an answer that nobody knows": {func(d dialogue) error {
			d.site.SetTrouble(passporttest.PathSMSSend, passporttest.CodeStrange)
			return d.send(nil)
		}, client.ProblemSMS, "424242", client.LoginCaptcha},
		"the site is away": {func(d dialogue) error {
			d.site.SetTrouble(passporttest.PathSMSSend, passporttest.HTTP412)
			return d.send(nil)
		}, client.ProblemSiteAway, "", client.LoginCaptcha},
		"no captcha": {func(d dialogue) error {
			d.site.SetTrouble(passporttest.PathCaptcha, passporttest.HTTP502)
			_, err := account.SMS{Worker: d.w}.Captcha(d.ctx, d.id)
			return err
		}, client.ProblemSiteAway, "", client.LoginCaptcha},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.site.SMS.AddPhone(mid, phone)
				err := c.do(startSMS(h))
				if !isProblem(err, c.kind) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%v", err)
				}
				if l := h.login(); l.State != c.state {
					t.Errorf("%+v", l)
				}
				// Nobody comes back to it.
				time.Sleep(20 * time.Minute)
				if l := h.login(); l.State != client.LoginFailed || l.Reason != client.ReasonExpired {
					t.Errorf("%+v", l)
				}
			})
		})
	}
}

// TestSMSEnds: what a right code may bring besides the account's own session.
func TestSMSEnds(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(s *passporttest.Site)
		known  bool // the account was logged in before
		reason string
		url    bool
	}{
		"a further verification": {set: func(s *passporttest.Site) { s.SMS.AddPhone(mid, phone); s.SMS.SetVerification(mid, 2) }, reason: client.ReasonVerification, url: true},
		"a new account":          {reason: client.ReasonNewAccount},
		"another's session":      {set: func(s *passporttest.Site) { s.SMS.AddPhone(stranger, phone) }, known: true, reason: client.ReasonWrongAccount},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				if c.known {
					h.logIn()
				}
				if c.set != nil {
					c.set(h.site)
				}
				before := h.header()
				d := startSMS(h)
				h.must(d.send(nil))
				url, err := d.submit(h.site.SMS.Code(phone))
				h.must(err)
				if l := h.login(); l.State != client.LoginFailed || l.Reason != c.reason || c.url != strings.HasPrefix(url, "https://") {
					t.Errorf("%+v, %q", l, url)
				}
				if r := h.onDisk(); h.header() != before && c.known || len(r.StagedGrant.Cookies) > 0 || !r.SMS.Phone.IsZero() {
					t.Errorf("something was kept: %+v", r.Brief)
				}
			})
		})
	}
}

// TestCaptcha: what a person is shown, also where the site has no list of countries,
// and that somebody who stays with it has the time.
func TestCaptcha(t *testing.T) {
	run(t, func(o *options) { o.settings.CaptchaScript = "https://site.invalid/gt.js" }, func(h *fixture) {
		d := startSMS(h)
		c, err := account.SMS{Worker: h.w}.Captcha(d.ctx, d.id)
		if err != nil || len(c.Countries) < 2 || c.Script != "https://site.invalid/gt.js" || c.Token == "" {
			t.Errorf("%+v, %v", c, err)
		}
		h.site.SetTrouble(passporttest.PathCountries, passporttest.HTTP502)
		if c, err = (account.SMS{Worker: h.w}).Captcha(d.ctx, d.id); err != nil || len(c.Countries) != 1 || c.Countries[0].Code != "86" {
			t.Errorf("%+v, %v", c, err)
		}
		h.wantRequests(passporttest.PathFinger, 1)
		joined, err := account.Login{Worker: h.w}.Start(d.ctx, client.MethodSMS, time.Now().Add(40*time.Minute), false)
		if err != nil || !joined {
			t.Errorf("%v, %v", joined, err)
		}
		time.Sleep(30 * time.Minute)
		if l := h.login(); l.State != client.LoginCaptcha {
			t.Errorf("%+v", l)
		}
	})
}
