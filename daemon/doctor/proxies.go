package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/dialguard"
)

// proxyPatience is how long a proxy may take to answer: it is near, or of no use.
const proxyPatience = 3 * time.Second

// lookAtProxies finds out whether somebody listens where accounts are sent through.
// The site is not asked.
func lookAtProxies(f *Facts, ctx context.Context) {
	if f.Configuration.Value == nil {
		return
	}
	for _, a := range f.Configuration.Value.Accounts {
		if a.Proxy == "" && a.ProxyFile == "" {
			continue
		}
		host, err := proxyHost(a)
		i := slices.IndexFunc(f.Proxies, func(p Proxy) bool { return p.Host == host && host != "" })
		if i >= 0 {
			f.Proxies[i].Accounts = append(f.Proxies[i].Accounts, a.Name)
			continue
		}
		if err == nil {
			err = reach(ctx, host)
		}
		f.Proxies = append(f.Proxies, Proxy{Host: host, Accounts: []string{a.Name}, Err: err})
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
	return net.JoinHostPort(u.Hostname(), proxyPort(u)), nil
}

// proxyPort is the one that net/http takes where an address names none.
func proxyPort(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	switch u.Scheme {
	case "https":
		return "443"
	case "socks5", "socks5h":
		return "1080"
	}
	return "80"
}

func reach(ctx context.Context, address string) error {
	d := net.Dialer{Timeout: proxyPatience}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return errors.New(dialguard.Reason(err))
	}
	return conn.Close()
}

// proxied reports whether an account has a way to the site of its own, so that its
// silence says nothing of the site.
func (f *Facts) proxied(account string) bool {
	return slices.ContainsFunc(f.Proxies, func(p Proxy) bool { return slices.Contains(p.Accounts, account) })
}

func judgeProxies(f *Facts, n *notes) {
	const check = "accounts.proxy"
	for _, p := range f.Proxies {
		accounts := strings.Join(p.Accounts, ", ")
		switch {
		case p.Err == nil:
			n.ok(check, p.Host, "somebody listens there; it is the way of "+accounts)
		case p.Host == "" && f.Configuration.Err != nil: // told there
			n.skip(check, accounts, "its proxy is not known: "+p.Err.Error(), "")
		case p.Host == "":
			n.wrong(check, accounts, "its proxy cannot be used: "+p.Err.Error(), "mend proxy or proxy_file of the [[account]] in "+f.Places.Config)
		default:
			n.wrong(check, p.Host, fmt.Sprintf("the proxy cannot be reached from here (%s), and everything of %s goes by it", p.Err, accounts),
				"start the proxy, or mend proxy of the [[account]] in "+f.Places.Config)
		}
	}
}
