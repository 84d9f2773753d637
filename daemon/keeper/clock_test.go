package keeper_test

import (
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// TestStartAfterAWrongClock: times that a clock which was years ahead left in the
// vault are brought within bounds at the start, and nothing is silent until they
// come.
func TestStartAfterAWrongClock(t *testing.T) {
	for _, years := range []int{1, 10} {
		keepertest.Run(t, nil, func(h *keepertest.Fixture) {
			h.Login("main", mid)
			h.Kill()
			time.Sleep(30 * time.Minute) // the codes are used up
			h.WantState(client.StateNeedsLogin)
			r, err := h.Keeper.Store().Record("main")
			if err != nil {
				t.Fatal(err)
			}
			future := *r
			incident := *r.Incident
			future.Incident = &incident
			future.Incident.NextAttempt = incident.NextAttempt.AddDate(years, 0, 0)
			future.BlockedUntil = time.Now().AddDate(years, 0, 0)
			if err := h.Keeper.Store().Save(&future, store.Of("main"), func() {}); err != nil {
				t.Fatal(err)
			}
			before := len(h.Events(client.EventLoginCode))
			h.Restart()
			if a := h.Account("main"); a.Next == nil || time.Until(a.Next.At) > 31*time.Hour || a.BlockedUntil != nil && time.Until(*a.BlockedUntil) > 31*time.Hour {
				t.Fatalf("%d years: %+v, next %+v", years, a, a.Next)
			}
			time.Sleep(31 * time.Hour)
			if n := len(h.Events(client.EventLoginCode)); n == before {
				t.Errorf("%d years: no code came", years)
			}
		})
	}
}
