package passport

import (
	"context"
	"math"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

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
