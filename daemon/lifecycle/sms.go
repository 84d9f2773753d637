package lifecycle

import (
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	// smsCodeLife is how long a code that came by SMS works.
	smsCodeLife = 5 * time.Minute
	// smsPatience is how long a login by SMS waits for a person who did not say
	// how long they stay.
	smsPatience = 10 * time.Minute
	// smsTries bounds the wrong codes of one login: guessing is not for us, and
	// the site counts too.
	smsTries = 5
)

// SMSBegun is a person's wish to log in by SMS. The captcha and the number come
// first; nothing has been asked of the site yet.
type SMSBegun struct {
	ID       string
	Attended time.Time
}

func (c SMSBegun) apply(t *transition) {
	until := t.now.Add(smsPatience)
	if c.Attended.After(until) {
		until = c.Attended
	}
	t.Login = &Login{ID: c.ID, Method: client.MethodSMS, Started: t.now, Attended: until, Phase: PhaseCaptcha, RetryAt: until}
}

// SMSSent is a code that the site has sent.
type SMSSent struct{}

func (SMSSent) apply(t *transition) {
	l := t.Login
	l.Phase, l.Detail, l.Failures = PhaseSMS, "", 0
	l.Code++
	l.CodeExpires = t.now.Add(smsCodeLife)
	l.RetryAt = later(l.Attended, l.CodeExpires)
}

// SMSRefused is a number, a captcha or a code that the site did not take. The
// person may try again; a code that is wrong too often ends the login.
type SMSRefused struct {
	Detail string
	// Code is true where it was the code.
	Code bool
}

func (c SMSRefused) apply(t *transition) {
	l := t.Login
	l.Detail = c.Detail
	if !c.Code {
		return
	}
	if l.Failures++; l.Failures >= smsTries {
		t.endLogin(client.ReasonExpired, "the code was wrong too often")
	}
}

// SMSEnded is a reply that ends the login without a credential: the site wants
// more than a code, or would create an account.
type SMSEnded struct{ Reason, Detail string }

func (c SMSEnded) apply(t *transition) { t.endLogin(c.Reason, c.Detail) }

// GaveUp is the end of the patience with a person who does not come back.
type GaveUp struct{}

func (GaveUp) apply(t *transition) {
	if t.Login.Active() && !t.Login.Granted() {
		t.endLogin(client.ReasonExpired, "nobody came back to it in time")
	}
}
