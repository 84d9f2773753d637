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
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
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
