package notify

import (
	"sync"
	"time"
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

// gate decides when a service may be called. It is shared by all channels that
// send through the service: its own, and those that it takes over for.
type gate struct {
	rate Rate

	mu    sync.Mutex // guards known; nothing else is locked under it
	known Service
}

func (g *gate) state() Service {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known
}

// learn takes over what was known before a restart. Two channels may tell of
// one service; what is later counts.
func (g *gate) learn(s Service) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := &g.known
	if *k == (Service{}) {
		*k = s
		return
	}
	if s.Failed.After(k.Failed) {
		k.Failed, k.LastError, k.FailingSince, k.Failures = s.Failed, s.LastError, s.FailingSince, s.Failures
	}
	k.RetryAt, k.Delivered, k.Paced = later(k.RetryAt, s.RetryAt), later(k.Delivered, s.Delivered), later(k.Paced, s.Paced)
	if k.Delivered.After(k.Failed) {
		k.LastError, k.FailingSince, k.Failures, k.RetryAt = "", time.Time{}, 0, time.Time{}
	}
}

// rests is when a service that is left alone may be called again, zero where it
// is not left alone.
func (g *gate) rests(now time.Time) time.Time {
	s := g.state()
	// Where the clock was set back since this was written, RetryAt may be years
	// away. One try too early does less harm.
	if now.Before(s.Failed) || !s.RetryAt.After(now) {
		return time.Time{}
	}
	return s.RetryAt
}

// full is when the rate allows a call again, zero where it does now.
func (g *gate) full(now time.Time) time.Time {
	at := g.rate.next(g.rate.sane(g.state().Paced, now))
	if !at.After(now) {
		return time.Time{}
	}
	return at
}

// take spends one call of the rate, if there is one.
func (g *gate) take(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rate.next(g.rate.sane(g.known.Paced, now)).After(now) {
		return false
	}
	g.known.Paced = g.rate.spend(g.known.Paced, now)
	return true
}

// spend counts a call that cannot wait.
func (g *gate) spend(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known.Paced = g.rate.spend(g.known.Paced, now)
}

// arrived ends a bout of failures.
func (g *gate) arrived(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = Service{Delivered: now, Failed: g.known.Failed, Paced: g.known.Paced}
}

// failed notes a try that did not arrive.
func (g *gate) failed(now, retryAt time.Time, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := &g.known
	if k.FailingSince.IsZero() {
		k.FailingSince = now
	}
	k.Failures++
	k.Failed, k.LastError, k.RetryAt = now, reason, retryAt
}

// leave notes that the service asked to be left alone.
func (g *gate) leave(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known.RetryAt = later(g.known.RetryAt, until)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
