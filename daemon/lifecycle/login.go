package lifecycle

import (
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// CodeIssued is a code that the site gave. The first one begins the login that
// ID, Method, Single and Attended describe; later ones replace the code before.
type CodeIssued struct {
	ID        string
	Method    string
	Automatic bool
	Single    bool
	Attended  time.Time
	Expires   time.Time
}

func (c CodeIssued) apply(t *transition) {
	if !t.Login.Active() {
		t.Login = &Login{ID: c.ID, Method: c.Method, Started: t.now, Automatic: c.Automatic, Single: c.Single, Attended: c.Attended}
	}
	l := t.Login
	l.Phase, l.Detail, l.Failures, l.Blocked, l.Late = PhaseWaiting, "", 0, false, 0
	l.Code++
	l.CodeExpires = c.Expires.UTC().Round(0)
	l.RetryAt = t.now.Add(t.policy.Poll)
	if t.Incident != nil {
		t.Incident.Failures = 0
		if l.Automatic { // one that a person asked for has no place in the queue
			t.Incident.InLine = time.Time{}
		}
	}
	t.answered()
	t.tell(client.LoginCode{Code: l.Code, ExpiresAt: l.CodeExpires, LoginRef: t.loginRef()})
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
	over := !t.now.Before(l.CodeExpires)
	switch {
	case c.Expired, over && c.OK():
		t.codeOver()
	case over && (l.Phase != PhaseScanned || l.Late >= latePolls):
		t.codeUnanswered(c.Verdict)
	case over:
		// Somebody scanned it, and the site does not say what came of that.
		l.Late++
		l.Detail = c.Detail
		l.RetryAt = t.now.Add(latePollGap)
	case !c.OK():
		t.pollAgain(c.Verdict)
	default:
		l.Failures, l.Detail, l.Blocked = 0, "", false
		l.RetryAt = t.now.Add(t.policy.Poll)
		if c.Scanned && l.Phase == PhaseWaiting {
			l.Phase = PhaseScanned
			t.tell(client.LoginScan{LoginRef: t.loginRef()})
		}
	}
}

const (
	// latePolls bounds the questions about a scanned code after its end, latePollGap
	// is how far apart they are. A login confirmed in time may still be granted.
	latePolls   = 3
	latePollGap = 20 * time.Second
)

// pollAgain sets when a poll that was not answered is made again. A site that
// blocks is asked a few times within the code's life: the person may have
// confirmed on the phone, and there is no later time for the answer.
func (t *transition) pollAgain(v Verdict) {
	l := t.Login
	l.Failures++
	l.Detail = v.Detail
	l.Blocked = v.blocked()
	wait := max(t.policy.Poll, attempt.Double(t.policy.Poll, l.Failures, 30*time.Second))
	switch {
	case l.Blocked && l.Phase == PhaseScanned:
		wait = attempt.Double(10*time.Second, l.Failures, time.Minute)
	case l.Blocked:
		wait = attempt.Double(30*time.Second, l.Failures, time.Minute)
	default:
		wait = max(wait, v.RetryAfter)
	}
	l.RetryAt = t.now.Add(wait)
}

// moreCodes reports whether the login goes on with another code.
func (t *transition) moreCodes() bool {
	l := t.Login
	attended := t.now.Before(l.Attended) && l.Code < attendedCodes
	return !l.Single && l.Code < t.policy.Codes && t.policy.awake(t.now).Equal(t.now) || attended
}

// codeOver follows a code that was not confirmed: another one while the login
// has codes left or a person stays with it, else the end of the attempt.
func (t *transition) codeOver() {
	l := t.Login
	scanned := l.Phase == PhaseScanned
	switch {
	case t.moreCodes():
		l.Phase, l.RetryAt = PhaseAsking, t.now
	case scanned:
		t.endLogin(client.ReasonExpired, "the code was scanned, and not confirmed on the phone in time")
	default:
		t.endLogin(client.ReasonExpired, "nobody scanned the code")
	}
}

// codeUnanswered follows a code of which the site did not say at its end whether
// it was scanned.
func (t *transition) codeUnanswered(v Verdict) {
	if t.moreCodes() {
		t.Login.Phase, t.Login.RetryAt = PhaseAsking, t.now
		return
	}
	t.endLogin(client.ReasonSite, "the site did not say whether the code was scanned: "+v.Detail)
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
		t.wrongAccount(c.Mid, "")
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
	case c.Dead() && l.DeniedAt.IsZero():
		// Once proves nothing: what one of the site's machines has granted another
		// may not know yet.
		l.DeniedAt, l.Detail = t.now, c.Detail
		l.RetryAt = t.now.Add(t.policy.ConfirmAfter)
	case c.Dead():
		t.endLogin(client.ReasonRefused, "the site denied the session that it had just given, twice")
	case !c.OK():
		t.waitWithLogin(c.Verdict)
	case t.Mid != 0 && c.Mid != t.Mid, l.GrantedMid != 0 && c.Mid != l.GrantedMid:
		t.wrongAccount(c.Mid, c.Uname)
	default:
		t.promote(c)
	}
}

// wrongAccount refuses what somebody else's scan brought, and says whose it was.
func (t *transition) wrongAccount(mid int64, uname string) {
	by := "mid " + strconv.FormatInt(mid, 10)
	if uname != "" {
		by = uname + " (" + by + ")"
	}
	t.Login.By = by
	t.endLogin(client.ReasonWrongAccount, "another account scanned the code: "+by+"; nothing was changed")
}

// shortLogin is a life after a login that is too short to be the site's usual
// one of 180 days: the app offers a login of 24 hours when a code is confirmed.
const shortLogin = 7 * 24 * time.Hour

func (t *transition) promote(c Proved) {
	t.Origin = OriginLogin
	t.begin(c.Mid, c.Uname, c.ExpiresAt, c.Refreshable)
	done := client.LoginDone{Mid: t.Mid, Uname: t.Uname, Generation: t.Generation, Refreshable: &c.Refreshable, LoginRef: t.loginRef()}
	t.Incident = nil
	t.Login.end(PhaseSucceeded, "", "", t.now)
	t.tell(done)
	if left := t.ExpiresAt.Sub(t.now); !t.ExpiresAt.IsZero() && left < shortLogin {
		t.tell(client.AccountAttention{
			Reason: client.AttentionShortLogin, ExpiresAt: t.ExpiresAt, Mid: t.Mid, Uname: t.Uname,
			Detail: "the login lasts a short time only: on the phone the 24-hour login was probably chosen; log in again without it",
		})
	}
}

// waitWithLogin keeps what was granted and asks again later, however long the
// site is away: the code is spent, there is no second reply.
func (t *transition) waitWithLogin(v Verdict) {
	l := t.Login
	l.Failures++
	l.Detail, l.Blocked = v.Detail, v.blocked()
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
// itself later, and the event says when. A login that a person began does not
// move that time.
func (t *transition) finish(phase Phase, reason, detail string) {
	undone := client.LoginUndone{Reason: reason, Detail: detail, By: t.Login.By, LoginRef: t.loginRef()}
	automatic := t.Login.Automatic
	t.Login.end(phase, reason, detail, t.now)
	if i := t.Incident; i != nil {
		if automatic {
			i.Attempts++
			i.NextAttempt = t.nextAttempt()
		}
		if t.policy.AutoLogin {
			i.Promised = t.policy.awake(later(i.NextAttempt, t.now))
			undone.NextAttempt = i.Promised
		}
	}
	t.tell(undone)
}

// promiseSlack is how much later than promised the next attempt may come before
// people are told: accounts wait for each other for some minutes.
const promiseSlack = 15 * time.Minute

// keepPromise tells people where the next attempt comes later than they were
// told. It is told once: from then on it comes as soon as it can.
func (t *transition) keepPromise() {
	i := t.Incident
	if i == nil || i.Promised.IsZero() || t.Login.Active() || !t.policy.AutoLogin {
		return
	}
	next := t.policy.awake(i.NextAttempt)
	if next.Sub(i.Promised) <= promiseSlack {
		return
	}
	t.tell(client.AccountAttention{
		Reason: client.AttentionPostponed, Promised: i.Promised, NextAttempt: next, Incident: i.ID,
		Mid: t.Mid, Uname: t.Uname, Detail: "the next code comes later than it was said",
	})
	i.Promised = time.Time{}
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
	l.RetryAt, l.CodeExpires, l.Blocked = time.Time{}, time.Time{}, false
}

func (t *transition) loginRef() client.LoginRef {
	ref := client.LoginRef{Login: t.Login.ID, Method: t.Login.Method, Interactive: !t.Login.Automatic}
	if t.Incident != nil {
		ref.Incident = t.Incident.ID
	}
	return ref
}
