package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// proxyPatience is how long a proxy is waited for. Most are on the same machine.
const proxyPatience = 2 * time.Second

// lookAtProxies tries those that the environment names: the keeper's own where it
// can be read, else this process's.
func lookAtProxies(f *Facts, ctx context.Context, env func(string) string) {
	keeper := false
	if own, ok := environmentOf(f); ok {
		env, keeper = func(name string) string { return own[name] }, true
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		address, ok := proxyAddress(env(name))
		if !ok {
			continue
		}
		p := Proxy{Name: name, Address: address, Keeper: keeper}
		ctx, cancel := context.WithTimeout(ctx, proxyPatience)
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		cancel()
		if p.Err = plainDial(err); err == nil {
			_ = conn.Close()
		}
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

// proxyAddress is the host and the port of a proxy's URL, which may hold a password
// and is not shown.
func proxyAddress(value string) (string, bool) {
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
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port), true
}

// plainDial leaves out of an error what the finding says already.
func plainDial(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	if bad, ok := errors.AsType[*net.OpError](err); ok {
		err = bad.Err
		if call, ok := errors.AsType[*os.SyscallError](err); ok {
			err = call.Err
		}
	}
	return err
}
