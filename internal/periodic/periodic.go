// Package periodic repeats something from time to time until its context ends. What
// is repeated belongs to the caller; what is tried again because it failed is package
// attempt's, and what is due at times of its own the schedule's.
//
// Guarantees: the first time comes after one interval; times do not queue up behind
// one that takes longer; nothing is left behind when the loop ends.
package periodic

import (
	"context"
	"time"
)

// Each is ranged over: its body runs each time that an interval has passed, until
// the context ends or the body leaves the loop.
//
//	for range periodic.Each(ctx, time.Minute) {
//		look()
//	}
func Each(ctx context.Context, interval time.Duration) func(yield func() bool) {
	return func(yield func() bool) {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if !yield() {
				return
			}
		}
	}
}
