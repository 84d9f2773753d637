package notify

import (
	"fmt"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// Service is what is known of the service behind a channel. Its JSON is part of
// Progress.
type Service struct {
	// RetryAt is the time before which the service is left alone. It outlives
	// the message that it was set for.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// Delivered and Failed are when a try last arrived and last did not.
	Delivered time.Time `json:"delivered,omitzero"`
	Failed    time.Time `json:"failed,omitzero"`
	// LastError is the text of the last failure; a delivery clears it.
	LastError string `json:"last_error,omitempty"`
	// FailingSince is the first failure since the last delivery, Failures how
	// many there were.
	FailingSince time.Time `json:"failing_since,omitzero"`
	Failures     int       `json:"failures,omitempty"`
	// Paced is the time up to which the rate is used up.
	Paced time.Time `json:"paced,omitzero"`
}

// limiter decides when a service may be called. It is shared by all channels
// that send through the service: its own, and those that it takes over for.
type limiter struct {
	rate Rate

	mu    sync.Mutex // guards known; nothing else is locked under it
	known Service
}

func (l *limiter) state() Service {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known
}

// learn takes over what was known before a restart. Two channels may tell of
// one service; what is later counts.
func (l *limiter) learn(s Service) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := &l.known
	if *k == (Service{}) {
		*k = s
		return
	}
	if s.Failed.After(k.Failed) {
		k.Failed, k.LastError, k.FailingSince, k.Failures = s.Failed, s.LastError, s.FailingSince, s.Failures
	}
	k.RetryAt, k.Delivered, k.Paced = attempt.Later(k.RetryAt, s.RetryAt), attempt.Later(k.Delivered, s.Delivered), attempt.Later(k.Paced, s.Paced)
	if k.Delivered.After(k.Failed) {
		k.LastError, k.FailingSince, k.Failures, k.RetryAt = "", time.Time{}, 0, time.Time{}
	}
}

// rests is when a service that is left alone may be called again, zero where it
// is not left alone.
func (l *limiter) rests(now time.Time) time.Time {
	s := l.state()
	// Where the clock was set back since this was written, RetryAt may be years
	// away. One try too early does less harm.
	if now.Before(s.Failed) || now.Before(s.Delivered) || !s.RetryAt.After(now) {
		return time.Time{}
	}
	return s.RetryAt
}

// full is when the rate allows a call again, zero where it does now.
func (l *limiter) full(now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.rate.next(l.paced(now))
	if !at.After(now) {
		return time.Time{}
	}
	return at
}

// paced is up to when the rate is used up. A time that cannot be is put right for good:
// seen anew from each later time, the rate would be used up until the clock is there. It
// needs mu.
func (l *limiter) paced(now time.Time) time.Time {
	at := l.rate.sane(l.known.Paced, now)
	if l.known.Paced.After(at) {
		l.known.Paced = at
	}
	return at
}

// take spends one call of the rate, if there is one.
func (l *limiter) take(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate.next(l.paced(now)).After(now) {
		return false
	}
	l.known.Paced = l.rate.spend(l.known.Paced, now)
	return true
}

// spend counts a call that cannot wait.
func (l *limiter) spend(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known.Paced = l.rate.spend(l.known.Paced, now)
}

// arrived ends a bout of failures.
func (l *limiter) arrived(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = Service{Delivered: now, Failed: l.known.Failed, Paced: l.known.Paced}
}

// failed notes a try that did not arrive.
func (l *limiter) failed(now, retryAt time.Time, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := &l.known
	if k.FailingSince.IsZero() {
		k.FailingSince = now
	}
	k.Failures++
	k.Failed, k.LastError, k.RetryAt = now, reason, retryAt
}

// refused notes a sample that did not arrive. It begins no bout of failures.
func (l *limiter) refused(now time.Time, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known.Failed, l.known.LastError = now, reason
}

// leave notes that the service asked to be left alone.
func (l *limiter) leave(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known.RetryAt = attempt.Later(l.known.RetryAt, until)
}

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
// than a rate that is used up, where a clock that was set back would leave it.
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
