package post

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/dialguard"
)

// CheckAddress refuses an address that must not be connected to. Channels that
// dial for themselves call it in the dialer's control, when the name is resolved.
func CheckAddress(address string, loopbackOnly bool) error {
	switch err := dialguard.Check(address, loopbackOnly); {
	case err == nil:
		return nil
	case errors.Is(err, dialguard.ErrRemote):
		return ErrPlainHTTP
	default:
		return ErrForbiddenAddress
	}
}

// Dialer looks at each address after the name was resolved and right before it
// connects.
func Dialer(loopbackOnly bool) *net.Dialer {
	return dialguard.Dialer(func(address string) error { return CheckAddress(address, loopbackOnly) })
}

func newTransport(loopbackOnly bool, proxy *url.URL) *http.Transport {
	through := http.ProxyFromEnvironment
	if proxy != nil {
		through = http.ProxyURL(proxy)
	}
	return dialguard.Transport(Dialer(loopbackOnly && proxy == nil), through)
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
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && dialguard.Forbidden(addr) {
		return nil, fmt.Errorf("%w: %s", ErrForbiddenAddress, addr)
	}
	if u.Scheme == "http" && !dialguard.Local(u.Hostname()) && !allowHTTP {
		return nil, fmt.Errorf("%w: a login code would cross the network in the clear", ErrPlainHTTP)
	}
	return u, nil
}
