package account

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// A login by SMS is a dialogue: the captcha, which a person solves, the number,
// the code. The keeper carries it and never solves anything.

// SMS takes an account through a login by SMS.
type SMS struct{ *Worker }

// step runs fn as the owner of a login that waits for this step.
func (w SMS) step(ctx context.Context, id string, fn func(ctx context.Context) error, phases ...lifecycle.Phase) error {
	return w.do(ctx, true, func(ctx context.Context) error {
		l := w.rec.Login
		switch {
		case l == nil || l.ID != id:
			return NoLogin(id)
		case !slices.Contains(phases, l.Phase):
			return BadRequest("the login does not wait for that: it is %s", LoginState(l))
		}
		return fn(ctx)
	})
}

// Captcha fetches a captcha for a person to solve, and the countries.
func (w SMS) Captcha(ctx context.Context, id string) (client.Captcha, error) {
	var result client.Captcha
	err := w.step(ctx, id, func(ctx context.Context) error {
		if w.rec.Device.Buvid3.IsZero() {
			// Without identifiers the site refuses to send (86103).
			Login(w).fetchDevice(ctx)
		}
		c, err := w.site().Captcha(ctx, w.rec.Device, w.Settings().LegacySMS)
		if err != nil {
			return SiteAway(lifecycle.VerdictOf(err), w.rec.BlockedUntil)
		}
		result = client.Captcha{Type: c.Type, GT: c.GT, Challenge: c.Challenge, Token: c.Token,
			Script: w.Settings().CaptchaScript, Countries: []client.Country{}}
		countries, err := w.site().Countries(ctx, w.rec.Device)
		if err != nil {
			w.log().Debug().Err(err).Msg("no list of countries; China alone is offered")
			countries = []passport.Country{{ID: 1, Name: "中国大陆", Code: "86"}}
		}
		for _, c := range countries {
			result.Countries = append(result.Countries, client.Country(c))
		}
		return nil
	}, lifecycle.PhaseCaptcha, lifecycle.PhaseSMS)
	return result, err
}

// Send lets the site send a code.
func (w SMS) Send(ctx context.Context, id string, s client.SMSSend) error {
	return w.step(ctx, id, func(ctx context.Context) error {
		req := passport.SMSRequest{
			Phone: secret.New(s.Phone), CID: s.Country,
			Captcha:  passport.Captcha{Token: s.Token, Challenge: s.Challenge},
			Validate: secret.New(s.Validate), Seccode: secret.New(s.Seccode),
		}
		other, china := passport.OtherCID(req.CID)
		if china && w.rec.SMS.CID != 0 && w.rec.Login.Phase == lifecycle.PhaseCaptcha {
			req.CID = w.rec.SMS.CID // the one that was not refused
			other, _ = passport.OtherCID(req.CID)
		}
		key, err := w.site().SendSMS(ctx, w.rec.Device, req, w.Settings().LegacySMS)
		if china && errors.Is(err, passport.ErrBadNumber) && w.rec.Login.Phase == lifecycle.PhaseCaptcha {
			return w.otherChina(err, other)
		}
		if err != nil {
			return w.refused(err, false)
		}
		return w.apply(lifecycle.SMSSent{}, func(r *store.Record) { r.SMS = store.SMS{Phone: req.Phone, CID: req.CID, Key: key} })
	}, lifecycle.PhaseCaptcha, lifecycle.PhaseSMS)
}

// Submit logs in with the code. What the site gives comes once and is saved
// before anything else.
func (w SMS) Submit(ctx context.Context, id string, c client.SMSCode) (verification secret.String, err error) {
	err = w.step(ctx, id, func(ctx context.Context) error {
		if err := w.Store.Vault().Writable(); err != nil {
			return fmt.Errorf("no code is spent on a login that could not be saved: %w", err)
		}
		lasting, end := Ownership(w).lasting(ctx)
		defer end()
		grant, further, err := w.site().LoginSMS(lasting, w.rec.Device, passport.SMSLogin{
			Phone: w.rec.SMS.Phone, CID: w.rec.SMS.CID, Code: secret.New(c.Code), Key: w.rec.SMS.Key,
		}, w.Settings().LegacySMS)
		switch {
		case errors.Is(err, passport.ErrVerification):
			verification = further.URL
			return w.apply(lifecycle.SMSEnded{Reason: client.ReasonVerification, Detail: "the site wants a further verification, at the address given"}, nil)
		case errors.Is(err, passport.ErrNewAccount):
			return w.apply(lifecycle.SMSEnded{Reason: client.ReasonNewAccount, Detail: "the number belonged to no account; nothing was kept"}, nil)
		case err != nil:
			return w.refused(err, errors.Is(err, passport.ErrWrongCode) || errors.Is(err, passport.ErrCodeExpired))
		}
		next, events := w.preview(lifecycle.Granted{Mid: grant.Mid(), Complete: len(grant.Missing()) == 0})
		if next.Login.Granted() {
			next.StagedGrant = grant
		}
		return w.commitForSure(ctx, next, events)
	}, lifecycle.PhaseSMS)
	return verification, err
}

// otherChina notes that the site may want its other number for China, which the
// next message is asked for with: this captcha is spent.
func (w SMS) otherChina(err error, cid int) error {
	v := lifecycle.VerdictOf(err)
	v.Detail = plainSMS(err) + "; if it is right, send it once more: the site then gets the other of its two numbers for China"
	if err := w.apply(lifecycle.SMSRefused{Detail: v.Detail}, func(r *store.Record) { r.SMS = store.SMS{CID: cid} }); err != nil {
		return err
	}
	return &client.Problem{Type: client.ProblemSMS, Title: "the site did not take it", Detail: v.Detail}
}

// refused notes what the site did not take, and tells the person in plain
// words what to do about it.
func (w SMS) refused(err error, code bool) error {
	v := lifecycle.VerdictOf(err)
	if known := plainSMS(err); known != "" {
		v.Detail = known
	} else if v.Class != passport.Unknown {
		return SiteAway(v, w.rec.BlockedUntil)
	}
	if err := w.apply(lifecycle.SMSRefused{Detail: v.Detail, Code: code}, nil); err != nil {
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
