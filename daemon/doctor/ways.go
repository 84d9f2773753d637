package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
)

// lookAtWays finds out whether somebody listens where accounts are sent through.
// The site is not asked.
func lookAtWays(f *Facts, ctx context.Context) {
	if f.Configuration.Value == nil {
		return
	}
	for _, a := range f.Configuration.Value.Accounts {
		if a.Proxy == "" && a.ProxyFile == "" {
			continue
		}
		host, err := proxyHost(a)
		i := slices.IndexFunc(f.Ways, func(w Way) bool { return w.Host == host && host != "" })
		if i >= 0 {
			f.Ways[i].Accounts = append(f.Ways[i].Accounts, a.Name)
			continue
		}
		if err == nil {
			err = reach(ctx, host)
		}
		f.Ways = append(f.Ways, Way{Host: host, Accounts: []string{a.Name}, Err: err})
	}
}

func proxyHost(a config.Account) (string, error) {
	u, err := a.Way()
	if err != nil {
		return "", err
	}
	if u == nil {
		return "", errors.New("the file holds none")
	}
	return proxyAddress(u), nil
}

// proxied reports whether an account has a way to the site of its own, so that its
// silence says nothing of the site.
func (f *Facts) proxied(account string) bool {
	return slices.ContainsFunc(f.Ways, func(w Way) bool { return slices.Contains(w.Accounts, account) })
}

func judgeWays(f *Facts, n *notes) {
	const check = "accounts.proxy"
	for _, p := range f.Ways {
		accounts := strings.Join(p.Accounts, ", ")
		switch {
		case p.Err == nil:
			n.ok(check, p.Host, f.say("somebody listens there; it is the way of %s", accounts))
		case p.Host == "" && f.Configuration.Err != nil: // told there
			n.skip(check, accounts, f.say("its proxy is not known: %v", p.Err), "")
		case p.Host == "":
			n.wrong(check, accounts, f.say("its proxy cannot be used: %v", p.Err), f.say("mend proxy or proxy_file of the [[account]] in %s", f.Places.Config))
		default:
			n.wrong(check, p.Host, f.say("the proxy cannot be reached from here (%v), and everything of %s goes by it", p.Err, accounts),
				f.say("start the proxy, or mend proxy of the [[account]] in %s", f.Places.Config))
		}
	}
}

// proxyPatience is how long a proxy may take to answer: it is near, or of no use.
const proxyPatience = 2 * time.Second

// lookAtProxies tries those that the environment names: the keeper's own where it
// can be read, else this process's.
func lookAtProxies(f *Facts, ctx context.Context, env func(string) string) {
	keeper := false
	if own, ok := environmentOf(f); ok {
		env, keeper = func(name string) string { return own[name] }, true
	}
	used := usedProxies(f, env)
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		address, ok := addressOf(env(name))
		if !ok {
			continue
		}
		p := Proxy{Name: name, Address: address, Keeper: keeper, Used: used[address], Err: reach(ctx, address)}
		f.Proxies = append(f.Proxies, p)
	}
}

// usedProxies are the addresses of those that requests to the site go through.
func usedProxies(f *Facts, env func(string) string) map[string]bool {
	either := func(name string) string { return cmp.Or(env(name), env(strings.ToLower(name))) }
	proxy := (&httpproxy.Config{HTTPProxy: either("HTTP_PROXY"), HTTPSProxy: either("HTTPS_PROXY"), NoProxy: either("NO_PROXY")}).ProxyFunc()
	to := config.Default().Endpoints
	if c := f.Configuration.Value; c != nil {
		to = c.Endpoints
	}
	used := map[string]bool{}
	for _, base := range []string{to.Passport, to.API, to.WWW, to.PassportGame, to.PassportIntl, to.APIIntl} {
		u, err := url.Parse(base)
		if err != nil {
			continue
		}
		if through, err := proxy(u); err == nil && through != nil {
			used[proxyAddress(through)] = true
		}
	}
	return used
}

// environmentOf reads the environment that the keeper was started with, where the
// system shows it to this user.
func environmentOf(f *Facts) (map[string]string, bool) {
	if !f.answered() || f.OS != "linux" {
		return nil, false
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", f.Keeper.Status.Daemon.PID))
	if err != nil {
		return nil, false
	}
	own := map[string]string{}
	for pair := range strings.SplitSeq(string(data), "\x00") {
		name, value, _ := strings.Cut(pair, "=")
		own[name] = value
	}
	return own, true
}

// addressOf reads what a variable names, which may hold a password and is not shown.
func addressOf(value string) (string, bool) {
	if value == "" {
		return "", false
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" {
		return "", false
	}
	return proxyAddress(u), true
}

// proxyAddress is a proxy's host and the port that net/http takes where none is
// named.
func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(port, "80"))
}

// reach finds out whether somebody listens at an address.
func reach(ctx context.Context, address string) error {
	d := net.Dialer{Timeout: proxyPatience}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return errors.New(outbound.Explain(ctx, address, err).Reason)
	}
	return conn.Close()
}
