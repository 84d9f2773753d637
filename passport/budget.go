package passport

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// account is what the gate remembers of one Device.Key. All but turn is guarded
// by the gate's mutex.
type account struct {
	// turn holds one token: whoever takes it has a request under way.
	turn chan struct{}
	// users are those who wait for the turn or hold it.
	users int
	last  time.Time
	// spent are the times of the last hour's requests, oldest first.
	spent []time.Time
}

// takeTurn waits until no other request of the account is under way.
func (g *Gate) takeTurn(ctx context.Context, p *pass) error {
	g.mu.Lock()
	g.sweep(time.Now())
	a := g.accounts[p.key]
	if a == nil {
		a = &account{turn: make(chan struct{}, 1)}
		a.turn <- struct{}{}
		g.accounts[p.key] = a
	}
	a.users++
	p.account = a
	g.mu.Unlock()
	if ctx.Err() == nil {
		select {
		case <-a.turn:
			return nil
		case <-ctx.Done():
		}
	}
	g.mu.Lock()
	a.users--
	g.mu.Unlock()
	return ctx.Err()
}

func (g *Gate) endTurn(p *pass) {
	g.mu.Lock()
	p.account.users--
	g.mu.Unlock()
	p.account.turn <- struct{}{}
}

// sweep forgets accounts that have been silent for an hour; it looks at them
// all, so once an hour is enough. It needs mu.
func (g *Gate) sweep(now time.Time) {
	if now.Sub(g.swept) < budgetWindow {
		return
	}
	g.swept = now
	for key, a := range g.accounts {
		if a.users == 0 && now.Sub(a.last) >= budgetWindow {
			delete(g.accounts, key)
		}
	}
}

// checkBudget refuses where the account's hour is full. Nothing is booked yet;
// as the account's turn is held, nobody else can book before commit does.
func (g *Gate) checkBudget(p *pass) *Error {
	g.mu.Lock()
	defer g.mu.Unlock()
	limit := g.limits.PerAccountHour
	if limit <= 0 || p.poll {
		return nil
	}
	now := time.Now()
	p.account.forget(now)
	over := len(p.account.spent) - limit
	if over < 0 {
		return nil
	}
	return &Error{
		Op: p.op, Class: Blocked, Scope: ScopeAccount, Err: ErrNotAsked,
		RetryAfter: p.account.spent[over].Add(budgetWindow).Sub(now),
		Detail:     "the hourly budget of this account is used up",
	}
}

func (a *account) forget(now time.Time) {
	a.spent = slices.DeleteFunc(a.spent, func(t time.Time) bool { return now.Sub(t) >= budgetWindow })
}

// spend needs the gate's mu.
func (a *account) spend(now time.Time, counted bool) {
	a.last = now
	if counted {
		a.forget(now)
		a.spent = append(a.spent, now)
	}
}

// waitGap keeps two requests of one account apart.
func (g *Gate) waitGap(ctx context.Context, p *pass) error {
	g.mu.Lock()
	polite := p.polite || g.limits.Polite
	wait := time.Until(p.account.last.Add(politeGap))
	g.mu.Unlock()
	if !polite || wait <= 0 {
		return nil
	}
	attempt.Sleep(ctx, wait)
	return ctx.Err()
}

// slots bounds the requests under way. The gate's mutex guards it. Its limit
// can change at any time, and urgent requests go before the others: a person
// in front of a code that runs out must not wait behind a thousand checks.
type slots struct {
	limit, taken   int
	urgent, normal []chan struct{}
}

// grant gives free slots to those who wait.
func (s *slots) grant() {
	for s.taken < s.limit {
		queue := &s.urgent
		if len(*queue) == 0 {
			queue = &s.normal
		}
		if len(*queue) == 0 {
			return
		}
		close((*queue)[0])
		*queue = (*queue)[1:]
		s.taken++
	}
}

func (s *slots) release() {
	s.taken--
	s.grant()
}

// drop takes a waiter out and reports whether it was still waiting.
func (s *slots) drop(w chan struct{}) bool {
	for _, queue := range []*[]chan struct{}{&s.urgent, &s.normal} {
		if i := slices.Index(*queue, w); i >= 0 {
			*queue = slices.Delete(*queue, i, i+1)
			return true
		}
	}
	return false
}

func (g *Gate) takeSlot(ctx context.Context, urgent bool) error {
	w := make(chan struct{})
	g.mu.Lock()
	if urgent {
		g.slots.urgent = append(g.slots.urgent, w)
	} else {
		g.slots.normal = append(g.slots.normal, w)
	}
	g.slots.grant()
	g.mu.Unlock()
	select {
	case <-w:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.slots.drop(w) {
		g.slots.release() // granted in the same moment
	}
	return ctx.Err()
}

// pollPatience is how long a poll leaves the reserve to others. Without an end
// a flood of checks, which may use the reserve, would keep codes from being
// polled until they have run out.
const pollPatience = 15 * time.Second

// errReserve sends a poll back to wait outside the slots. It never leaves the
// gate.
var errReserve = &Error{Class: Unreachable, Err: ErrNotAsked, Detail: "not asked: the rest of the rate is kept for others"}

// reserve is the part of the bucket that polls leave to others: what follows a
// scan must not wait for tokens that the polls before it have used up.
func (l Limits) reserve() int {
	_, burst := l.bucket()
	if burst < 2 {
		return 0
	}
	return max(1, burst/3)
}

// awaitReserve lets a poll wait until it would leave the reserve in the bucket.
// It holds no slot meanwhile, as those who may use the reserve need one.
func (g *Gate) awaitReserve(ctx context.Context, p *pass) error {
	for {
		wait := g.reserveWait(p)
		if wait <= 0 || !attempt.Sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// reserveWait is how long it takes until the bucket is full enough for a poll,
// if nobody else takes from it.
func (g *Gate) reserveWait(p *pass) time.Duration {
	now := time.Now()
	if !p.leavesReserve(now) {
		return 0
	}
	g.mu.Lock()
	reserve := g.limits.reserve()
	g.mu.Unlock()
	lacks := float64(reserve+1) - g.limiter.TokensAt(now)
	if lacks <= 0 {
		return 0
	}
	// Rounded up, so that the token is there at the end of the wait.
	ms := math.Ceil(lacks / float64(g.limiter.Limit()) * 1000)
	return min(time.Duration(ms)*time.Millisecond, p.patience.Sub(now))
}

func (p *pass) leavesReserve(now time.Time) bool { return p.poll && now.Before(p.patience) }

// takeToken takes one from the bucket. A poll does not wait for it here: where
// others were quicker, it goes back to wait without a slot.
func (g *Gate) takeToken(ctx context.Context, p *pass) *Error {
	if now := time.Now(); p.leavesReserve(now) {
		if g.reserveWait(p) > 0 || !g.limiter.AllowN(now, 1) {
			return errReserve
		}
		return nil
	}
	if err := g.limiter.Wait(ctx); err != nil {
		return notSent(p.op, err)
	}
	return nil
}

// giveBack returns what a poll holds beside its turn.
func (g *Gate) giveBack(p *pass) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.release(p)
}
