package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrProxyRefused is a proxy that refuses. What it said is not repeated.
var ErrProxyRefused = errors.New("the proxy refuses")

// Error is why a request failed. Its text is made of words of this program and
// the host's name; it does not repeat what net/http says, because that holds the
// URL, and at times what the other side wrote.
type Error struct {
	Host string
	// Status is the HTTP status, 0 where there was no answer; Code is the
	// service's own, "" where it gave none.
	Status int
	Code   string
	Reason string
	// Retry is true where another try may succeed, and After is how long the other
	// side asked to be left alone.
	Retry bool
	After time.Duration
	// err is a sentinel of this package or of context, never more.
	err error
}

func (e *Error) Error() string { return e.Host + ": " + e.Reason }
func (e *Error) Unwrap() error { return e.err }

// Explain classifies the error of a connection or a request to host, and lets go
// of the rest of it.
func Explain(ctx context.Context, host string, err error) *Error {
	e := &Error{Host: host, Retry: true}
	for _, refused := range []error{ErrForbiddenAddress, ErrPlainHTTP, ErrProxyRefused} {
		if errors.Is(err, refused) {
			// What a proxy refuses today it may let through tomorrow.
			e.Reason, e.Retry, e.err = refused.Error(), refused == ErrProxyRefused, refused
			return e
		}
	}
	switch e.err = ctx.Err(); e.err {
	case nil:
		e.Reason = reason(err)
	case context.DeadlineExceeded:
		e.Reason = "no answer in time"
	default:
		e.Reason = "cancelled"
	}
	return e
}

// reason says in this program's own words why a connection failed.
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
	if op, ok := errors.AsType[*net.OpError](err); ok {
		switch op.Op {
		case "dial":
			return "no connection"
		case "proxyconnect", "socks connect":
			return "no connection through the proxy"
		}
	}
	return "the connection broke off"
}

// judge reads the status: what the other side may take later, and what it never
// will.
func (c *Client) judge(reply Reply, now time.Time) error {
	code := reply.Status
	e := &Error{Host: c.host, Status: code, Reason: "answered " + reply.Line() + usual(code)}
	switch {
	case code/100 == 2:
		return nil
	case code/100 == 3:
		e.Reason += "; redirects are not followed"
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code/100 == 5:
		e.Retry, e.After = true, RetryAfter(reply.Header.Get("Retry-After"), now)
	}
	return e
}

// usual is what a status means wherever a service does not say it better.
func usual(code int) string {
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; the token, key or password is not accepted"
	case http.StatusNotFound, http.StatusGone:
		return "; there is nothing at this address"
	case http.StatusRequestEntityTooLarge:
		return "; the message is too large"
	case http.StatusTooManyRequests:
		return "; too many messages"
	case http.StatusInsufficientStorage:
		return "; the service has no room for it"
	}
	return ""
}

// MaxRetryAfter keeps a mistaken header from silencing an endpoint for good.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter reads a Retry-After header, in seconds or as a date; 0 where there
// is nothing to wait for, and no more than MaxRetryAfter.
func RetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return Seconds(float64(seconds))
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), MaxRetryAfter)
	}
	return 0
}

// Seconds turns a wait that a service gives in seconds into one with the same
// limit.
func Seconds(s float64) time.Duration {
	if !(s > 0) { // not a number is none
		return 0
	}
	return time.Duration(math.Min(s, MaxRetryAfter.Seconds()) * float64(time.Second))
}
