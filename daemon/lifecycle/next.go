package lifecycle

import "time"

// Action is a thing to be done for an account. The words are shown to users.
type Action string

const (
	ActNothing  Action = ""
	ActCheck    Action = "check"         // ask whether the session lives
	ActAskAgain Action = "confirm_death" // ask a second time, another way
	ActCode     Action = "login_code"    // fetch a code for a person to scan
	ActPoll     Action = "login_poll"    // ask whether the code was scanned
	ActCollect  Action = "login_collect" // fetch the cookies that the reply lacked
	ActProve    Action = "login_verify"  // ask whose the new credential is
	ActGiveUp   Action = "login_give_up" // stop waiting for a person

	ActRefresh      Action = "refresh"         // rotate the credential
	ActProveRefresh Action = "refresh_verify"  // ask whose the rotated credential is
	ActConfirm      Action = "refresh_confirm" // tell the site that the new pair is in use
	ActWarn         Action = "warn"            // tell people that the session ends soon
)

// Step is an action and the time it is due.
type Step struct {
	Action Action
	At     time.Time
}

// Next returns what is to be done next for the account, and when. A login in
// progress comes before everything else: it has a person waiting, or holds a
// credential that is not yet in use.
func (a Account) Next(p Policy) Step {
	if a.Login.Active() {
		return a.Login.next()
	}
	switch a.Base {
	case BaseValid:
		return a.nextValid(p)
	case BaseDead:
		return a.nextAttempt(p)
	}
	return Step{}
}

// nextValid is the earliest of what a living session wants.
func (a Account) nextValid(p Policy) Step {
	if a.Doubted() {
		return Step{ActAskAgain, a.AskAgainAt}
	}
	if p.Paused {
		return a.nextBegun()
	}
	next := Step{ActCheck, a.NextCheckAt}
	sooner := func(s Step) {
		if s.Action != ActNothing && s.At.Before(next.At) {
			next = s
		}
	}
	if s, ok := a.nextRefresh(p); ok {
		sooner(s)
	}
	if at := a.nextWarning(); !at.IsZero() {
		sooner(Step{ActWarn, at})
	}
	sooner(a.nextAttempt(p))
	return next
}

// nextBegun is what a rotation that has come so far still wants of an account that
// is left alone: a pair that the site has given is proven and confirmed.
func (a Account) nextBegun() Step {
	switch {
	case a.Staged():
		return Step{ActProveRefresh, a.Refresh.At}
	case a.Confirm != nil:
		return Step{ActConfirm, a.Confirm.At}
	}
	return Step{}
}

// nextAttempt is the keeper's own next login, if an incident asks for one.
func (a Account) nextAttempt(p Policy) Step {
	if !p.AutoLogin || a.Incident == nil {
		return Step{}
	}
	at := p.awake(a.Incident.NextAttempt)
	if at.After(a.Incident.NextAttempt) {
		// Quiet hours end for all accounts at once.
		at = at.Add(time.Duration(p.Spread * float64(30*time.Second)))
	}
	return Step{ActCode, at}
}

func (l *Login) next() Step {
	switch l.Phase {
	case PhaseAsking:
		return Step{ActCode, l.RetryAt}
	case PhaseCollecting:
		return Step{ActCollect, l.RetryAt}
	case PhaseProving:
		return Step{ActProve, l.RetryAt}
	case PhaseCaptcha, PhaseSMS:
		return Step{ActGiveUp, l.RetryAt}
	default:
		// The last poll falls on the code's end, never after it: a scan in the
		// last seconds, or while the keeper was not running, still counts.
		at := l.RetryAt
		if l.Late == 0 && l.CodeExpires.Before(at) {
			at = l.CodeExpires
		}
		return Step{ActPoll, at}
	}
}
