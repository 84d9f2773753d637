package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Why an address is refused.
var (
	ErrForbiddenAddress = errors.New("link-local, multicast and metadata addresses are refused")
	ErrPlainHTTP        = errors.New("plain http is for this machine alone; use https, or allow_http inside a network of your own")
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

// Forbidden reports whether a host is an address that must not be connected to.
// A name is not; what it resolves to is looked at when it is dialled.
func Forbidden(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && forbidden(addr)
}

func forbidden(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return addr.IsLinkLocalUnicast() || addr.IsMulticast() || slices.Contains(metadata(), addr)
}

// Local reports whether a host is this machine by its name alone.
func Local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// Check refuses an address, host and port, that a name was resolved to.
func Check(address string, localOnly bool) error {
	ap, err := netip.ParseAddrPort(address)
	switch {
	case err != nil, forbidden(ap.Addr()):
		return ErrForbiddenAddress
	case localOnly && !ap.Addr().Unmap().IsLoopback():
		return ErrPlainHTTP
	}
	return nil
}

// Dialer returns a dialer that looks at each address right before it connects.
func Dialer(localOnly bool) *net.Dialer {
	return &net.Dialer{
		Timeout: 10 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return Check(address, localOnly)
		},
	}
}

// parseURL says what is wrong with an address without repeating it.
func parseURL(what, raw string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read", what)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%s must begin with https:// or http://", what)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%s names no host", what)
	case Forbidden(u.Hostname()):
		return nil, fmt.Errorf("%w: %s", ErrForbiddenAddress, u.Hostname())
	case u.Scheme == "http" && !Local(u.Hostname()) && !allowHTTP:
		return nil, fmt.Errorf("%s goes to another machine in the clear: %w", what, ErrPlainHTTP)
	}
	return u, nil
}

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
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, errors.New("the proxy's url must begin with http://, https://, socks5:// or socks5h://")
	}
	return u, nil
}
