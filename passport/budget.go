package passport

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// account is what the limiter remembers of one Device.Key. All but turn is guarded
// by the limiter's mutex.
type account struct {
	// turn holds one token: whoever takes it has a request under way.
	turn chan struct{}
	// users are those who wait for the turn or hold it.
	users int
	last  time.Time
	// spent are the times of the last hour's requests, oldest first.
	spent []time.Time
	// kept are the times that were charged to it, some of them ahead: lease more
	// requests may be made until leased.
	kept   []time.Time
	lease  int
	leased time.Time
	// stale is true where it is to be read anew once nobody uses it.
	stale bool
}

// takeTurn waits until no other request of the account is under way.
func (m *Limiter) takeTurn(ctx context.Context, p *pass) error {
	now := time.Now()
	m.mu.Lock()
	m.sweep(now)
	a := m.accounts[p.key]
	if a == nil {
		m.mu.Unlock()
		back := m.charges.restored(p.key, now)
		m.mu.Lock()
		if a = m.accounts[p.key]; a == nil { // nobody else was faster
			a = back
			m.accounts[p.key] = a
		}
	}
	a.users++
	p.account = a
	m.mu.Unlock()
	if ctx.Err() == nil {
		select {
		case <-a.turn:
			return nil
		case <-ctx.Done():
		}
	}
	m.mu.Lock()
	a.left(m, p.key, 1)
	m.mu.Unlock()
	return ctx.Err()
}

// ForgetSpent has what was spent for an account read anew at its next request: somebody
// else may have asked meanwhile.
func ForgetSpent(m *Limiter, account string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.accounts[account]; a != nil {
		a.stale = true
		a.left(m, account, 0)
	}
}

// left counts out users, and forgets what is to be read anew. It needs the limiter's mu.
func (a *account) left(m *Limiter, key string, users int) {
	if a.users -= users; a.users == 0 && a.stale && m.accounts[key] == a {
		delete(m.accounts, key)
	}
}

func (m *Limiter) endTurn(p *pass) {
	m.mu.Lock()
	p.account.left(m, p.key, 1)
	m.mu.Unlock()
	p.account.turn <- struct{}{}
}

// sweep forgets accounts that have been silent for an hour; it looks at them
// all, so once an hour is enough. It needs mu.
func (m *Limiter) sweep(now time.Time) {
	if now.Sub(m.swept) < budgetWindow {
		return
	}
	m.swept = now
	for key, a := range m.accounts {
		if a.users == 0 && now.Sub(a.last) >= budgetWindow {
			delete(m.accounts, key)
		}
	}
}

// checkBudget refuses where the account's hour is full. Nothing is booked yet;
// as the account's turn is held, nobody else can book before commit does.
func (m *Limiter) checkBudget(p *pass) *Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	limit := m.limits.PerAccountHour
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

// spend needs the limiter's mu.
func (a *account) spend(now time.Time, counted bool) {
	a.last = now
	if counted {
		a.forget(now)
		a.spent = append(a.spent, now)
	}
}

// waitGap keeps two requests of one account apart.
func (m *Limiter) waitGap(ctx context.Context, p *pass) error {
	m.mu.Lock()
	polite := p.polite || m.limits.Polite
	wait := time.Until(p.account.last.Add(politeGap))
	m.mu.Unlock()
	if !polite || wait <= 0 {
		return nil
	}
	attempt.Sleep(ctx, wait)
	return ctx.Err()
}

// slots bounds the requests under way. The limiter's mutex guards it. Its limit
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

func (m *Limiter) takeSlot(ctx context.Context, urgent bool) error {
	w := make(chan struct{})
	m.mu.Lock()
	if urgent {
		m.slots.urgent = append(m.slots.urgent, w)
	} else {
		m.slots.normal = append(m.slots.normal, w)
	}
	m.slots.grant()
	m.mu.Unlock()
	select {
	case <-w:
		return nil
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.slots.drop(w) {
		m.slots.release() // granted in the same moment
	}
	return ctx.Err()
}

// pollYield is how long a poll leaves the reserve to others. Without an end
// a flood of checks, which may use the reserve, would keep codes from being
// polled until they have run out.
const pollYield = 15 * time.Second

// errReserve sends a poll back to wait outside the slots. It never leaves the
// limiter.
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
func (m *Limiter) awaitReserve(ctx context.Context, p *pass) error {
	for {
		wait := m.reserveWait(p)
		if wait <= 0 || !attempt.Sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// reserveWait is how long it takes until the bucket is full enough for a poll,
// if nobody else takes from it.
func (m *Limiter) reserveWait(p *pass) time.Duration {
	now := time.Now()
	if !p.leavesReserve(now) {
		return 0
	}
	m.mu.Lock()
	lacks := p.lacks(m, now)
	m.mu.Unlock()
	if lacks <= 0 {
		return 0
	}
	// Rounded up, so that the token is there at the end of the wait.
	ms := math.Ceil(lacks / float64(m.tokens.Limit()) * 1000)
	return min(time.Duration(ms)*time.Millisecond, p.yields.Sub(now))
}

// lacks is how many tokens a poll still has to wait for. Those that wait have their
// turns in the order in which they came, or one of them might wait for so long that
// it need not leave the reserve any more. It needs the limiter's mu.
func (p *pass) lacks(m *Limiter, now time.Time) float64 {
	before := slices.Index(m.polls, p)
	return float64(m.limits.reserve()+1+max(before, 0)) - m.tokens.TokensAt(now)
}

// lineUp and stepOut are the beginning and the end of a poll's wait.
func (p *pass) lineUp(m *Limiter) {
	if !p.poll {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.polls = append(m.polls, p)
}

func (p *pass) stepOut(m *Limiter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.polls, p); i >= 0 {
		m.polls = slices.Delete(m.polls, i, i+1)
	}
}

func (p *pass) leavesReserve(now time.Time) bool { return p.poll && now.Before(p.yields) }

// takeToken takes one from the bucket. A poll does not wait for it here: where
// others were quicker, it goes back to wait without a slot.
func (m *Limiter) takeToken(ctx context.Context, p *pass) *Error {
	if now := time.Now(); p.leavesReserve(now) {
		m.mu.Lock()
		defer m.mu.Unlock()
		// Looked at and taken in one step: two polls that both see the last token
		// beside the reserve would take one of the reserve.
		if p.lacks(m, now) > 0 || !m.tokens.AllowN(now, 1) {
			return errReserve
		}
		return nil
	}
	if err := m.tokens.Wait(ctx); err != nil {
		return notSent(p.op, err)
	}
	return nil
}
