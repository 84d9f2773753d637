package dialguard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Why an address is refused.
var (
	ErrForbidden = errors.New("link-local, multicast and metadata addresses are refused")
	ErrRemote    = errors.New("only this machine may be connected to")
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

// Forbidden reports whether an address must not be connected to.
func Forbidden(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return addr.IsLinkLocalUnicast() || addr.IsMulticast() || slices.Contains(metadata(), addr)
}

// Local reports whether a host is this machine by its name alone.
func Local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// Check refuses an address, host and port, with ErrForbidden or ErrRemote.
// Whoever dials by other means calls it in the dialer's control.
func Check(address string, localOnly bool) error {
	ap, err := netip.ParseAddrPort(address)
	switch {
	case err != nil, Forbidden(ap.Addr()):
		return ErrForbidden
	case localOnly && !ap.Addr().Unmap().IsLoopback():
		return ErrRemote
	}
	return nil
}

// Dialer returns a dialer that asks check before each connection; nil is
// [Check] for any machine.
func Dialer(check func(address string) error) *net.Dialer {
	if check == nil {
		check = func(address string) error { return Check(address, false) }
	}
	return &net.Dialer{
		Timeout: 10 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return check(address)
		},
	}
}
