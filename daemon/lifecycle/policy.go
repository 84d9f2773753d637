package lifecycle

import (
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// Policy is what the configuration says about one account.
type Policy struct {
	ConfirmAfter time.Duration
	AutoLogin    bool
	AutoRefresh  bool
	// Paused leaves the account alone: nothing is begun for it that nobody asked
	// for. AutoLogin and AutoRefresh are false then.
	Paused bool
	// ConfirmDelay is how long both pairs live after a rotation, for whoever
	// was given the old one just before.
	ConfirmDelay time.Duration
	Codes        int
	Remind       []time.Duration
	Poll         time.Duration
	// Quiet returns when the quiet hours that now falls in end, or zero.
	Quiet func(now time.Time) time.Time
	// FirstCheck and CheckAfter are the schedule with the account's own offset.
	FirstCheck func(now time.Time) time.Time
	CheckAfter func(last time.Time) time.Time
	// Plan names the schedule: another text is another schedule.
	Plan string
	// Replaced returns when Plan took the place of another one, zero where that is not
	// known; nil knows nothing.
	Replaced func(plan string) time.Time
	// Host names the host that asks the site for the account, "" where there is but one.
	Host string
	// Interval is about how far apart two scheduled checks are.
	Interval time.Duration
	// Spread in [0,1) is the account's own: accounts that fail together do not
	// come back together.
	Spread float64
}

const (
	firstBackoff = time.Minute
	maxBackoff   = time.Hour
	maxBlocked   = 24 * time.Hour
	// attendedCodes bounds the codes of a login that a person stays with.
	attendedCodes = 20
)

func (p Policy) replaced(plan string) time.Time {
	if p.Replaced == nil {
		return time.Time{}
	}
	return p.Replaced(plan)
}

// backoff is the pause after the n-th failure in a row that may pass by
// itself: a minute, doubling to an hour, and never longer at first than the
// schedule's own interval.
func (p Policy) backoff(n int) time.Duration {
	base := firstBackoff
	if p.Interval > 0 && p.Interval < base {
		base = p.Interval
	}
	return p.spread(attempt.Double(base, n, maxBackoff))
}

// pause is how long the site is left alone after the n-th undecided answer in
// a row. What the site (or the place that all requests pass) asked for is
// honoured; where it concerns this account alone, it doubles here, since
// nobody else counts it. Where the site was not asked there is nothing to double:
// when the account's own hour has room again is known.
func (p Policy) pause(v Verdict, n int) time.Duration {
	if !v.blocked() {
		return max(p.backoff(n), v.RetryAfter)
	}
	if !v.AccountOnly {
		return max(v.RetryAfter, time.Minute)
	}
	if v.Unasked {
		n = 1
	}
	return p.spread(attempt.Double(max(v.RetryAfter, 15*time.Minute), n, maxBlocked))
}

func (p Policy) spread(d time.Duration) time.Duration {
	return d + time.Duration(float64(d)/5*p.Spread)
}

// remind is the pause after the n-th attempt that nobody answered.
func (p Policy) remind(n int) time.Duration {
	if len(p.Remind) == 0 {
		return maxBlocked
	}
	return p.Remind[min(max(n, 1), len(p.Remind))-1]
}

// awake returns t, or the end of the quiet hours that t falls in.
func (p Policy) awake(t time.Time) time.Time {
	if p.Quiet != nil {
		if end := p.Quiet(t); end.After(t) {
			return end
		}
	}
	return t
}
