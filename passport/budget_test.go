package passport

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The gate forgets accounts that have been silent, however many there were.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewLimiter(Limits{PerMinute: 600_000, PerAccountHour: 10}, LimiterOptions{})
		ask := func(ctx context.Context, key string) {
			if p, e := g.enter(ctx, request{op: "nav", key: key, host: "h"}); e == nil {
				g.leave(p, nil)
			}
		}
		gaveUp, cancel := context.WithCancel(t.Context())
		cancel()
		for hour := range 5 {
			for i := range 1000 {
				ask(t.Context(), fmt.Sprint(hour, "/", i))
				ask(gaveUp, fmt.Sprint(hour, "/never/", i))
			}
			if n := len(g.accounts); n > 4000 {
				t.Errorf("%d accounts remembered in hour %d", n, hour)
			}
			time.Sleep(time.Hour)
		}
		time.Sleep(time.Hour)
		ask(t.Context(), "a")
		if n := len(g.accounts); n != 1 {
			t.Errorf("%d accounts remembered in the end", n)
		}
		for range 100 {
			ask(t.Context(), "a")
			time.Sleep(10 * time.Minute)
		}
		if n := len(g.accounts["a"].spent); n > 7 {
			t.Errorf("%d times remembered of one account", n)
		}
	})
}
