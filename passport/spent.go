package passport

import (
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Spent is what a limiter has charged. Whoever keeps it over restarts keeps a crash
// from giving anything back: it is charged before the request leaves, and several
// requests at a time, so that not each of them costs a write.
type Spent struct {
	// Full is when the bucket of the minute's requests would have been full, had it
	// been filled without a limit: what is in it follows from the time since. Zero
	// where that did not change.
	Full time.Time
	// Account is whose Hour was charged, "" where none was. Hour are the times of its
	// requests, the last of which may lie ahead.
	Account string
	Hour    []time.Time
}

const (
	// leastCharged is how many requests are charged at a time, or those of
	// chargedFor where that is more.
	leastCharged = 3
	chargedFor   = time.Second / 2
	// hourCharged is how many are charged to an account's hour at a time, and
	// hourLease for how long they may be made.
	hourCharged = 3
	hourLease   = time.Minute
)

// charges are what a limiter has had kept as spent. The limiter's mutex guards what
// is not its own.
type charges struct {
	keep  func(Spent) error
	spent func(account string) []time.Time
	// keeping lets one call of keep run at a time. It is taken before the limiter's
	// mutex.
	keeping sync.Mutex
	// full is the Full that was kept last.
	full time.Time
}

// restore empties a bucket by what was kept of it.
func (l Limits) restore(tokens *rate.Limiter, full time.Time) {
	if full.IsZero() {
		return
	}
	now := time.Now().Round(0)
	// A clock that was set back must not shut the site off for longer than the
	// bucket takes to fill.
	flow, burst := l.bucket()
	left := float64(flow) * now.Sub(full).Seconds()
	// What is left of a request is none yet.
	over := int(min(math.Ceil(float64(burst)-left), 2*float64(burst)))
	for ; over > 0; over -= burst {
		tokens.ReserveN(now, min(over, burst))
	}
}

// fullAt is the Full of Spent now. Requests that wait have taken from the bucket what
// has yet to flow in; none of that has left.
func fullAt(tokens *rate.Limiter, now time.Time) time.Time {
	left := max(0, tokens.TokensAt(now))
	return now.Round(0).Add(-inSeconds(left / float64(tokens.Limit())))
}

func inSeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Settle has what was spent kept exactly, and nothing ahead of it. It comes after the
// last request.
func (m *Limiter) Settle() {
	if m.charges.keep == nil {
		return
	}
	m.charges.keeping.Lock()
	defer m.charges.keeping.Unlock()
	m.mu.Lock()
	full := fullAt(m.tokens, time.Now())
	ahead := m.charges.full.After(full)
	m.mu.Unlock()
	if ahead {
		_ = m.charges.keep(Spent{Full: full}) // more stays charged than was spent
	}
}

// charge has a request that is about to leave kept as spent, where what was charged
// before it does not cover it.
func (c *charges) charge(m *Limiter, p *pass) error {
	if c.keep == nil {
		return nil
	}
	m.mu.Lock()
	covered := c.cover(m, p, time.Now())
	m.mu.Unlock()
	if covered {
		return nil
	}
	// One at a time, so that what is kept last is what was charged last.
	c.keeping.Lock()
	defer c.keeping.Unlock()
	m.mu.Lock()
	s := c.due(m, p, time.Now())
	m.mu.Unlock()
	if s.Full.IsZero() && s.Account == "" {
		return nil
	}
	if err := c.keep(s); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !s.Full.IsZero() {
		c.full = s.Full
	}
	return nil
}

// cover needs mu. It uses up one of what was charged to the account.
func (c *charges) cover(m *Limiter, p *pass, now time.Time) bool {
	return !fullAt(m.tokens, now).After(c.full) && (!m.limits.hourly(p) || p.account.useLease(now))
}

func (l Limits) hourly(p *pass) bool { return !p.poll && l.PerAccountHour > 0 }

// useLease uses up one of what was charged to the account, if there is any.
func (a *account) useLease(now time.Time) bool {
	if a.lease == 0 || now.After(a.leased) {
		return false
	}
	a.lease--
	return true
}

// due is what has to be charged for a request. It needs mu.
func (c *charges) due(m *Limiter, p *pass, now time.Time) (s Spent) {
	if full := fullAt(m.tokens, now); full.After(c.full) {
		s.Full = full.Add(m.limits.ahead())
	}
	if a := p.account; m.limits.hourly(p) && !a.useLease(now) {
		now = now.Round(0)
		a.lease, a.leased = hourCharged-1, now.Add(hourLease)
		a.kept = slices.DeleteFunc(a.kept, func(t time.Time) bool { return now.Sub(t) >= budgetWindow })
		for range hourCharged {
			a.kept = append(a.kept, a.leased)
		}
		s.Account, s.Hour = p.key, slices.Clone(a.kept)
	}
	return s
}

// ahead is what is charged beyond a request, as the time in which it flows back.
func (l Limits) ahead() time.Duration {
	flow, burst := l.bucket()
	charged := min(max(leastCharged, float64(flow)*chargedFor.Seconds()), float64(burst)/2)
	return inSeconds(max(0, charged-1) / float64(flow))
}

// restored is what is kept of an account that comes back, or comes after a restart.
// The limiter's mu is not held.
func (c *charges) restored(key string, now time.Time) *account {
	a := &account{turn: make(chan struct{}, 1)}
	a.turn <- struct{}{}
	if c.spent == nil {
		return a
	}
	for _, t := range c.spent(key) {
		if t.After(now) {
			t = now.Round(0) // charged ahead, or by a clock that was set back
		}
		if now.Sub(t) < budgetWindow {
			a.spent, a.kept, a.last = append(a.spent, t), append(a.kept, t), t
		}
	}
	return a
}
