package keeper_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// TestAccountsAtRest: an account that nothing is done for has no goroutine, and is
// all there when something is.
func TestAccountsAtRest(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		count := func(from, to int) int {
			for i := from; i < to; i++ {
				h.Login(fmt.Sprint("a", i), keepertest.Mid)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			return runtime.NumGoroutine()
		}
		// One or two come and go with what the process does; nine accounts more would show.
		const others = 3
		few := count(0, 3)
		if many := count(3, 12); many > few+others {
			t.Errorf("3 accounts take %d goroutines, 12 take %d", few, many)
		}
		before, err := h.Keeper.Credentials().Get("a7", false)
		if err != nil {
			t.Fatal(err)
		}
		h.Restart()
		if few := runtime.NumGoroutine(); few > count(0, 0)+others {
			t.Error("a start leaves goroutines behind")
		}
		if after, err := h.Keeper.Credentials().Get("a7", false); err != nil || !slices.Equal(after.Cookies, before.Cookies) || !after.RefreshToken.Equal(before.RefreshToken) || after.UserAgent != before.UserAgent {
			t.Errorf("the credential came back as another, %v", err)
		}
		if got, err := h.Keeper.Accounts().Check(context.Background(), "a7", true); err != nil || got.Outcome != client.CheckOK {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestManyDueAtOnce: of many accounts that are due at once few are at work, since the
// site is asked slowly; all are checked, once each, whoever is asked about, forgotten or
// restarted meanwhile. One that goes another way to the site does not wait for them.
func TestManyDueAtOnce(t *testing.T) {
	const accounts, perMinute = 400, 60
	change := func(c *config.Config) {
		c.Check.Schedule, c.Limits.RequestsPerMinute = "CRON_TZ=UTC 0 6 * * *", perMinute
		c.Accounts = []config.Account{{Name: "a200", Proxy: "http://proxy.invalid:8080"}}
	}
	keepertest.Run(t, change, func(h *keepertest.Fixture) {
		name := func(i int) string { return fmt.Sprintf("a%03d", i) }
		for i := range accounts {
			mid := keepertest.Mid + int64(i)
			h.Site.AddUser(mid, name(i))
			var pairs []string
			for _, line := range h.Site.Accounts.Grant(mid) {
				pair, _, _ := strings.Cut(line, ";")
				pairs = append(pairs, pair)
			}
			if _, err := h.Keeper.Accounts().Import(h.T.Context(), client.ImportRequest{Account: name(i), Data: strings.Join(pairs, "; ")}); err != nil {
				h.T.Fatal(err)
			}
		}
		synctest.Wait()
		atRest := runtime.NumGoroutine()
		due := time.Now().Truncate(24 * time.Hour).Add(6 * time.Hour)
		h.Site.ResetLog()
		time.Sleep(time.Until(due) + time.Second)
		if a := h.Keeper.Record("a200"); a.CheckedAt.Before(due) {
			h.T.Error("whoever goes another way to the site waits as well")
		}
		time.Sleep(time.Minute)
		if n := runtime.NumGoroutine() - atRest; n > accounts/10 {
			h.T.Errorf("%d goroutines more, of %d accounts that are due", n, accounts)
		}
		checked := func() (n int) {
			for i := range accounts {
				if a := h.Keeper.Record(name(i)); a != nil && !a.CheckedAt.Before(due) {
					n++
				}
			}
			return n
		}
		if n := checked(); n == 0 || n > 2*perMinute {
			h.T.Errorf("%d were checked in the first minute, of %d requests that are allowed", n, perMinute)
		}
		begun := time.Now()
		for _, last := range []int{accounts - 1, accounts - 2} {
			if got, err := h.Keeper.Accounts().Check(h.T.Context(), name(last), true); err != nil || got.Outcome != client.CheckOK {
				h.T.Errorf("%+v, %v", got, err)
			}
		}
		if took := time.Since(begun); took > 20*time.Second {
			h.T.Errorf("who asks waits %v for those that are due", took)
		}
		if err := h.Keeper.Accounts().Forget(h.T.Context(), name(accounts-3)); err != nil {
			h.T.Error(err)
		}
		h.Restart()
		time.Sleep(2 * accounts / perMinute * time.Minute)
		if n := checked(); n != accounts-1 {
			h.T.Errorf("%d accounts of %d were checked", n, accounts-1)
		}
		h.WantRequests(passporttest.PathCookieInfo, accounts-1)
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > atRest+3 {
			h.T.Errorf("%d goroutines at rest, %d afterwards", atRest, n)
		}
	})
}

// TestUnreadableSecrets: an account whose secrets mean nothing to this program is left
// alone and told of, and keeps no other down.
func TestUnreadableSecrets(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		for name, value := range map[string]string{
			"early": `{"account":7}`,
			"late":  `{"account":{"name":"late","site":"web","base":"valid","generation":1},"device":{"user_agent":7}}`,
		} {
			err := h.Vault.Update(func(tx vault.Tx) error {
				_, err := tx.Put("account", name, []byte(value), 0)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		h.Restart()
		if _, err := h.Keeper.Credentials().Get("main", false); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"early", "late"} {
			if _, err := h.Keeper.Credentials().Get(name, false); err == nil {
				t.Errorf("%s has a credential", name)
			}
			if _, err := h.Keeper.Accounts().Check(context.Background(), name, true); err == nil {
				t.Errorf("%s was checked", name)
			}
		}
		told := h.Keeper.Problems().Sentences()
		for _, name := range []string{"early", "late"} {
			if !slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, "account "+name) }) {
				t.Errorf("nobody is told of %s: %q", name, told)
			}
		}
	})
}
