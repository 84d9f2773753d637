package engine

import (
	"context"
	"strings"
	"time"
	"unicode"
)

const (
	firstDelay = time.Second
	maxDelay   = 5 * time.Minute
	// maxSilence is the longest time that another side can ask to be left alone.
	maxSilence = time.Hour
	// hookTries is how often a row of commands is run for one content.
	hookTries = 3
	// tick is the longest single wait. Deadlines are wall-clock times, and a
	// machine that sleeps, or whose clock is set, moves them past any timer.
	tick = time.Minute
	// grace is what a try gets when the engine is to stop, settle what it gets to
	// come back once its time is up.
	grace  = 5 * time.Second
	settle = 2 * time.Second
)

// backoff is the wait after the n-th failure in a row, n from 1: 1 s, doubled
// each time up to 5 min, spread by a fifth either way so that outputs that
// failed together do not come back together. draw is in [0, 1).
func backoff(n int, draw float64) time.Duration {
	d := maxDelay
	if n <= 9 {
		d = min(maxDelay, firstDelay<<max(n-1, 0))
	}
	return time.Duration(float64(d) * (0.8 + 0.4*draw))
}

// wall drops the monotonic reading, so that comparisons see the clock that the
// ledger's times were written by.
func wall() time.Time { return time.Now().Round(0) }

// sleep waits for d and reports whether ctx is still alive then.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// clip makes one short line of a text.
func clip(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return strings.TrimSpace(text)
}

// earliest returns the earlier of two times, where zero stands for never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
