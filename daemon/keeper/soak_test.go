package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestMonth: thirty days of many accounts and of a site that is troubled at random,
// with people who scan what is shown to them within the hour. In the end every account
// lives, the site was asked no more than it may be, and nothing has grown.
func TestMonth(t *testing.T) {
	const perMinute, days = 60, 30
	keepertest.Run(t, func(c *config.Config) { c.Limits.RequestsPerMinute = perMinute }, func(h *keepertest.Fixture) {
		random := rand.New(rand.NewPCG(1, 2))
		mids := map[string]int64{}
		for i := range soakAccounts {
			name := fmt.Sprintf("a%04d", i)
			mids[name] = int64(500_000_000 + i)
			h.Site.Accounts.AddUser(mids[name], name)
			h.Login(name, mids[name])
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		goroutines, size := runtime.NumGoroutine(), int64(0)
		for hour := range days * 24 {
			if hour == 24*7 { // the journal is as long as it gets
				size = sizeOf(t, h)
			}
			if hour < (days-2)*24 {
				trouble(h, random, mids)
			}
			time.Sleep(time.Hour)
			scanAll(h, mids)
		}
		synctest.Wait()
		for name := range mids {
			if a := h.Account(name); a.State != client.StateValid || a.Failures > 0 {
				t.Errorf("%s is %s, %s", name, a.State, a.Detail)
			}
		}
		if most := h.Site.MostInWindow(time.Minute); most > perMinute {
			t.Errorf("%d requests in a minute", most)
		}
		if now := runtime.NumGoroutine(); now > goroutines {
			t.Errorf("%d goroutines were there, %d are now", goroutines, now)
		}
		if now := sizeOf(t, h); now > 2*size {
			t.Errorf("the vault has grown from %d to %d bytes", size, now)
		}
		if p := h.Keeper.Problems().Sentences(); len(p) > 0 {
			t.Errorf("the keeper has problems: %q", p)
		}
	})
}

// trouble lets something go wrong now and then: a path of the site, or a session.
func trouble(h *keepertest.Fixture, random *rand.Rand, mids map[string]int64) {
	switch random.IntN(6) {
	case 0:
		paths := []string{passporttest.PathCookieInfo, passporttest.PathNav, passporttest.PathRefresh, passporttest.PathConfirm, "*"}
		all := passporttest.Troubles()
		h.Site.SetTroubleFor(paths[random.IntN(len(paths))], all[random.IntN(len(all))], 1+random.IntN(5))
	case 1:
		mid := mids[fmt.Sprintf("a%04d", random.IntN(len(mids)))]
		h.Site.Kill(mid)
	case 2:
		h.Site.Refresh.SetDue(mids[fmt.Sprintf("a%04d", random.IntN(len(mids)))], true)
	}
}

// scanAll is the people who scan the codes that wait for them.
func scanAll(h *keepertest.Fixture, mids map[string]int64) {
	for _, r := range h.Keeper.Records() {
		if !r.Login.Active() {
			continue
		}
		l, err := h.Keeper.Logins().Get(r.Login.ID)
		if err != nil || l.URL == "" {
			continue
		}
		// A code may run out just now, as codes do.
		_ = errors.Join(h.Site.QR.Scan(l.URL, mids[r.Name]), h.Site.QR.Confirm(l.URL, mids[r.Name]))
		time.Sleep(10 * time.Second)
	}
	for name := range mids {
		if a := h.Account(name); a.State == client.StateNeedsLogin {
			if l, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: name}); err == nil {
				_ = errors.Join(h.Site.QR.Scan(l.URL, mids[name]), h.Site.QR.Confirm(l.URL, mids[name]))
				time.Sleep(10 * time.Second)
			}
		}
	}
}

func sizeOf(t *testing.T, h *keepertest.Fixture) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(h.Dir, "vault.db"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
