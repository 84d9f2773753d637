package lifecycle

import (
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// CodeIssued is a code that the site gave. The first one begins the login that
// ID, Method and Attended describe; later ones replace the code before.
type CodeIssued struct {
	ID        string
	Method    string
	Automatic bool
	Attended  time.Time
	Expires   time.Time
}

func (c CodeIssued) apply(t *transition) {
	if !t.Login.Active() {
		t.Login = &Login{ID: c.ID, Method: c.Method, Started: t.now, Automatic: c.Automatic, Attended: c.Attended}
	}
	l := t.Login
	l.Phase, l.Detail, l.Failures = PhaseWaiting, "", 0
	l.Code++
	l.CodeExpires = c.Expires.UTC().Round(0)
	l.RetryAt = t.now.Add(t.policy.Poll)
	if t.Incident != nil {
		t.Incident.Failures, t.Incident.InLine = 0, time.Time{}
	}
	t.answered()
	data := t.loginData()
	data["code"] = l.Code
	data["expires_at"] = l.CodeExpires
	t.tell(client.EventLoginCode, data)
}

// CodeRefused is the site's failure to give a code.
type CodeRefused struct{ Verdict }

func (c CodeRefused) apply(t *transition) {
	t.LastCheck, t.Detail = c.Outcome(), c.Detail
	t.leaveAlone(c.Verdict)
	if t.Login.Active() {
		t.endLogin(client.ReasonSite, c.Detail)
	}
	if t.Incident != nil {
		// It comes again at its own time and not when a turn is free.
		t.Incident.InLine = time.Time{}
		t.Incident.Failures++
		wait := t.policy.pause(c.Verdict, t.Incident.Failures)
		t.Incident.NextAttempt = later(t.Incident.NextAttempt, t.now.Add(wait))
	}
}

// PutOff moves the keeper's next attempt while other accounts' codes are out.
type PutOff struct {
	Until time.Time
	// Attempt is true where those went unanswered: this account's own would have,
	// too. It counts like an attempt, or an account that always comes last would
	// be tried at the pace of the first reminders for ever.
	Attempt bool
	// InLine is since when the account waits for its turn, zero if it does not.
	InLine time.Time
}

func (c PutOff) apply(t *transition) {
	if t.Incident == nil || t.Login.Active() {
		return
	}
	t.Incident.NextAttempt, t.Incident.InLine = c.Until.UTC().Round(0), c.InLine
	if c.Attempt {
		t.Incident.Attempts++
	}
}

// Attended is a person who joins the login in progress until a time.
type Attended struct{ Until time.Time }

func (c Attended) apply(t *transition) {
	if !t.Login.Active() {
		return
	}
	t.Login.Attended = later(t.Login.Attended, c.Until.Round(0))
	if t.Login.Phase == PhaseCaptcha || t.Login.Phase == PhaseSMS {
		t.Login.RetryAt = later(t.Login.RetryAt, t.Login.Attended)
	}
}

// Polled is the state of a code that was not granted, or why it is not known.
type Polled struct {
	Verdict
	Scanned bool
	Expired bool
}

func (c Polled) apply(t *transition) {
	l := t.Login
	over := c.Expired || !t.now.Before(l.CodeExpires)
	switch {
	case over:
		t.codeOver()
	case !c.OK():
		l.Failures++
		l.Detail = c.Detail
		l.RetryAt = t.now.Add(max(t.policy.Poll, double(t.policy.Poll, l.Failures, 30*time.Second), c.RetryAfter))
	default:
		l.Failures, l.Detail = 0, ""
		l.RetryAt = t.now.Add(t.policy.Poll)
		if c.Scanned && l.Phase == PhaseWaiting {
			l.Phase = PhaseScanned
			t.tell(client.EventLoginScanned, t.loginData())
		}
	}
}

// codeOver follows a code that nobody answered: another one while the login
// has codes left or a person stays with it, else the end of the attempt.
func (t *transition) codeOver() {
	l := t.Login
	attended := t.now.Before(l.Attended) && l.Code < attendedCodes
	if l.Code < t.policy.Codes && t.policy.awake(t.now).Equal(t.now) || attended {
		l.Phase, l.RetryAt = PhaseAsking, t.now
		return
	}
	t.endLogin(client.ReasonExpired, "nobody scanned the code")
}

// Granted is a success reply. The caller keeps the credential in the same
// commit, before anything else goes out: the site gives it once.
type Granted struct {
	Mid      int64
	Complete bool
}

func (c Granted) apply(t *transition) {
	l := t.Login
	if t.Mid != 0 && c.Mid != 0 && c.Mid != t.Mid {
		t.endLogin(client.ReasonWrongAccount, "another account scanned the code; nothing was changed")
		return
	}
	l.GrantedMid = c.Mid
	l.Phase, l.Failures, l.Detail, l.RetryAt = PhaseCollecting, 0, "", t.now
	if c.Complete {
		l.Phase = PhaseProving
	}
}

// collectTries bounds the tries to fetch what a success reply lacked.
const collectTries = 5

// Collected is what came of fetching the cookies that the reply lacked.
type Collected struct {
	Verdict
	Mid      int64
	Complete bool
	// Hopeless is true where another try would bring nothing else.
	Hopeless bool
}

func (c Collected) apply(t *transition) {
	l := t.Login
	switch {
	case c.Hopeless:
		t.endLogin(client.ReasonUnusable, "the site granted the login, but it could not be completed: "+c.Detail)
	case c.Complete:
		Granted{Mid: c.Mid, Complete: true}.apply(t)
	case c.OK() || l.Failures+1 >= collectTries:
		t.endLogin(client.ReasonUnusable, "the site granted the login but its reply lacked the cookies")
	default:
		t.waitWithLogin(c.Verdict)
	}
}

// Proved is the site's answer to whose the new credential is.
type Proved struct {
	Verdict
	Mid         int64
	Uname       string
	ExpiresAt   time.Time
	Refreshable bool
}

func (c Proved) apply(t *transition) {
	l := t.Login
	switch {
	case c.Dead():
		t.endLogin(client.ReasonRefused, "the site denied the session that it had just given")
	case !c.OK():
		t.waitWithLogin(c.Verdict)
	case t.Mid != 0 && c.Mid != t.Mid, l.GrantedMid != 0 && c.Mid != l.GrantedMid:
		t.endLogin(client.ReasonWrongAccount, "another account scanned the code; nothing was changed")
	default:
		t.promote(c)
	}
}

func (t *transition) promote(c Proved) {
	t.Origin = OriginLogin
	t.begin(c.Mid, c.Uname, c.ExpiresAt, c.Refreshable)
	data := t.loginData()
	data["mid"], data["uname"], data["generation"], data["refreshable"] = t.Mid, t.Uname, t.Generation, t.Refreshable
	t.Incident = nil
	t.Login.end(PhaseSucceeded, "", "", t.now)
	t.tell(client.EventLoginSucceeded, data)
}

// waitWithLogin keeps what was granted and asks again later, however long the
// site is away: the code is spent, there is no second reply.
func (t *transition) waitWithLogin(v Verdict) {
	l := t.Login
	l.Failures++
	l.Detail = v.Detail
	l.RetryAt = t.now.Add(t.policy.pause(v, l.Failures))
}

// Cancelled is a person's wish to end the login.
type Cancelled struct{}

func (Cancelled) apply(t *transition) {
	if t.Login.Active() {
		t.finish(PhaseCancelled, client.ReasonCancelled, "cancelled")
	}
}

func (t *transition) endLogin(reason, detail string) {
	t.finish(PhaseFailed, reason, detail)
}

// finish ends the login. While an incident is open the keeper tries again by
// itself later, and the event says when.
func (t *transition) finish(phase Phase, reason, detail string) {
	data := t.loginData()
	data["reason"], data["detail"] = reason, detail
	t.Login.end(phase, reason, detail, t.now)
	if t.Incident != nil {
		t.Incident.Attempts++
		t.Incident.NextAttempt = t.nextAttempt()
		if t.policy.AutoLogin {
			data["next_attempt"] = t.policy.awake(t.Incident.NextAttempt)
		}
	}
	t.tell(client.EventLoginFailed, data)
}

// nextAttempt is when the keeper tries again by itself. While the session still
// lives nothing presses: people are reminded when its end comes near.
func (t *transition) nextAttempt() time.Time {
	next := t.now.Add(t.policy.remind(t.Incident.Attempts))
	if !t.Incident.Early || t.ExpiresAt.IsZero() {
		return next
	}
	for _, days := range warnDays() {
		if mark := t.ExpiresAt.AddDate(0, 0, -days); mark.After(next) {
			return mark
		}
	}
	return next
}

func (l *Login) end(phase Phase, reason, detail string, now time.Time) {
	l.Phase, l.Reason, l.Detail, l.Ended = phase, reason, detail, now
	l.RetryAt, l.CodeExpires = time.Time{}, time.Time{}
}

func (t *transition) loginData() map[string]any {
	data := map[string]any{"login": t.Login.ID, "interactive": !t.Login.Automatic}
	if t.Incident != nil {
		data["incident"] = t.Incident.ID
	}
	return data
}
