package post

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// metadata are the addresses where clouds hand credentials to whoever asks from
// the machine, beside those that are link-local: AWS over IPv6, Alibaba Cloud,
// Oracle Cloud.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("fd00:ec2::254"),
		netip.MustParseAddr("100.100.100.200"),
		netip.MustParseAddr("192.0.0.192"),
	}
}

// forbidden reports whether an address must not be connected to.
func forbidden(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return addr.IsLinkLocalUnicast() || addr.IsMulticast() || slices.Contains(metadata(), addr)
}

// CheckAddress refuses an address that must not be connected to. Channels that
// dial for themselves call it in the dialer's control, when the name is resolved.
func CheckAddress(address string, loopbackOnly bool) error {
	ap, err := netip.ParseAddrPort(address)
	switch {
	case err != nil:
		return ErrForbiddenAddress
	case forbidden(ap.Addr()):
		return ErrForbiddenAddress
	case loopbackOnly && !ap.Addr().Unmap().IsLoopback():
		return ErrPlainHTTP
	}
	return nil
}

// Dialer looks at each address after the name was resolved and right before it
// connects: a check of the name alone is undone by a name server that answers
// differently the second time.
func Dialer(loopbackOnly bool) *net.Dialer {
	return &net.Dialer{
		Timeout: 10 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return CheckAddress(address, loopbackOnly)
		},
	}
}

func newTransport(loopbackOnly bool, proxy *url.URL) *http.Transport {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         Dialer(loopbackOnly && proxy == nil).DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		// Messages are rare, and an idle connection is a goroutine that nobody
		// stops when the configuration changes.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 32 << 10,
		// An answer of a few bytes can unpack into gigabytes, and none is needed.
		DisableCompression: true,
		// What a proxy says in its refusal is not repeated.
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
			if r.StatusCode != http.StatusOK {
				return ErrProxyRefused
			}
			return nil
		},
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	return t
}

// parseProxy reads the address of a proxy, which may hold a password.
func parseProxy(s secret.String) (*url.URL, error) {
	if s.IsZero() {
		return nil, nil
	}
	u, err := url.Parse(strings.TrimSpace(s.Reveal()))
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("the proxy's url cannot be read")
	}
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, errors.New("the proxy's url must begin with http://, https://, socks5:// or socks5h://")
	}
	return u, nil
}

// checkURL says what is wrong with an address without repeating it.
func checkURL(what, raw string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read", what)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%s must begin with https:// or http://", what)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%s names no host", what)
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err == nil && forbidden(addr) {
		return nil, fmt.Errorf("%w: %s", ErrForbiddenAddress, addr)
	}
	local := u.Hostname() == "localhost" || err == nil && addr.Unmap().IsLoopback()
	if u.Scheme == "http" && !local && !allowHTTP {
		return nil, fmt.Errorf("%w: a login code would cross the network in the clear", ErrPlainHTTP)
	}
	return u, nil
}
