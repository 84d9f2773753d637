package lifecycle

import (
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Input is something that happened to an account.
type Input interface{ apply(*transition) }

// Apply returns the account after something happened, and the events that tell
// of it. It changes nothing that a belongs to.
func Apply(a Account, in Input, now time.Time, p Policy) (Account, []client.EventData) {
	t := transition{Account: a.clone(), was: a, now: now.UTC().Round(0), policy: p}
	t.mendClock(t.now, p)
	in.apply(&t)
	t.keepPromise()
	t.Written = t.now
	return t.Account, t.events
}

// transition is the account on its way from one state to the next.
type transition struct {
	Account
	was    Account
	now    time.Time
	policy Policy
	events []client.EventData
}

func (t *transition) tell(data client.EventData) { t.events = append(t.events, data) }

// Checked is the answer to the question whether the session lives, and with it
// the site's word whether it should be refreshed.
type Checked struct {
	Verdict
	RefreshDue bool
}

func (c Checked) apply(t *transition) {
	if !c.Unasked {
		t.CheckedAt = t.now
	}
	switch {
	case c.OK():
		t.alive()
		if c.RefreshDue {
			t.refreshDue()
		}
	case c.Dead() && t.Doubted():
		// The same question again proves no more than the first time; the
		// second one is asked another way, at its own time.
	case c.Dead() && t.Base == BaseValid:
		t.doubted(c.Verdict)
	case c.Dead():
		t.denied(c.Verdict)
	default:
		t.undecided(c.Verdict)
	}
}

// AskedAgain is the answer to the second question, asked another way. Mid is
// whose session it is, where the site said so.
type AskedAgain struct {
	Verdict
	Mid int64
}

func (c AskedAgain) apply(t *transition) {
	if !c.Unasked {
		t.CheckedAt = t.now
	}
	switch {
	case c.OK() && t.Mid != 0 && c.Mid != t.Mid:
		// Cookies of two accounts got mixed up. Nothing here can mend that, and
		// a guess could hand one person's session to another.
		t.Attention = "the site says that this session belongs to another account; log in again"
		t.tell(client.AccountAttention{Detail: t.Attention, Mid: c.Mid})
		t.denied(Verdict{Class: c.Class, Detail: t.Attention})
	case c.OK():
		t.alive()
	case c.Dead():
		t.denied(c.Verdict)
	default:
		t.undecided(c.Verdict)
		t.AskAgainAt = t.BlockedUntil
	}
}

// alive notes that the session lives, also where it was thought to be dead.
func (t *transition) alive() {
	revived := t.Base == BaseDead
	t.Base = BaseValid
	t.LastCheck, t.Detail = OutcomeOK, ""
	t.answered()
	t.DeniedAt, t.AskAgainAt = time.Time{}, time.Time{}
	t.checkAt(t.policy.CheckAfter(t.now))
	if !t.was.ChecksOut() {
		t.tell(client.CheckAlive{NextCheckAt: t.NextCheckAt})
	}
	if !revived {
		return
	}
	done := client.LoginDone{Revived: true, Mid: t.Mid, Uname: t.Uname}
	if t.Incident != nil {
		done.Incident = t.Incident.ID
		t.Incident = nil
	}
	if t.Login.Active() && t.Login.Automatic && !t.Login.Granted() {
		t.Login.end(PhaseCancelled, client.ReasonCancelled, "the session lives after all", t.now)
	}
	t.tell(done)
}

// doubted notes the first denial. Nothing follows from it but a second question.
func (t *transition) doubted(v Verdict) {
	t.LastCheck, t.Detail = OutcomeDead, v.Detail
	t.answered()
	t.DeniedAt = t.now
	t.AskAgainAt = t.now.Add(t.policy.ConfirmAfter)
	t.tell(client.CheckDenied{Detail: v.Detail, AskAgainAt: t.AskAgainAt})
}

// denied notes that the session is dead, and opens the incident if none is.
func (t *transition) denied(v Verdict) {
	t.LastCheck, t.Detail = OutcomeDead, v.Detail
	t.answered()
	t.DeniedAt, t.AskAgainAt = time.Time{}, time.Time{}
	t.NextCheckAt = time.Time{}
	t.tell(client.CheckDenied{Detail: v.Detail, Confirmed: true})
	if t.Base == BaseDead {
		return
	}
	t.Base = BaseDead
	if hand := t.suddenDeath(); hand != "" {
		t.Attention = hand
	}
	// A login that was asked for early becomes the one that is needed.
	t.Incident = &Incident{ID: incidentID(t.Name, t.now), Since: t.now, NextAttempt: t.now}
	t.Refresh, t.Confirm, t.RefreshBy = nil, nil, time.Time{}
	t.tell(client.LoginRequired{
		Incident: t.Incident.ID, Detail: v.Detail, Auto: t.policy.AutoLogin,
		Mid: t.Mid, Uname: t.Uname, Attention: t.Attention,
	})
}

// shared is how soon after an import a death is put down to the browser or
// tool that the login was copied from.
const shared = 7 * 24 * time.Hour

// suddenDeath says what probably ended a session that should have lived on.
func (t *transition) suddenDeath() string {
	// A session that the keeper itself rotated since is no copy any more.
	if t.Origin == OriginImport && t.RefreshedAt.IsZero() && t.now.Sub(t.IssuedAt) < shared && t.now.Before(t.ExpiresAt) {
		return "the session died soon after it was imported: the browser or tool that it came from has probably refreshed it or logged out; log in anew (bilikeeper login " + t.Name + ") and use that login nowhere else"
	}
	return t.Attention
}

// undecided notes an answer that says nothing about the session: the site is
// left alone for a while, and the state stays as it is.
func (t *transition) undecided(v Verdict) {
	t.LastCheck, t.Detail = v.Outcome(), v.Detail
	t.leaveAlone(v)
	if t.Base == BaseValid {
		t.NextCheckAt = t.BlockedUntil
		if v.blocked() {
			// Whoever is told to stop does not come back before the ordinary time.
			t.NextCheckAt = later(t.BlockedUntil, t.policy.CheckAfter(t.now))
		}
	}
	t.tell(client.CheckUndecided{
		Blocks: v.blocked(), Detail: v.Detail, BlockedUntil: t.BlockedUntil, Failures: t.Failures, Asked: !v.Unasked,
	})
}

func (t *transition) leaveAlone(v Verdict) {
	if !v.Unasked || t.Failures == 0 {
		t.Failures++
	}
	t.BlockedUntil, t.BlockedHost = t.now.Add(t.policy.pause(v, t.Failures)), ""
	if !v.AccountOnly {
		t.BlockedHost = t.policy.Host
	}
}

// answered notes that the site answered in a way that decides something.
func (t *transition) answered() {
	t.Failures, t.BlockedUntil, t.BlockedHost = 0, time.Time{}, ""
}

// moved has the site asked soon where it was left alone because of another host's way to
// it: this one's has its own limits.
func (t *transition) moved() {
	if t.BlockedHost == t.policy.Host || t.BlockedHost == "" {
		return
	}
	if t.AskAgainAt.Equal(t.BlockedUntil) {
		t.AskAgainAt = t.soon()
	}
	if t.Base == BaseValid {
		t.NextCheckAt = t.soon()
	}
	t.answered()
}

// soon is now, spread over a short while.
func (t *transition) soon() time.Time {
	return t.now.Add(time.Duration(t.policy.Spread * float64(min(t.policy.Interval, time.Minute))))
}

// checkAt sets the next regular check, as the schedule has it now. A session's own
// end is always looked at: the schedule may be longer than what is left.
func (t *transition) checkAt(next time.Time) {
	t.Plan = t.policy.Plan
	if t.ExpiresAt.After(t.now) && t.ExpiresAt.Before(next) {
		next = t.ExpiresAt.Add(time.Second)
	}
	t.NextCheckAt = next.UTC()
}

// Started is the keeper's own start. What was due meanwhile is due now, spread
// over a short while, so that a restart neither forgets nor bursts. A schedule
// that was changed meanwhile is taken up. It comes, too, when the account has come from
// another host.
type Started struct{}

func (Started) apply(t *transition) {
	t.rest()
	t.moved()
	if t.Base != BaseValid {
		return
	}
	if t.Plan != t.policy.Plan {
		// As of the time when the account, which writes nothing for that, was given it.
		Rescheduled{At: t.policy.replaced(t.Plan)}.apply(t)
	}
	if t.NextCheckAt.IsZero() || t.NextCheckAt.Before(t.now) {
		t.NextCheckAt = t.soon()
	}
}

// Rescheduled is a change of the schedule, at a time; zero is now.
type Rescheduled struct{ At time.Time }

func (r Rescheduled) apply(t *transition) {
	at := r.At
	if at.IsZero() || at.After(t.now) {
		at = t.now
	}
	first := t.Plan == "" // a record of a version that did not keep it
	t.Plan = t.policy.Plan
	if t.Base != BaseValid || t.BlockedUntil.After(at) {
		return
	}
	next := t.policy.FirstCheck(at).UTC()
	if first || next.Before(t.NextCheckAt) {
		next = earlier(t.NextCheckAt, next)
	}
	t.NextCheckAt = next
}

// Paused comes when an account is to be left alone from now on.
type Paused struct{}

func (Paused) apply(t *transition) { t.rest() }

// rest ends the login that the keeper began for an account that is left alone now.
// One that was granted goes on: its code is spent. It does not count as an attempt,
// so that the next one comes at once when the pause is over.
func (t *transition) rest() {
	if !t.policy.Paused {
		return
	}
	if t.Login.Active() && t.Login.Automatic && !t.Login.Granted() {
		t.finish(PhaseCancelled, client.ReasonCancelled, "the account is paused")
		if i := t.Incident; i != nil {
			i.Attempts--
			i.NextAttempt = t.now
		}
	}
	if i := t.Incident; i != nil {
		i.InLine = time.Time{}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b.UTC()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) || a.IsZero() {
		return b
	}
	return a
}

// incidentID is a name for the incident that needs no randomness: an account
// has one death at a time.
func incidentID(name string, at time.Time) string {
	return name + "-" + at.UTC().Format("20060102T150405.000")
}
