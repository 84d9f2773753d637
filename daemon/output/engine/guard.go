package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Addresses that a credential is not sent to.
var (
	errForbidden = errors.New("link-local, multicast and metadata addresses are refused")
	errPlain     = errors.New("plain http is for this machine alone; use https, or allow_http inside a network of your own")
)

// metadata are where clouds hand credentials to whoever asks from the machine,
// beside the link-local addresses: AWS over IPv6, Alibaba Cloud, Oracle Cloud.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("fd00:ec2::254"),
		netip.MustParseAddr("100.100.100.200"),
		netip.MustParseAddr("192.0.0.192"),
	}
}

func forbidden(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return addr.IsLinkLocalUnicast() || addr.IsMulticast() || slices.Contains(metadata(), addr)
}

// newTransport makes a transport that looks at each address after the name was
// resolved, right before it connects. It knows no proxy: a credential goes to
// the address that was named, and to nobody on the way.
func newTransport(localOnly bool) *http.Transport {
	dialer := &net.Dialer{
		Timeout: 10 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			switch {
			case err != nil, forbidden(ap.Addr()):
				return errForbidden
			case localOnly && !ap.Addr().Unmap().IsLoopback():
				return errPlain
			}
			return nil
		},
	}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		// Changes are rare, and an idle connection is a goroutine that nobody
		// stops when the configuration changes.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 32 << 10,
		// An answer of a few bytes can unpack into gigabytes.
		DisableCompression: true,
	}
}

// transportError says what went wrong in this package's words: net/http's hold
// the whole address, and at times what the other side wrote.
func (p *pusher) transportError(ctx context.Context, err error) *Error {
	for _, refused := range []error{errForbidden, errPlain} {
		if errors.Is(err, refused) {
			e := p.failed(refused.Error())
			e.permanent, e.err = true, refused
			return e
		}
	}
	switch ctx.Err() {
	case context.DeadlineExceeded:
		e := p.failed("no answer in time")
		e.err = ErrTimeout
		return e
	case context.Canceled:
		e := p.failed("stopped")
		e.err = errCut
		return e
	}
	return p.failed(networkReason(err))
}

func networkReason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "no such host"
		}
		return "the name server does not answer"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate is signed by an unknown authority"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is for another host"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate is not valid"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "no TLS there"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "no answer in time"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "no connection"
	}
	return "the connection broke off"
}

// retryAfter reads a Retry-After header, in seconds or as a date.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxSilence/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxSilence)
	}
	return 0
}
