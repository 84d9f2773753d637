package dialguard

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ErrProxy is a proxy that refuses. What it said is not repeated.
var ErrProxy = errors.New("the proxy refuses")

// ProxySchemes are how a proxy is spoken to.
func ProxySchemes() []string { return []string{"http", "https", "socks5", "socks5h"} }

// ParseProxy reads the address of a proxy, which may hold a password and is not
// repeated; "" is none.
func ParseProxy(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("the proxy's url cannot be read")
	}
	if !slices.Contains(ProxySchemes(), u.Scheme) {
		return nil, errors.New("the proxy's url must begin with http://, https://, socks5:// or socks5h://")
	}
	return u, nil
}

// Transport returns a transport for seldom requests with small answers. The
// dialer sees the proxy's address where proxy names one; the other side's is
// then for the proxy to look up.
func Transport(dialer *net.Dialer, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	return &http.Transport{
		Proxy:               proxy,
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		// Requests are rare, and an idle connection is a goroutine that nobody
		// stops when the configuration changes.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 32 << 10,
		// An answer of a few bytes can unpack into gigabytes.
		DisableCompression: true,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
			if r.StatusCode != http.StatusOK {
				return ErrProxy
			}
			return nil
		},
	}
}
