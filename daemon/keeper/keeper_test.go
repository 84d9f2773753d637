package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const (
	mid      = keepertest.Mid
	stranger = keepertest.Stranger

	pathInfo = "/x/passport-login/web/cookie/info"
	pathNav  = "/x/web-interface/nav"
)

// TestCronSchedule: fields, a zone and the account's offset.
func TestCronSchedule(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) {
		c.Check.Schedule = "CRON_TZ=Asia/Shanghai 30 4 * * *"
		c.Check.Jitter = config.Duration(30 * time.Minute)
	}, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Site.ResetLog()
		var offset time.Duration
		for day := range 5 {
			next := *h.Account("main").NextCheckAt
			planned := time.Date(next.Year(), next.Month(), next.Day(), 20, 30, 0, 0, time.UTC)
			if day == 0 {
				offset = next.Sub(planned)
				if offset < 0 || offset >= 30*time.Minute {
					t.Fatalf("the offset is %s", offset)
				}
			}
			if next.Sub(planned) != offset {
				t.Errorf("day %d: the offset is %s, was %s", day, next.Sub(planned), offset)
			}
			time.Sleep(24 * time.Hour)
		}
		h.WantRequests(pathInfo, 5)
	})
}

// TestSiteBlocksAll: one account's 412 keeps the others from asking.
func TestSiteBlocksAll(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Login("second", stranger)
		h.Site.ResetLog()
		h.Site.SetTrouble("*", passporttest.HTTP412)
		r, err := h.Keeper.Accounts().Check(context.Background(), "main", false)
		if err != nil || r.Outcome != client.CheckBlocked || !r.Asked {
			t.Fatalf("%+v, %v", r, err)
		}
		for range 10 {
			for _, name := range []string{"main", "second"} {
				if r, err = h.Keeper.Accounts().Check(context.Background(), name, false); err != nil || r.Outcome != client.CheckBlocked || r.Asked || r.Account.BlockedUntil == nil {
					t.Fatalf("%+v, %v", r, err)
				}
			}
		}
		if n := len(h.Site.Log()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		h.Restart()
		if r, _ = h.Keeper.Accounts().Check(context.Background(), "second", false); r.Asked {
			t.Error("a restart forgot that the site is to be left alone")
		}
		h.Site.SetTrouble("*", passporttest.None)
		if r, err = h.Keeper.Accounts().Check(context.Background(), "second", true); err != nil || r.Outcome != client.CheckOK {
			t.Errorf("a person who insists is told %+v, %v", r, err)
		}
	})
}

// TestManyAccounts: a restart with everything overdue does not burst.
func TestManyAccounts(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) { c.Check.Jitter = config.Duration(30 * time.Minute) }, func(h *keepertest.Fixture) {
		const n = 40
		for i := range n {
			h.Site.AddUser(int64(1000+i), fmt.Sprintf("user%d", i))
			h.Login(fmt.Sprintf("a%d", i), int64(1000+i))
		}
		h.Site.ResetLog()
		h.Stop()
		time.Sleep(10 * time.Hour)
		h.Start()
		time.Sleep(20 * time.Minute)
		h.WantRequests(pathInfo, n)
		if most := h.Site.MostInWindow(time.Minute); most > 30 {
			t.Errorf("%d requests within a minute", most)
		}
	})
}

// TestForget removes the account, its secrets and its goroutine.
func TestForget(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		if err := h.Keeper.Accounts().Forget(context.Background(), "main"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Keeper.Accounts().Get("main"); !errors.Is(err, &client.Problem{Type: client.ProblemNoAccount}) {
			t.Errorf("after forgetting: %v", err)
		}
		h.Site.ResetLog()
		h.Restart()
		time.Sleep(48 * time.Hour)
		if n := len(h.Site.Log()); n != 0 {
			t.Errorf("%d requests for a forgotten account", n)
		}
		if len(h.Keeper.Accounts().Status().Accounts) != 0 {
			t.Error("it came back")
		}
	})
}
