package notify

import (
	"fmt"
	"time"
)

// Rate is how many messages a service may get in a time: as many at once, and
// after that one more each time that a share of Per has passed. A service that
// counts strictly within Per may so see nearly twice as many after a pause; for
// such a one half of its limit is the right number.
type Rate struct {
	Messages int
	Per      time.Duration
}

// DefaultRate holds for a channel that names none. No person reads faster.
var DefaultRate = Rate{Messages: 20, Per: time.Minute}

func (r Rate) check() error {
	if r == (Rate{}) || r.Messages > 0 && r.Per > 0 {
		return nil
	}
	return fmt.Errorf("a rate of %d messages in %s", r.Messages, r.Per)
}

// share is the time that one message takes up.
func (r Rate) share() time.Duration { return max(r.Per/time.Duration(r.Messages), 1) }

// next returns when the next message may go out, given the time up to which the
// rate is used up (the generic cell rate algorithm's one number).
func (r Rate) next(used time.Time) time.Time {
	return used.Add(-r.share() * time.Duration(r.Messages-1))
}

// spend returns the time up to which the rate is used up after one more.
func (r Rate) spend(used, now time.Time) time.Time { return r.sane(used, now).Add(r.share()) }

// sane is used where it can be true: never in the past, and never further ahead
// than a rate that is used up. A clock that was set back leaves it there.
func (r Rate) sane(used, now time.Time) time.Time {
	most := now.Add(r.share() * time.Duration(r.Messages))
	switch {
	case used.Before(now):
		return now
	case used.After(most):
		return most
	}
	return used
}
