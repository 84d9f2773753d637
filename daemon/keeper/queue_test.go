package keeper_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/loginqueue"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// TestQueueSurvivesARestart: a place that is free when the keeper begins anew goes
// to those who waited before.
func TestQueueSurvivesARestart(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) {
		c.Check.Schedule, c.Limits.RequestsPerMinute = "CRON_TZ=UTC 0 22,6,14 * * *", 600
	}, func(h *keepertest.Fixture) {
		h.LoginTen()
		for i := range 10 {
			h.Site.Kill(int64(mid + i))
		}
		time.Sleep(11*time.Minute + 30*time.Second)
		out := func() (n int) {
			for i := range 10 {
				if h.Account(fmt.Sprintf("rec%d", i)).State == client.StateLoggingIn {
					n++
				}
			}
			return n
		}
		if n := out(); n != loginqueue.AtOnce {
			t.Fatalf("%d codes are out, want %d", n, loginqueue.AtOnce)
		}
		// While the keeper does not run, the codes that are out are scanned.
		scans := map[string]int64{}
		for i := range 10 {
			if a := h.Account(fmt.Sprintf("rec%d", i)); a.State == client.StateLoggingIn {
				l, err := h.Keeper.Logins().Get(a.LoginID)
				if err != nil {
					t.Fatal(err)
				}
				scans[l.URL] = int64(mid + i)
			}
		}
		h.Stop()
		for url, by := range scans {
			h.Scan(url, by)
		}
		h.Start()
		time.Sleep(20 * time.Second)
		if n := out(); n != loginqueue.AtOnce {
			t.Errorf("after the restart %d codes are out, want %d", n, loginqueue.AtOnce)
		}
	})
}
