package keeper_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
)

// TestCrashLoop: a keeper that dies again and again asks the site no more than one
// that lives, whatever the interval. Codes that are out, each polled every two
// seconds, want far more than the minute allows.
func TestCrashLoop(t *testing.T) {
	const perMinute, codes = 30, 25
	for _, every := range []time.Duration{900 * time.Millisecond, 5 * time.Second, 31 * time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			keepertest.Run(t, func(c *config.Config) { c.Limits.RequestsPerMinute = perMinute }, func(h *keepertest.Fixture) {
				for i := range codes {
					_, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: fmt.Sprint("a", i)})
					if err != nil {
						h.T.Fatal(err)
					}
				}
				before := h.Site.Requests("*")
				crashes := 0
				for began := time.Now(); time.Since(began) < 2*time.Minute; crashes++ {
					time.Sleep(every)
					h.Crash()
				}
				asked := h.Site.Requests("*") - before
				most := h.Site.MostInWindow(time.Minute)
				h.T.Logf("%d crashes, %d requests in two minutes, %d in the densest minute", crashes, asked, most)
				if most > perMinute {
					h.T.Errorf("%d requests in a minute", most)
				}
				if asked < perMinute/2 {
					h.T.Errorf("only %d requests", asked)
				}
			})
		})
	}
}
