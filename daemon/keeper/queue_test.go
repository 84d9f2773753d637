package keeper_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/loginqueue"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestQueueSurvivesARestart: a place that is free when the keeper begins anew goes
// to those who waited before.
func TestQueueSurvivesARestart(t *testing.T) {
	manyDead(t, func(h *keepertest.Fixture, out func() int) {
		// While the keeper does not run, the codes that are out are scanned.
		scans := codesOut(h)
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

// TestARefusedCodeGivesThePlaceAway: where the site has no code for the account whose
// turn it is, the next one in the queue comes at once.
func TestARefusedCodeGivesThePlaceAway(t *testing.T) {
	manyDead(t, func(h *keepertest.Fixture, out func() int) {
		asked := h.Site.Requests(passporttest.PathGenerate)
		h.Site.SetTroubleFor(passporttest.PathGenerate, passporttest.HTTP502, 1)
		for url, by := range codesOut(h) {
			h.Scan(url, by)
			break
		}
		time.Sleep(20 * time.Second)
		if n := h.Site.Requests(passporttest.PathGenerate) - asked; n != 2 {
			t.Errorf("%d codes were asked for, want one that is refused and one more", n)
		}
		if n := out(); n != loginqueue.AtOnce {
			t.Errorf("%d codes are out, want %d", n, loginqueue.AtOnce)
		}
	})
}

// manyDead runs a test from when ten accounts' sessions have been found dead: as
// many codes are out as may be, and the other accounts wait in the queue.
func manyDead(t *testing.T, test func(h *keepertest.Fixture, out func() int)) {
	keepertest.Run(t, func(c *config.Config) {
		c.Check.Schedule, c.Limits.RequestsPerMinute = "CRON_TZ=UTC 0 22,6,14 * * *", 600
	}, func(h *keepertest.Fixture) {
		h.LoginTen()
		for i := range 10 {
			h.Site.Kill(int64(mid + i))
		}
		time.Sleep(11*time.Minute + 30*time.Second)
		out := func() int { return len(codesOut(h)) }
		if n := out(); n != loginqueue.AtOnce {
			t.Fatalf("%d codes are out, want %d", n, loginqueue.AtOnce)
		}
		test(h, out)
	})
}

// codesOut are the codes of the ten accounts that are out, and who is to scan each.
func codesOut(h *keepertest.Fixture) map[string]int64 {
	scans := map[string]int64{}
	for i := range 10 {
		if a := h.Account(fmt.Sprintf("rec%d", i)); a.State == client.StateLoggingIn {
			l, err := h.Keeper.Logins().Get(a.LoginID)
			if err != nil {
				h.T.Fatal(err)
			}
			scans[l.URL] = int64(mid + i)
		}
	}
	return scans
}
