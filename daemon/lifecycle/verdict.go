package lifecycle

import (
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/passport"
)

// Outcome is the word for a check that users see.
type Outcome string

const (
	OutcomeOK          Outcome = "ok"
	OutcomeDead        Outcome = "dead"
	OutcomeUnreachable Outcome = "unreachable"
	OutcomeBlocked     Outcome = "blocked"
)

// Verdict is what an answer of the site means for the account that asked.
type Verdict struct {
	Class  passport.Class
	Detail string
	// RetryAfter is how long the site is to be left alone, 0 if nobody said.
	RetryAfter time.Duration
	// AccountOnly is true where that concerns no other account.
	AccountOnly bool
	// Unasked is true where nothing was sent because the site is to be left
	// alone.
	Unasked bool
}

// VerdictOf reads a verdict out of what a call of package passport returned.
func VerdictOf(err error) Verdict {
	if err == nil {
		return Verdict{Class: passport.OK}
	}
	v := Verdict{Class: passport.ClassOf(err), Detail: "the site could not be asked"}
	var e *passport.Error
	if errors.As(err, &e) {
		v.Detail = e.Error()
		v.RetryAfter = e.RetryAfter
		v.AccountOnly = e.Scope == passport.ScopeAccount
		v.Unasked = errors.Is(err, passport.ErrNotAsked)
	}
	return v
}

// OK and Dead are the only verdicts that decide anything about a session.
func (v Verdict) OK() bool   { return v.Class == passport.OK }
func (v Verdict) Dead() bool { return v.Class == passport.Dead }

func (v Verdict) blocked() bool { return v.Class == passport.Blocked }

// Outcome maps the verdict to the word that users see. An answer that nobody
// understands is, to them, a site that could not be asked.
func (v Verdict) Outcome() Outcome {
	switch v.Class {
	case passport.OK:
		return OutcomeOK
	case passport.Dead:
		return OutcomeDead
	case passport.Blocked:
		return OutcomeBlocked
	default:
		return OutcomeUnreachable
	}
}
