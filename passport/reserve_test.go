package passport_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// polling keeps codes polled, one for each of the named accounts, until ctx
// ends.
func polling(t *testing.T, b *bench, ctx context.Context, accounts int) *sync.WaitGroup {
	t.Helper()
	var work sync.WaitGroup
	b.site.QR.SetCodeLifetime(time.Hour)
	for i := range accounts {
		d := passport.Device{Key: fmt.Sprint("login ", i)}
		code, err := web(b.client).Generate(t.Context(), d, passport.ProfileHeader)
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			for ctx.Err() == nil {
				_, _ = web(b.client).Poll(ctx, d, code)
				select {
				case <-time.After(2 * time.Second):
				case <-ctx.Done():
				}
			}
		})
	}
	return &work
}

// What follows a scan goes at once, however long the code was polled before.
func TestPollsLeaveRoom(t *testing.T) {
	for _, row := range []struct{ perMinute, logins, atOnce int }{
		{30, 1, 3}, {30, 4, 3}, {6, 1, 1}, {90, 3, 10},
	} {
		t.Run(fmt.Sprintf("%d a minute, %d logins", row.perMinute, row.logins), func(t *testing.T) {
			bubble(t, passport.Limits{PerMinute: row.perMinute}, func(t *testing.T, b *bench) {
				ctx, cancel := context.WithCancel(t.Context())
				work := polling(t, b, ctx, row.logins)
				time.Sleep(3*time.Minute + time.Millisecond)
				polls := b.site.Requests(passporttest.PathPoll)
				if least := 3 * row.perMinute / 2; polls < least && row.logins > 1 {
					t.Errorf("%d polls in 3 minutes, want at least %d", polls, least)
				}
				start := time.Now()
				for i := range row.atOnce {
					b.ask(t.Context(), fmt.Sprint("scanned ", i))
				}
				within(t, "time that these took", time.Since(start), 0, 0)
				// The reserve fills up again by itself.
				time.Sleep(3 * time.Minute)
				start = time.Now()
				for i := range row.atOnce {
					b.ask(t.Context(), fmt.Sprint("later ", i))
				}
				within(t, "time that the next took", time.Since(start), 0, 0)
				cancel()
				work.Wait()
				if most := b.site.MostInWindow(time.Minute); most > row.perMinute {
					t.Errorf("%d requests in one minute", most)
				}
			})
		})
	}
}

// A flood of checks may use the reserve, but does not keep a code from being
// polled.
func TestPollsGetThroughAFlood(t *testing.T) {
	for _, perMinute := range []int{1, 2, 5, 6, 30} {
		bubble(t, passport.Limits{PerMinute: perMinute, Concurrency: 2}, func(t *testing.T, b *bench) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
			defer cancel()
			work := polling(t, b, ctx, 1)
			for i := range 20 {
				work.Go(func() {
					for asked(b.ask(ctx, fmt.Sprint("check ", i))) {
					}
				})
			}
			work.Wait()
			// Each poll waits out its yielding and then its turn among those
			// under way.
			longest := 20*time.Second + 3*time.Minute/time.Duration(perMinute)*2
			if polls, least := b.site.Requests(passporttest.PathPoll), int(20*time.Minute/longest)-1; polls < least {
				t.Errorf("%d a minute: %d polls in 20 minutes, want at least %d", perMinute, polls, least)
			}
			if most := b.site.MostInWindow(time.Minute); most > perMinute {
				t.Errorf("%d requests in one minute, want %d at most", most, perMinute)
			}
		})
	}
}

// A poll that waits for the reserve holds no slot: those it waits for need one.
func TestWaitingPollsHoldNoSlot(t *testing.T) {
	bubble(t, passport.Limits{PerMinute: 30, Concurrency: 1}, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		work := polling(t, b, ctx, 3)
		time.Sleep(3*time.Minute + time.Millisecond)
		start := time.Now()
		b.ask(t.Context(), "scanned")
		within(t, "time that it took", time.Since(start), 0, 0)
		cancel()
		work.Wait()
		if e := b.ask(t.Context(), "after"); !asked(e) {
			t.Errorf("the limiter is stuck: %v", e)
		}
	})
}
