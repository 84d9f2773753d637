package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// A login by SMS is a dialogue: the captcha, which a person solves, the number,
// the code. The keeper carries it and never solves anything.

// message is what an SMS was sent with, which its answer needs.
type message struct {
	phone secret.String
	cid   int
	key   secret.String
}

func (k *Keeper) legacySMS() bool { return k.settings.Load().Login.SMSAPI == "legacy" }

// smsStep runs fn as the owner of a login that waits for this step.
func (k *Keeper) smsStep(ctx context.Context, id string, fn func(ctx context.Context, a *account) error, phases ...lifecycle.Phase) (*account, error) {
	a := k.loginOwner(id)
	if a == nil {
		return nil, noLogin(id)
	}
	err := a.do(passport.Force(ctx), func(ctx context.Context) error {
		l := a.rec.Login
		if l == nil || l.ID != id {
			return noLogin(id)
		}
		for _, p := range phases {
			if l.Phase == p {
				return fn(ctx, a)
			}
		}
		return badRequest("the login does not wait for that: it is %s", viewLogin(a.rec).State)
	})
	return a, storageProblem(err)
}

// Captcha fetches a captcha for a person to solve, and the countries.
func (k *Keeper) Captcha(ctx context.Context, id string) (client.Captcha, error) {
	var result client.Captcha
	_, err := k.smsStep(ctx, id, func(ctx context.Context, a *account) error {
		if a.rec.device.Buvid3.IsZero() {
			// Without identifiers the site refuses to send (86103).
			a.identify(ctx)
		}
		c, err := k.site.Captcha(ctx, a.rec.device, k.legacySMS())
		if err != nil {
			return siteAway(lifecycle.VerdictOf(err), a.rec.BlockedUntil)
		}
		result = client.Captcha{Type: c.Type, GT: c.GT, Challenge: c.Challenge, Token: c.Token,
			Script: k.settings.Load().Endpoints.GeetestJS, Countries: []client.Country{}}
		countries, err := k.site.Countries(ctx, a.rec.device)
		if err != nil {
			a.log.Debug().Err(err).Msg("no list of countries; China alone is offered")
			countries = []passport.Country{{ID: 1, Name: "中国大陆", Code: "86"}}
		}
		for _, c := range countries {
			result.Countries = append(result.Countries, client.Country(c))
		}
		return nil
	}, lifecycle.PhaseCaptcha, lifecycle.PhaseSMS)
	return result, err
}

// SendSMS lets the site send a code.
func (k *Keeper) SendSMS(ctx context.Context, id string, s client.SMSSend) (client.Login, error) {
	a, err := k.smsStep(ctx, id, func(ctx context.Context, a *account) error {
		req := passport.SMSRequest{
			Phone: secret.New(s.Phone), CID: s.Country,
			Captcha:  passport.Captcha{Token: s.Token, Challenge: s.Challenge},
			Validate: secret.New(s.Validate), Seccode: secret.New(s.Seccode),
		}
		key, err := k.site.SendSMS(ctx, a.rec.device, req, k.legacySMS())
		if err != nil {
			return a.smsRefused(err, false)
		}
		return a.apply(lifecycle.SMSSent{}, func(r *record) { r.sms = message{req.Phone, req.CID, key} })
	}, lifecycle.PhaseCaptcha, lifecycle.PhaseSMS)
	return k.loginAfter(a, err)
}

// SubmitSMS logs in with the code. What the site gives comes once and is saved
// before anything else.
func (k *Keeper) SubmitSMS(ctx context.Context, id string, c client.SMSCode) (client.Login, error) {
	var verification secret.String
	a, err := k.smsStep(ctx, id, func(ctx context.Context, a *account) error {
		if err := k.store.vault.Writable(); err != nil {
			return fmt.Errorf("no code is spent on a login that could not be saved: %w", err)
		}
		grant, further, err := k.site.LoginSMS(ctx, a.rec.device, passport.SMSLogin{
			Phone: a.rec.sms.phone, CID: a.rec.sms.cid, Code: secret.New(c.Code), Key: a.rec.sms.key,
		}, k.legacySMS())
		switch {
		case errors.Is(err, passport.ErrVerification):
			verification = further.URL
			return a.apply(lifecycle.SMSEnded{Reason: client.ReasonVerification, Detail: "the site wants a further verification, at the address given"}, nil)
		case errors.Is(err, passport.ErrNewAccount):
			return a.apply(lifecycle.SMSEnded{Reason: client.ReasonNewAccount, Detail: "the number belonged to no account; nothing was kept"}, nil)
		case err != nil:
			return a.smsRefused(err, errors.Is(err, passport.ErrWrongCode) || errors.Is(err, passport.ErrCodeExpired))
		}
		next, events := a.preview(lifecycle.Granted{Mid: grant.Mid(), Complete: a.isWhole(grant)})
		if next.Login.Granted() {
			next.staged = grant
		}
		return a.commitForSure(ctx, next, events)
	}, lifecycle.PhaseSMS)
	login, err := k.loginAfter(a, err)
	if !verification.IsZero() {
		login.URL = verification.Reveal()
	}
	return login, err
}

// smsRefused notes what the site did not take, and tells the person in plain
// words what to do about it.
func (a *account) smsRefused(err error, code bool) error {
	v := lifecycle.VerdictOf(err)
	if known := plainSMS(err); known != "" {
		v.Detail = known
	} else if v.Class != passport.Unknown {
		return siteAway(v, a.rec.BlockedUntil)
	}
	if err := a.apply(lifecycle.SMSRefused{Detail: v.Detail, Code: code}, nil); err != nil {
		return err
	}
	return &client.Problem{Type: client.ProblemSMS, Title: "the site did not take it", Detail: v.Detail}
}

func plainSMS(err error) string {
	for _, known := range []struct {
		is   error
		text string
	}{
		{passport.ErrWrongCode, "the code is wrong; type it again"},
		{passport.ErrCodeExpired, "the code has expired; ask for a new message"},
		{passport.ErrTooSoon, "a message was sent a moment ago; wait a minute before the next"},
		{passport.ErrBadNumber, "the phone number is wrong, or the site does not serve it"},
		{passport.ErrCaptcha, "the captcha was not solved, or is used up; solve a new one"},
		{passport.ErrDailyLimit, "this number gets no more messages today; log in by QR code"},
		{passport.ErrSMSRefused, "the site's risk control refuses to send a message from here; log in by QR code"},
	} {
		if errors.Is(err, known.is) {
			return known.text
		}
	}
	return ""
}

func (k *Keeper) loginAfter(a *account, err error) (client.Login, error) {
	if err != nil {
		return client.Login{}, err
	}
	return k.viewLogin(a.shown.Load()), nil
}
