package attempt

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/rs/zerolog"
)

// Tick is the longest single wait for a deadline. Deadlines are wall-clock
// times, and a machine that sleeps, or whose clock is set, moves them past any
// timer.
const Tick = time.Minute

// Wall is the time without the monotonic reading, so that comparisons see the
// clock that saved times were written by.
func Wall() time.Time { return time.Now().Round(0) }

// Earlier is the earlier of two times, of which zero is none.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Later is the later of two times.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Backoff is how long to wait between tries.
type Backoff struct {
	// First is the wait after the first failure; each further one doubles it, up
	// to Most.
	First, Most time.Duration
	// MostAsked is the longest wait that the other side can ask for.
	MostAsked time.Duration
	// Spread is by which share a wait is made longer or shorter at random, so
	// that those that failed together do not come back together.
	Spread float64
	// Draw gives the numbers in [0, 1) for that; nil is the usual ones.
	Draw func() float64
}

// Delay is the wait after the n-th failure in a row, n from 1.
func (b Backoff) Delay(n int) time.Duration {
	d := Double(b.First, n, b.Most)
	if b.Spread == 0 {
		return d
	}
	draw := b.Draw
	if draw == nil {
		draw = rand.Float64
	}
	return time.Duration(float64(d) * (1 - b.Spread + 2*b.Spread*draw()))
}

// Double is the wait after the n-th failure in a row, n from 1, where each
// doubles the first one up to the most.
func Double(first time.Duration, n int, most time.Duration) time.Duration {
	d := min(first, most)
	for range n - 1 {
		if d >= most {
			break
		}
		d = min(2*d, most)
	}
	return d
}

// Asked is Delay where the other side asked to be left alone for some time.
func (b Backoff) Asked(n int, asked time.Duration) time.Duration {
	return max(b.Delay(n), min(asked, b.MostAsked))
}

// Persist repeats an operation on a store until it has worked, and reports false
// when ctx has ended before it did. What was done and is not recorded would be
// done twice, so there is no going on without it. trouble is logged once, with
// the reason.
func Persist(ctx context.Context, log zerolog.Logger, trouble string, op func() error) bool {
	return Until(ctx, Backoff{First: time.Second, Most: Tick}, op, func(n int, err error) {
		if n == 1 {
			log.Error().Str("reason", plain.Clip(err.Error(), maxReason)).Msg(trouble)
		}
	}) == nil
}

// maxReason is enough for a status and a sentence.
const maxReason = 200

// Until repeats op until it has worked, and returns nil, or until ctx has
// ended, and returns ctx's error. failed hears of each failure but one that the
// end of ctx may have caused; n counts from 1.
func Until(ctx context.Context, b Backoff, op func() error, failed func(n int, err error)) error {
	for n := 1; ; n++ {
		err := op()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		failed(n, err)
		if !Sleep(ctx, b.Delay(n)) {
			return ctx.Err()
		}
	}
}

// Sleep waits for d and reports whether ctx is still alive then.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
