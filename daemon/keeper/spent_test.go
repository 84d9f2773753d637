package keeper_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// insist checks "main" at a host until the site is not asked any more, and returns how
// often it was.
func insist(t *testing.T, h *keepertest.Host) int {
	t.Helper()
	before := h.Asked("")
	for last := -1; last != h.Asked(""); {
		last = h.Asked("")
		if _, err := h.Keeper.Accounts().Check(context.Background(), "main", true); err != nil {
			t.Fatal(err)
		}
	}
	return h.Asked("") - before
}

// real has the site's own names asked for, of which an account's hour is bounded.
func real(c *config.Config) { c.Endpoints = config.Endpoints{} }

// realHosts runs a test with two hosts, of which "a" owns "main".
func realHosts(t *testing.T, test func(all *keepertest.Hosts, a, b *keepertest.Host)) {
	t.Helper()
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		time.Sleep(2 * time.Hour)
		test(all, a, b)
	}, real)
}

// TestBudgetTravels: an account's hour is the same on every host that it comes to; the
// minute is each host's own.
func TestBudgetTravels(t *testing.T) {
	realHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		hour := insist(t, a)
		if hour < 50 || hour > 60 {
			t.Fatalf("%d requests in an hour", hour)
		}
		for _, to := range []*keepertest.Host{b, a, b} {
			all.Move("main", to.Name)
			if n := insist(t, to); n != 0 {
				t.Errorf("%d more at %s", n, to.Name)
			}
		}
		begun, before := time.Now(), b.Asked("")
		all.Site.AddUser(9000, "other")
		all.Move("other", "b")
		if _, err := b.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "other"}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 5*time.Second || b.Asked("") == before {
			t.Errorf("another account waited for %v at the other host", took)
		}
		time.Sleep(time.Hour)
		if n := insist(t, b); n != hour {
			t.Errorf("%d an hour later", n)
		}
	})
}

// TestUncountedIsNotAsked: what the others would not learn of does not leave.
func TestUncountedIsNotAsked(t *testing.T) {
	realHosts(t, func(all *keepertest.Hosts, a, _ *keepertest.Host) {
		before := a.Asked("")
		a.Away(vault.ErrUnavailable)
		_, _ = a.Keeper.Accounts().Check(context.Background(), "main", true)
		a.Away(nil)
		if n := a.Asked("") - before; n != 0 {
			t.Errorf("%d requests left", n)
		}
	})
}

// TestBreakersAmongHosts: that the site refuses a host's address concerns that host alone;
// what it asked for an account concerns every host.
func TestBreakersAmongHosts(t *testing.T) {
	realHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		a.Refuse(true)
		if r, err := a.Keeper.Accounts().Check(context.Background(), "main", true); err != nil || r.Outcome != client.CheckBlocked {
			t.Fatalf("%+v, %v", r, err)
		}
		all.Move("main", "b")
		time.Sleep(2 * time.Minute)
		if got := account(t, b); *got.LastCheck != client.CheckOK || b.Asked(passporttest.PathCookieInfo) != 1 {
			t.Errorf("at the other host: %+v", got)
		}
		asked := a.Asked("")
		all.Move("main", "a") // where the address is still refused
		_, _ = a.Keeper.Accounts().Check(context.Background(), "main", false)
		if n := a.Asked("") - asked; n != 0 {
			t.Errorf("%d requests by the host that is to be silent", n)
		}
		all.Move("main", "b")
		all.Site.SetTrouble(passporttest.PathCookieInfo, passporttest.Code352)
		if r, err := b.Keeper.Accounts().Check(context.Background(), "main", true); err != nil || r.Outcome != client.CheckBlocked {
			t.Fatalf("%+v, %v", r, err)
		}
		all.End("a")
		a = all.Start("a") // its address is fine again
		all.Move("main", "a")
		time.Sleep(50 * time.Minute)
		if n := a.Asked(""); n != 0 {
			t.Errorf("%d requests for an account that is to be left alone", n)
		}
	})
}

// TestSpentOfEarlierVersion: what an earlier program kept, the minute beside the accounts
// and an hour for each way, holds.
func TestSpentOfEarlierVersion(t *testing.T) {
	const proxy = "http://one.invalid:3128"
	keepertest.Run(t, func(c *config.Config) {
		real(c)
		c.Accounts = []config.Account{{Name: "side", Proxy: proxy}}
	}, func(h *keepertest.Fixture) {
		newProxies(h)
		h.Login("main", keepertest.Mid)
		h.Login("side", keepertest.Stranger)
		time.Sleep(2 * time.Hour)
		sum := sha256.Sum256([]byte(proxy))
		way := hex.EncodeToString(sum[:8]) + " "
		full := []time.Time{}
		for range 60 {
			full = append(full, time.Now())
		}
		h.Stop()
		v, err := vault.Open(vault.Options{Path: filepath.Join(h.Dir, "vault.db"), KeyFile: filepath.Join(h.Dir, "vault.key")})
		if err != nil {
			t.Fatal(err)
		}
		st := store.New(v)
		err = errors.Join(st.Drop(store.KindRate, "rate"), st.Drop(store.KindRate, way+"rate"), st.Drop(store.KindSpent, " side"), st.Keep(
			store.Small{Kind: store.KindSpent, Key: "rate", Value: time.Now().Add(time.Minute)},
			store.Small{Kind: store.KindSpent, Key: " main", Value: full},
			store.Small{Kind: store.KindSpent, Key: way + " side", Value: full},
		), v.Close())
		if err != nil {
			t.Fatal(err)
		}
		h.Start()
		before := h.Site.Requests(passporttest.Any)
		for _, name := range []string{"main", "side"} {
			if r := check(h, name); r.Outcome != client.CheckBlocked {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if n := h.Site.Requests(passporttest.Any) - before; n != 0 {
			t.Errorf("%d requests beyond the hour", n)
		}
		begun := time.Now()
		if _, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "new"}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 10*time.Second {
			t.Errorf("the minute was forgotten: %v", took)
		}
	})
}

// TestSpentOfEarlierVersionOnce: what an earlier program kept of a way counts once, also
// when it has been written among what came since.
func TestSpentOfEarlierVersionOnce(t *testing.T) {
	const proxy = "http://one.invalid:3128"
	keepertest.Run(t, func(c *config.Config) {
		real(c)
		c.Accounts = []config.Account{{Name: "side", Proxy: proxy}}
	}, func(h *keepertest.Fixture) {
		newProxies(h)
		h.Login("side", keepertest.Stranger)
		time.Sleep(2 * time.Hour)
		sum := sha256.Sum256([]byte(proxy))
		earlier := []time.Time{}
		for i := range 20 {
			earlier = append(earlier, time.Now().Add(time.Duration(i-20)*time.Second))
		}
		err := h.Keeper.Store().Keep(store.Small{Kind: store.KindSpent, Key: hex.EncodeToString(sum[:8]) + "  side", Value: earlier})
		if err != nil {
			t.Fatal(err)
		}
		h.Restart()
		begun := h.Site.Requests(passporttest.Any)
		check(h, "side")
		h.Restart()
		for range 60 {
			check(h, "side")
		}
		if n := h.Site.Requests(passporttest.Any) - begun; n < 30 || n > 40 {
			t.Errorf("%d requests in what 20 have left of an hour", n)
		}
	})
}

// TestAnotherWayIsNoNewHour: an account that a reload puts on another way has what is left
// of its hour there, and back again.
func TestAnotherWayIsNoNewHour(t *testing.T) {
	keepertest.Run(t, real, func(h *keepertest.Fixture) {
		newProxies(h)
		h.Login("main", keepertest.Mid)
		time.Sleep(2 * time.Hour)
		use := func(list ...config.Account) {
			h.Config.Accounts = list
			next, err := keeper.NewSettings(h.Config)
			if err != nil {
				t.Fatal(err)
			}
			h.Keeper.Use(next)
		}
		begun := h.Site.Requests(passporttest.Any)
		for i := range 90 {
			if i%10 == 0 {
				use([][]config.Account{nil, {{Name: "main", Proxy: "http://one.invalid:3128"}}, {{Name: "main", Proxy: "http://two.invalid:3128"}}}[i/10%3]...)
			}
			check(h, "main")
		}
		if n := h.Site.Requests(passporttest.Any) - begun; n > 60 || n < 30 {
			t.Errorf("%d requests in an hour", n)
		}
	})
}
