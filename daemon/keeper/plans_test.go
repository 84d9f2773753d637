package keeper_test

import (
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
)

// TestRescheduledWithoutAWrite: a reload that gives accounts another schedule writes
// nothing of them, and a crash afterwards moves none of their next checks, however
// often, and whatever came between.
func TestRescheduledWithoutAWrite(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		time.Sleep(time.Hour)
		wantNext := func(want time.Time) {
			t.Helper()
			if got := h.Account("main").NextCheckAt; got == nil || !got.Equal(want) {
				t.Errorf("the next check is at %v, want %s", got, want)
			}
		}
		revision := func() uint64 {
			r, err := h.Keeper.Store().Record("main")
			if err != nil {
				t.Fatal(err)
			}
			return r.Revision
		}
		reload := func(schedule string) time.Time {
			use(h, func(c *config.Config) { c.Check.Schedule = schedule })
			time.Sleep(time.Second)
			return *h.Account("main").NextCheckAt
		}
		before := revision()
		next := reload("@every 6h")
		if left := time.Until(next); left < 5*time.Hour || left > 6*time.Hour {
			t.Errorf("due in %s", left)
		}
		if revision() != before {
			t.Error("the account was written")
		}
		for range 3 {
			time.Sleep(time.Hour)
			h.Crash()
			wantNext(next)
		}
		next = reload("@every 5h")
		h.Crash()
		wantNext(next)
		// Two in a row, and back, of which the account writes nothing.
		reload("@every 4h")
		next = reload("@every 3h")
		time.Sleep(time.Minute)
		h.Crash()
		wantNext(next)
		time.Sleep(4 * time.Hour) // it was checked meanwhile, and goes on from there
		checked := h.Account("main").CheckedAt
		if checked == nil || !checked.After(next.Add(-time.Second)) {
			t.Errorf("checked at %v", checked)
		}
		wantNext(checked.Add(3 * time.Hour))
		h.Restart()
		wantNext(checked.Add(3 * time.Hour))
	})
}
