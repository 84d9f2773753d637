package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The reasons of an endpoint that is refused.
var (
	ErrForbiddenAddress = errors.New("link-local and metadata addresses are refused")
	ErrPlainHTTP        = errors.New("plain http is for loopback only")
)

// Error is why a message did not arrive. Its text is made of words of this
// package and the host's name; it does not repeat what net/http says, because
// that holds the URL, and at times what the other side wrote.
type Error struct {
	Host string
	// Status is the HTTP status, 0 where there was no answer.
	Status int
	Reason string
	// err is a sentinel of this package or of context, never more.
	err error
}

func (e *Error) Error() string { return e.Host + ": " + e.Reason }
func (e *Error) Unwrap() error { return e.err }

// transportError classifies an error of http.Client and lets go of the rest.
func transportError(ctx context.Context, err error) *Error {
	for _, refused := range []error{ErrForbiddenAddress, ErrPlainHTTP} {
		if errors.Is(err, refused) {
			return &Error{Reason: refused.Error(), err: refused}
		}
	}
	switch ctx.Err() {
	case context.Canceled:
		return &Error{Reason: "cancelled", err: context.Canceled}
	case context.DeadlineExceeded:
		return &Error{Reason: "no answer in time", err: context.DeadlineExceeded}
	}
	return &Error{Reason: reason(err)}
}

func reason(err error) string {
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

// maxRetryAfter keeps a mistaken header from silencing an endpoint for good.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads a Retry-After header, in seconds or as a date; 0 where there
// is nothing to wait for.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		if seconds > uint64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
