package webhook

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
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

// newTransport makes a transport that looks at each address after the name was
// resolved and right before it connects: a check of the name alone is undone by
// a name server that answers differently the second time.
func newTransport(loopbackOnly bool) *http.Transport {
	dialer := &net.Dialer{
		Timeout: 10 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return checkAddress(address, loopbackOnly)
		},
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		// Messages are rare, and an idle connection is a goroutine that nobody
		// stops when the configuration changes.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 32 << 10,
		// An answer of a few bytes can unpack into gigabytes, and none is needed.
		DisableCompression: true,
	}
}

func checkAddress(address string, loopbackOnly bool) error {
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
