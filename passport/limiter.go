package passport

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits are what the site is spared from. The zero value means the defaults.
type Limits struct {
	// PerMinute is the most requests in any minute over all accounts; 0 is 30.
	PerMinute int
	// PerAccountHour is the most requests in any hour of one account, polls of
	// a QR code apart; 0 is no such budget.
	PerAccountHour int
	// Concurrency is the most requests under way; 0 is 4.
	Concurrency int
	// Polite keeps a second between two requests of one account. Requests to
	// the site's own hosts are polite whatever it says.
	Polite bool
}

const (
	defaultPerMinute   = 30
	defaultConcurrency = 4

	politeGap    = time.Second
	budgetWindow = time.Hour
)

// LimiterOptions configure a Limiter.
type LimiterOptions struct {
	// OnChange is told when a circuit breaker opens, stays open for longer or
	// closes, so that the caller can keep it over restarts. Calls come one at a
	// time and in order, from the request that made the change; they must not
	// make a request themselves.
	OnChange func(Breaker)
	// Keep is told of what is spent before the request that spends it leaves, and
	// returns when that is kept. It may be called from any request, one at a time. Its
	// error keeps the request from leaving.
	Keep func(Spent) error
	// Full is what was kept of the minute's requests, Spent returns what was kept of an
	// account's hour.
	Full  time.Time
	Spent func(account string) []time.Time
}

// Limiter is the one place that every request passes. It keeps the rate, the
// accounts' budgets and the circuit breakers. It is safe for concurrent use and
// runs nothing of its own.
type Limiter struct {
	tokens   *rate.Limiter
	onChange func(Breaker)
	charges  charges

	// telling keeps the calls of onChange in order. It is taken before mu.
	telling sync.Mutex

	// mu guards everything below.
	mu       sync.Mutex
	limits   Limits
	slots    slots
	accounts map[string]*account
	swept    time.Time
	circuits map[string]*circuit
	changes  []Breaker
	// polls are those that wait for room beside the reserve, the longest first.
	polls []*pass
}

// NewLimiter returns a limiter with all breakers closed.
func NewLimiter(l Limits, o LimiterOptions) *Limiter {
	m := &Limiter{
		onChange: o.OnChange,
		accounts: make(map[string]*account),
		circuits: make(map[string]*circuit),
	}
	l = l.filled()
	m.tokens = rate.NewLimiter(l.bucket())
	l.restore(m.tokens, o.Full)
	m.charges.keep, m.charges.spent = o.Keep, o.Spent
	m.limits, m.slots.limit = l, l.Concurrency
	return m
}

func (l Limits) filled() Limits {
	if l.PerMinute <= 0 {
		l.PerMinute = defaultPerMinute
	}
	if l.Concurrency <= 0 {
		l.Concurrency = defaultConcurrency
	}
	return l
}

// bucket splits the minute's allowance into what may come at once and what
// flows in afterwards, so that their sum is never more than the allowance in
// any 60 s. A bucket of the full size would let nearly twice as many through.
func (l Limits) bucket() (rate.Limit, int) {
	burst := max(1, l.PerMinute/3)
	// With one a minute there is nothing left to flow in: one in 60 s it is.
	flow := max(1, l.PerMinute-burst)
	return rate.Limit(float64(flow) / 60), burst
}

// SetLimits takes effect for the requests that come next. What was spent before
// stays spent.
func (m *Limiter) SetLimits(l Limits) {
	l = l.filled()
	limit, burst := l.bucket()
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.PerMinute != m.limits.PerMinute {
		m.tokens.SetLimit(limit)
		m.tokens.SetBurst(burst)
	}
	m.limits, m.slots.limit = l, l.Concurrency
	m.slots.grant()
}

// Restore puts breakers back that were open when the program last ran. Call it
// before the first request.
func (m *Limiter) Restore(breakers []Breaker) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range breakers {
		if b.Host == "" || b.Until.IsZero() {
			continue
		}
		b.Failures = max(b.Failures, 1)
		c := &circuit{Breaker: b, epoch: 1}
		c.open(now) // an impossible Until is cut
		m.circuits[b.Host] = c
	}
}

// BlockedAt says until when the whole of a realm is left alone, and why. A zero
// time says that it may be asked. A block of one realm does not concern the other.
func (m *Limiter) BlockedAt(site Site) (until time.Time, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.circuits[site.whole()]
	if c == nil || c.open(time.Now()) == 0 {
		return time.Time{}, ""
	}
	return c.Until, c.Reason
}

// Breakers returns how each breaker stands, of the two realms and of the hosts
// that were asked.
func (m *Limiter) Breakers() []Breaker {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := []Breaker{m.circuit(wholeWeb).Breaker, m.circuit(wholeIntl).Breaker}
	for host, c := range m.circuits {
		if host != wholeWeb && host != wholeIntl {
			list = append(list, c.Breaker)
		}
	}
	return list
}

// request is what the limiter has to know of one.
type request struct {
	op, key, host string
	site          Site
	poll          bool
	urgent        bool
	polite        bool
	// forced passes an open breaker.
	forced bool
}

// pass lets one request through and comes back when it has ended.
type pass struct {
	request
	account *account
	// yields is until when a poll leaves the reserve to others.
	yields time.Time
	// epochs of the circuits when it was let through
	whole, server int
	// probes are the circuits that wait for this request's end.
	probes []*circuit
}

// enter waits until the request may go, or says why it may not. Whoever gets a
// pass must give it back with leave.
//
// The order matters: what may refuse comes before what costs. The breakers are
// asked once more after the waiting, because they may have opened meanwhile.
func (m *Limiter) enter(ctx context.Context, r request) (*pass, *Error) {
	p := &pass{request: r}
	if err := m.takeTurn(ctx, p); err != nil {
		return nil, notSent(r.op, err)
	}
	p.yields = time.Now().Add(pollYield)
	p.lineUp(m)
	defer p.stepOut(m)
	for {
		if err := m.awaitReserve(ctx, p); err != nil {
			m.endTurn(p)
			return nil, notSent(r.op, err)
		}
		if err := m.takeSlot(ctx, p.urgent); err != nil {
			m.endTurn(p)
			return nil, notSent(r.op, err)
		}
		switch e := m.admit(ctx, p); {
		case e == nil:
			if err := m.charges.charge(m, p); err != nil {
				// What a request spends, and what it brings, has nowhere to go.
				e := &Error{Op: r.op, Class: Unreachable, Scope: ScopeAccount, Err: ErrNotAsked, Detail: "not asked: " + err.Error()}
				m.leave(p, e)
				return nil, e
			}
			return p, nil
		case e == errReserve:
			m.mu.Lock()
			m.release(p)
			m.mu.Unlock()
		default:
			m.leave(p, e)
			return nil, e
		}
	}
}

func (m *Limiter) admit(ctx context.Context, p *pass) *Error {
	for {
		if e := m.passBreakers(ctx, p); e != nil {
			return e
		}
		if e := m.checkBudget(p); e != nil {
			return e
		}
		if err := m.waitGap(ctx, p); err != nil {
			return notSent(p.op, err)
		}
		if e := m.takeToken(ctx, p); e != nil {
			return e
		}
		if m.commit(p) {
			return nil
		}
	}
}

// passBreakers lets the request through where both circuits are closed. Where
// one's time has just ended, this request becomes its probe, and the others
// wait to see how it fares.
func (m *Limiter) passBreakers(ctx context.Context, p *pass) *Error {
	for {
		wait, e := m.tryBreakers(p)
		if wait == nil {
			return e
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return notSent(p.op, ctx.Err())
		}
	}
}

func (m *Limiter) tryBreakers(p *pass) (wait <-chan struct{}, e *Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	site, server := m.circuit(p.site.whole()), m.circuit(p.host)
	p.whole, p.server = site.epoch, server.epoch
	if p.forced {
		return nil, nil
	}
	for _, c := range []*circuit{site, server} {
		if left := c.open(now); left > 0 {
			return nil, c.refusal(p.op, left)
		}
	}
	// Claimed only when both let through: whoever waits for one circuit's probe
	// must not keep the other's.
	for _, c := range []*circuit{site, server} {
		if c.resting() && c.probe != nil && !p.probing(c) {
			return c.probe, nil
		}
	}
	for _, c := range []*circuit{site, server} {
		if c.resting() && c.probe == nil {
			c.probe = make(chan struct{})
			p.probes = append(p.probes, c)
		}
	}
	return nil, nil
}

func (p *pass) probing(c *circuit) bool { return slices.Contains(p.probes, c) }

// commit books the request, unless a circuit opened while it waited.
func (m *Limiter) commit(p *pass) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	site, server := m.circuit(p.site.whole()), m.circuit(p.host)
	if !p.forced && (p.whole != site.epoch || p.server != server.epoch) {
		return false
	}
	p.whole, p.server = site.epoch, server.epoch
	p.account.spend(time.Now(), !p.poll && m.limits.PerAccountHour > 0)
	return true
}

// circuit needs mu. There are as many as hosts in the endpoints, and a few more
// that a login's reply may lead to.
func (m *Limiter) circuit(host string) *circuit {
	c := m.circuits[host]
	if c == nil {
		c = &circuit{Breaker: Breaker{Host: host}}
		m.circuits[host] = c
	}
	return c
}

// leave gives the pass back with what became of the request, and sets the
// error's RetryAfter to what the breakers make of it.
func (m *Limiter) leave(p *pass, e *Error) {
	m.mu.Lock()
	if e == nil || e.Err != ErrNotAsked {
		m.judge(p, e)
	}
	m.release(p)
	m.mu.Unlock()
	m.endTurn(p)
	m.tell()
}

// release needs mu.
func (m *Limiter) release(p *pass) {
	for _, c := range p.probes {
		close(c.probe)
		c.probe = nil
	}
	p.probes = nil
	m.slots.release()
}

// judge needs mu.
func (m *Limiter) judge(p *pass, e *Error) {
	now := time.Now()
	site, server := m.circuit(p.site.whole()), m.circuit(p.host)
	switch {
	case e == nil, e.Class == Dead, e.Class == Unknown:
		m.changed(site, site.succeed(p.whole))
		m.changed(server, server.succeed(p.server))
	case e.Class == Blocked && e.Scope == ScopeSite:
		m.changed(site, site.fail(now, p.whole, e))
		e.RetryAfter = max(e.RetryAfter, site.open(now))
	case e.Class == Blocked:
		// The host answers; whether the site has forgiven is not known.
		m.changed(server, server.succeed(p.server))
	case e.Scope == ScopeHost:
		m.changed(server, server.fail(now, p.server, e))
		e.RetryAfter = max(e.RetryAfter, server.open(now))
	}
}

// changed needs mu.
func (m *Limiter) changed(c *circuit, yes bool) {
	if yes && m.onChange != nil {
		m.changes = append(m.changes, c.Breaker)
	}
}

// tell hands the changes out, in order, outside mu.
func (m *Limiter) tell() {
	if m.onChange == nil {
		return
	}
	m.telling.Lock()
	defer m.telling.Unlock()
	m.mu.Lock()
	changes := m.changes
	m.changes = nil
	m.mu.Unlock()
	for _, b := range changes {
		m.onChange(b)
	}
}

// notSent is the answer to a request that gave up waiting for its turn.
func notSent(op string, err error) *Error {
	e := &Error{
		Op: op, Class: Unreachable, Err: ErrNotAsked,
		Detail: "not asked: no room in the rate of requests before the deadline",
	}
	if errors.Is(err, context.Canceled) {
		e.Detail = "not asked: cancelled"
	}
	return e
}
