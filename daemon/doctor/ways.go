package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/config"
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
