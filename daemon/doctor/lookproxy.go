package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/dialguard"
)

// proxyPatience is how long a proxy may take to answer: it is near, or of no use.
const proxyPatience = 2 * time.Second

// lookAtProxies tries those that the environment names: the keeper's own where it
// can be read, else this process's.
func lookAtProxies(f *Facts, ctx context.Context, env func(string) string) {
	keeper := false
	if own, ok := environmentOf(f); ok {
		env, keeper = func(name string) string { return own[name] }, true
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		address, ok := addressOf(env(name))
		if !ok {
			continue
		}
		p := Proxy{Name: name, Address: address, Keeper: keeper, Err: reach(ctx, address)}
		f.Proxies = append(f.Proxies, p)
	}
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
		return errors.New(dialguard.Reason(err))
	}
	return conn.Close()
}
