package keeper_test

import (
	"context"
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

// twoHosts runs a test with two hosts, of which the first owns "main", which is logged
// in.
func twoHosts(t *testing.T, test func(all *keepertest.Hosts, a, b *keepertest.Host), change ...func(c *config.Config)) {
	t.Helper()
	keepertest.RunHosts(t, []string{"a", "b"}, func(all *keepertest.Hosts) {
		a, b := all.Host("a"), all.Host("b")
		all.Move("main", "a")
		a.Login("main", mid)
		test(all, a, b)
	}, change...)
}

func sessdata(t *testing.T, h *keepertest.Host) string {
	t.Helper()
	c, err := h.Keeper.Credentials().Get("main", true)
	if err != nil {
		t.Fatal(err)
	}
	return c.Value("SESSDATA")
}

func account(t *testing.T, h *keepertest.Host) client.Account {
	t.Helper()
	got, err := h.Keeper.Accounts().Get("main")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestOthersAreFollowed: what the owner commits is seen by every host at once, and read
// once; the others ask the site nothing.
func TestOthersAreFollowed(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		if got := account(t, b); got.State != client.StateValid || got.Generation != 1 || got.Host != "a" || !all.Site.Alive(sessdata(t, b)) {
			t.Fatalf("at the other host: %+v", got)
		}
		a.Reads()
		b.Reads()
		woken := b.Keeper.Credentials().Changed("main")
		before := b.Keeper.Record("main").Revision
		result, err := a.Keeper.Accounts().Refresh(context.Background(), "main", true)
		if err != nil || result.Outcome != client.RefreshDone {
			t.Fatalf("%+v, %v", result, err)
		}
		synctest.Wait()
		select {
		case <-woken:
		default:
			t.Error("who waits at the other host is not woken")
		}
		if sessdata(t, a) != sessdata(t, b) || account(t, b).Generation != 2 || b.Keeper.Record("main").Revision <= before {
			t.Errorf("the other host has %+v", account(t, b))
		}
		if n := a.Reads(); n != 0 {
			t.Errorf("the owner read %d times what it wrote", n)
		}
		if n := b.Reads(); n == 0 || n > 12 {
			t.Errorf("the other read %d times", n)
		}
		time.Sleep(24 * time.Hour)
		if n := b.Asked(""); n != 0 {
			t.Errorf("%d requests by a host that owns nothing", n)
		}
		if err := a.Keeper.Accounts().Forget(context.Background(), "main"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r := b.Keeper.Record("main"); r != nil || b.Keeper.Count() != 0 {
			t.Errorf("%+v is left", r)
		}
	})
}

// TestNotTheOwner: an account that another host owns is not worked on, and who asks for
// it is told.
func TestNotTheOwner(t *testing.T) {
	twoHosts(t, func(_ *keepertest.Hosts, _, b *keepertest.Host) {
		_, err := b.Keeper.Accounts().Check(context.Background(), "main", true)
		wantProblem(t, err, client.ProblemElsewhere)
		_, err = b.Keeper.Accounts().Refresh(context.Background(), "main", true)
		wantProblem(t, err, client.ProblemElsewhere)
		wantProblem(t, b.Keeper.Accounts().Forget(context.Background(), "main"), client.ProblemElsewhere)
		if n := b.Asked(""); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func wantProblem(t *testing.T, err error, kind string) {
	t.Helper()
	if p, ok := err.(*client.Problem); !ok || p.Type != kind {
		t.Errorf("got %v, want %s", err, kind)
	}
}

// TestGained: the host that an account goes to goes on with it as after a restart: the
// check at its time, the login in progress with its code.
func TestGained(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		time.Sleep(4 * time.Hour)
		all.Move("main", "b")
		checks := a.Asked(passporttest.PathCookieInfo)
		time.Sleep(4*time.Hour + time.Minute)
		if n := b.Asked(passporttest.PathCookieInfo); n != 1 || a.Asked(passporttest.PathCookieInfo) != checks {
			t.Errorf("%d checks by the new owner", n)
		}
		all.Site.Kill(mid)
		time.Sleep(8*time.Hour + 10*time.Second)
		time.Sleep(time.Minute)
		if got := account(t, a); got.State != client.StateLoggingIn || got.LoginID == "" {
			t.Fatalf("%+v", got)
		}
		id := account(t, b).LoginID
		all.Move("main", "a")
		l, err := a.Keeper.Logins().Get(id)
		if err != nil || l.URL == "" {
			t.Fatalf("%+v, %v", l, err)
		}
		all.Scan(l.URL, mid)
		time.Sleep(20 * time.Second)
		if got := account(t, b); got.State != client.StateValid || got.Generation != 2 || !all.Site.Alive(sessdata(t, b)) {
			t.Errorf("%+v", got)
		}
	})
}

// TestShortLease: nothing is asked with less lease left than it may take.
func TestShortLease(t *testing.T) {
	twoHosts(t, func(_ *keepertest.Hosts, a, _ *keepertest.Host) {
		asked := a.Asked("")
		a.Lease(5 * time.Second)
		time.Sleep(9 * time.Hour)
		_, err := a.Keeper.Accounts().Refresh(context.Background(), "main", true)
		wantProblem(t, err, client.ProblemHostAway)
		if n := a.Asked("") - asked; n != 0 {
			t.Errorf("%d requests", n)
		}
		if s := a.Keeper.Problems().Sentences(); len(s) > 0 {
			t.Errorf("it is told as a trouble: %q", s)
		}
		a.Lease(15 * time.Second)
		time.Sleep(5 * time.Second)
		if n := a.Asked(passporttest.PathCookieInfo); n == 0 || account(t, a).CheckedAt.Before(time.Now().Add(-10*time.Second)) {
			t.Errorf("%d checks after the lease is back", n)
		}
	})
}

// TestLostInTheMiddle: a request under way is cut, and nothing is written or asked any
// more.
func TestLostInTheMiddle(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		held := false
		all.OnRequest(func(h *keepertest.Host, path string, over bool) {
			if h == a && path == passporttest.PathCookieInfo && !over && !held {
				held = true
				all.Move("main", "")
			}
		})
		before := a.Keeper.Record("main").Revision
		asked := a.Asked("")
		_, err := a.Keeper.Accounts().Check(context.Background(), "main", true)
		wantProblem(t, err, client.ProblemHostAway)
		time.Sleep(24 * time.Hour)
		if !held || a.Asked("") != asked || a.Keeper.Record("main").Revision != before {
			t.Errorf("%d requests after the account went, %+v", a.Asked("")-asked, account(t, a))
		}
		if s := a.Keeper.Problems().Sentences(); len(s) > 0 {
			t.Errorf("it is told as a trouble: %q", s)
		}
		all.Move("main", "b")
		time.Sleep(time.Minute)
		if got := account(t, a); b.Asked("") == 0 || got.State != client.StateValid || *got.LastCheck != client.CheckOK {
			t.Errorf("%+v", got)
		}
	})
}

// TestNoPart: a host that has no part in the cluster says so, does nothing, and hands
// out what it has.
func TestNoPart(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, _ *keepertest.Host) {
		asked := a.Asked("")
		a.Lease(0)
		a.Away(vault.ErrUnavailable)
		time.Sleep(9 * time.Hour) // a check is due within it
		if !all.Site.Alive(sessdata(t, a)) || a.Asked("") != asked {
			t.Errorf("%d requests", a.Asked("")-asked)
		}
		if p := a.Keeper.Accounts().Daemon().Problems; len(p) != 1 || p[0] != "cluster: the cluster is away" {
			t.Errorf("problems: %q", p)
		}
		a.Away(nil)
		a.Lease(15 * time.Second)
		time.Sleep(10 * time.Second)
		if a.Asked("") == asked || len(a.Keeper.Accounts().Daemon().Problems) != 0 {
			t.Errorf("it does not go on: %q", a.Keeper.Accounts().Daemon().Problems)
		}
	})
}

// TestYield: an account that is at rest is let go of, one that is not stays.
func TestYield(t *testing.T) {
	twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
		if _, err := a.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "main"}); err != nil {
			t.Fatal(err)
		}
		if a.Keeper.Shared().Yield("main") {
			t.Error("a login was let go of")
		}
		if err := a.Keeper.Logins().Cancel(context.Background(), account(t, a).LoginID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !a.Keeper.Shared().Yield("main") {
			t.Error("an account at rest is not let go of")
		}
		_, err := a.Keeper.Accounts().Check(context.Background(), "main", true)
		wantProblem(t, err, client.ProblemElsewhere)
		all.Move("main", "b")
		if _, err := b.Keeper.Accounts().Check(context.Background(), "main", true); err != nil {
			t.Error(err)
		}
	})
}

// TestNewAccount: an account that is added anywhere belongs to one host, and is there at
// all of them.
func TestNewAccount(t *testing.T) {
	keepertest.RunHosts(t, []string{"a", "b"}, func(all *keepertest.Hosts) {
		a, b := all.Host("a"), all.Host("b")
		for _, name := range []string{"x", "y", "z", "w"} {
			h := a
			if other := a.Keeper.Shared().Host(name); other != "" {
				h = all.Host(other)
			}
			if _, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: name}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if a.Keeper.Record(name) == nil || b.Keeper.Record(name) == nil || a.Owner(name) != h.Name {
				t.Errorf("%s is not there at both, or %s's", name, a.Owner(name))
			}
		}
		if n := len(b.Keeper.Accounts().Status().Daemon.Hosts); n != 2 {
			t.Errorf("%d hosts", n)
		}
	})
}

// TestUnwritten: what the site gave to a host that has lost the account is kept in a
// sealed file, and written when the account comes back unchanged.
func TestUnwritten(t *testing.T) {
	for name, lose := range map[string]func(all *keepertest.Hosts, a *keepertest.Host) (back func()){
		"lost": func(all *keepertest.Hosts, _ *keepertest.Host) func() {
			all.Move("main", "")
			return func() { all.Move("main", "a") }
		},
		"store away": func(all *keepertest.Hosts, a *keepertest.Host) func() {
			a.Away(vault.ErrUnavailable)
			return func() {
				all.Move("main", "")
				a.Away(nil)
				all.Move("main", "a")
			}
		},
		"restarted": func(all *keepertest.Hosts, a *keepertest.Host) func() {
			a.Away(vault.ErrUnavailable)
			return func() {
				all.End("a")
				all.Move("main", "")
				all.Start("a")
				all.Move("main", "a")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			twoHosts(t, func(all *keepertest.Hosts, a, b *keepertest.Host) {
				var back func()
				all.OnRequest(func(_ *keepertest.Host, path string, over bool) {
					if path == passporttest.PathRefresh && over && back == nil {
						back = lose(all, a)
					}
				})
				all.Site.Refresh.SetOldTokenReuse(passporttest.ReuseDenied)
				go func() { _, _ = a.Keeper.Accounts().Refresh(context.Background(), "main", true) }()
				time.Sleep(10 * time.Second)
				files := sealed(t, all.Dir)
				if len(files) != 1 {
					t.Fatalf("files: %q", files)
				}
				for _, secret := range []string{sessdata(t, b), "SESSDATA", all.Site.Refresh.Token(sessdata(t, b))} {
					if strings.Contains(files[0], secret) {
						t.Error("a secret is in the file")
					}
				}
				back()
				time.Sleep(time.Minute)
				a = all.Host("a")
				if got := account(t, b); got.Generation != 2 || got.PendingConfirm || !all.Site.Alive(sessdata(t, b)) || len(sealed(t, all.Dir)) != 0 {
					t.Errorf("%+v; files: %d", got, len(sealed(t, all.Dir)))
				}
				if n := all.Site.Refresh.Rotations(mid); n != 1 {
					t.Errorf("the site rotated %d times", n)
				}
			})
		})
	}
}
