package keeper_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// proxies stand between the keeper and the site: each counts what passes it, and
// can be dead, or be answered as one that the site has had enough of.
type proxies struct {
	site http.RoundTripper

	mu      sync.Mutex // guards what follows
	passed  map[string]int
	dead    map[string]bool
	blocked map[string]bool
}

func newProxies(h *keepertest.Fixture) *proxies {
	p := &proxies{site: h.Site.Transport(), passed: map[string]int{}, dead: map[string]bool{}, blocked: map[string]bool{}}
	h.Proxied = func(proxy *url.URL) http.RoundTripper { return hop{p, proxy.Host} }
	return p
}

func (p *proxies) set(of map[string]bool, host string, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of[host] = yes
}

func (p *proxies) count(host string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed[host]
}

// hop is the way by one proxy.
type hop struct {
	*proxies
	host string
}

// RoundTrip implements [http.RoundTripper].
func (h hop) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	h.passed[h.host]++
	dead, blocked := h.dead[h.host], h.blocked[h.host]
	h.mu.Unlock()
	switch {
	case dead:
		return nil, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: syscall.ECONNREFUSED}
	case blocked:
		return &http.Response{StatusCode: 412, Header: http.Header{}, Body: http.NoBody}, nil
	}
	return h.site.RoundTrip(r)
}

func withProxies(list ...config.Account) func(c *config.Config) {
	return func(c *config.Config) { c.Accounts = list }
}

func check(h *keepertest.Fixture, name string) client.CheckResult {
	h.T.Helper()
	r, err := h.Keeper.Accounts().Check(context.Background(), name, true)
	if err != nil {
		h.T.Fatal(err)
	}
	return r
}

// Everything of an account goes by its proxy, and nothing of another.
func TestAccountsOwnProxy(t *testing.T) {
	keepertest.Run(t, withProxies(config.Account{Name: "main", Proxy: "http://user:password@one.invalid:3128"}), func(h *keepertest.Fixture) {
		p := newProxies(h)
		h.Login("main", keepertest.Mid)
		h.Refresh(true)
		check(h, "main")
		whole := h.Site.Requests(passporttest.Any)
		if got := p.count("one.invalid:3128"); got != whole || got < 5 {
			t.Errorf("%d of %d requests went by the proxy", got, whole)
		}
		before := p.count("one.invalid:3128")
		h.Login("side", keepertest.Stranger)
		if got := p.count("one.invalid:3128"); got != before {
			t.Errorf("%d requests of another account went by it", got-before)
		}
	})
}

// A dead proxy is named, and stands in nobody else's way; a reload takes the
// account off it.
func TestDeadProxy(t *testing.T) {
	keepertest.Run(t, withProxies(config.Account{Name: "main", Proxy: "http://user:password@one.invalid:3128"}), func(h *keepertest.Fixture) {
		p := newProxies(h)
		h.Login("main", keepertest.Mid)
		h.Login("side", keepertest.Stranger)
		p.set(p.dead, "one.invalid:3128", true)
		for range 10 {
			r := check(h, "main")
			if r.Outcome != client.CheckUnreachable || !strings.Contains(r.Detail, "the proxy one.invalid:3128 cannot be reached: connection refused") || strings.Contains(r.Detail, "password") {
				t.Fatalf("by the dead proxy: %+v", r)
			}
			time.Sleep(time.Minute)
		}
		h.WantState(client.StateValid)
		if r := check(h, "side"); r.Outcome != client.CheckOK {
			t.Errorf("beside it: %+v", r)
		}
		for _, b := range h.Keeper.Breakers() {
			if !b.Until.IsZero() {
				t.Errorf("the site is left alone for it: %+v", b)
			}
		}
		h.Config.Accounts = nil
		next, err := keeper.NewSettings(h.Config)
		if err != nil {
			t.Fatal(err)
		}
		h.Keeper.Use(next)
		if r := check(h, "main"); r.Outcome != client.CheckOK {
			t.Errorf("without the proxy: %+v", r)
		}
	})
}

// What the site thinks of one address says nothing of another, and is known after
// a restart.
func TestBlockOfOneWay(t *testing.T) {
	accounts := withProxies(
		config.Account{Name: "main", Proxy: "http://one.invalid:3128"}, config.Account{Name: "twin", Proxy: "http://one.invalid:3128"},
		config.Account{Name: "other", Proxy: "socks5://two.invalid:1080"})
	keepertest.Run(t, accounts, func(h *keepertest.Fixture) {
		p := newProxies(h)
		h.Site.AddUser(keepertest.Mid+1, "twin")
		h.Site.AddUser(keepertest.Mid+2, "other")
		h.Login("main", keepertest.Mid)
		h.Login("twin", keepertest.Mid+1)
		h.Login("other", keepertest.Mid+2)
		h.Login("side", keepertest.Stranger)
		p.set(p.blocked, "one.invalid:3128", true)
		if r := check(h, "main"); r.Outcome != client.CheckBlocked {
			t.Fatalf("by the proxy that the site blocks: %+v", r)
		}
		ask := func(when string) {
			for name, want := range map[string]string{"twin": client.CheckBlocked, "other": client.CheckOK, "side": client.CheckOK} {
				if r, err := h.Keeper.Accounts().Check(context.Background(), name, false); err != nil || r.Outcome != want {
					t.Errorf("%s, %s: %+v, %v", when, name, r, err)
				}
			}
		}
		ask("at once")
		h.Restart()
		ask("after a restart")
	})
}

// The rate is that of each way: it counts what the site sees from one address.
func TestRateOfEachWay(t *testing.T) {
	keepertest.Run(t, withProxies(config.Account{Name: "main", Proxy: "http://one.invalid:3128"}), func(h *keepertest.Fixture) {
		newProxies(h)
		h.Login("main", keepertest.Mid)
		begun := time.Now()
		for range 40 {
			check(h, "main") // spends the rate of the way by the proxy
		}
		if time.Since(begun) < 30*time.Second {
			t.Errorf("forty checks took %s", time.Since(begun))
		}
		begun = time.Now()
		if _, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "side"}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("another way waited for %s", took)
		}
	})
}
