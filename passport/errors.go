package passport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Class says what a reply, or its absence, means for a session.
type Class string

// The classes. Only Dead says anything against a session.
const (
	OK          Class = "ok"
	Dead        Class = "dead"        // the site says that nobody is logged in
	Blocked     Class = "blocked"     // the site wants to be left alone
	Unreachable Class = "unreachable" // no answer, or none that is whole
	Unknown     Class = "unknown"     // an answer that nobody here understands
)

// Scope says how far a trouble reaches.
type Scope string

// The scopes. The zero value is a trouble of this one request.
const (
	ScopeNone    Scope = ""
	ScopeSite    Scope = "site"    // every account behind this address
	ScopeHost    Scope = "host"    // one host of the site
	ScopeAccount Scope = "account" // this account, others may go on
	ScopeProxy   Scope = "proxy"   // the proxy; of the site nothing is known
)

// ClassOf returns the class of an error of this package: OK for nil, and
// Unreachable for an error of another kind, because a trouble that is not the
// site's word must never count against a session.
func ClassOf(err error) Class {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Unreachable
}

// Outcomes that a caller may want to tell apart with errors.Is.
var (
	// ErrNotAsked: nothing was sent, because the site is to be left alone, the
	// account's budget is used up, or there was no room before the deadline.
	ErrNotAsked = errors.New("the site was not asked")
	// ErrIncomplete: a login or a refresh succeeded, yet its reply lacks a part
	// of the credential.
	ErrIncomplete = errors.New("the reply lacks a part of the credential")
	// ErrRefusedHost: the request would have gone to a host that this client
	// must not talk to.
	ErrRefusedHost = errors.New("the host is not one that may be asked")
)

// Error says what went wrong with one request to the site.
type Error struct {
	// Op names the request: "nav", "cookie/info", "qrcode/poll", …
	Op    string
	Class Class
	// Code is the site's own code, 0 where it gave none.
	Code       int
	HTTPStatus int
	// RetryAfter is how long to leave the site alone, 0 where nothing is known.
	RetryAfter time.Duration
	Scope      Scope
	// Sent says that the request was handed to the transport, so that the site
	// may have acted on it. False says for certain that it did not.
	Sent bool
	// Detail is a short sentence without the operation. Like the text of the
	// error it holds no URL, cookie or key and can be shown to anyone.
	Detail string
	// Err is a sentinel of this package, a context's error or an errno. It is
	// never the transport's own error, whose text may hold the whole URL.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Detail
	}
	return e.Op + ": " + e.Detail
}

// Unwrap implements the convention of package errors.
func (e *Error) Unwrap() error { return e.Err }

// Waits that are only a hint to the caller; the limiter does not enforce them.
const (
	hintRiskControl = time.Hour
	hintHTML        = 15 * time.Minute
)

// codeError is the meaning of a code other than 0. withSession says whether
// the request carried a session: without one, -101 tells nothing of anybody's.
func codeError(op string, code int, withSession bool) *Error {
	e := &Error{Op: op, Code: code, HTTPStatus: 200, Class: Unknown, Detail: "code " + strconv.Itoa(code)}
	if text := codeText(code); text != "" {
		e.Detail += " (" + text + ")"
	}
	switch code {
	case codeNotLoggedIn:
		if withSession {
			e.Class, e.Scope = Dead, ScopeAccount
		}
	case codeRiskControl:
		e.Class, e.Scope, e.RetryAfter = Blocked, ScopeAccount, hintRiskControl
	case codeBanned, codeOverLimit, codeTooFrequent:
		e.Class, e.Scope = Blocked, ScopeSite
	case codeServerError, codeOverloaded, codeServerTimeout:
		e.Class, e.Scope = Unreachable, ScopeHost
	}
	return e
}

// statusError is the meaning of an HTTP status other than 200, nil for 200.
func statusError(op string, status int, retryAfter time.Duration) *Error {
	if status == 200 {
		return nil
	}
	e := &Error{
		Op: op, HTTPStatus: status, Class: Unreachable, Scope: ScopeHost,
		RetryAfter: retryAfter, Detail: "HTTP " + strconv.Itoa(status),
	}
	switch {
	case status == 412, status == 403, status == 429:
		e.Class, e.Scope = Blocked, ScopeSite
	case status == 204:
		e.Detail += " (no content)"
	case status >= 300 && status < 400:
		e.Detail += " (a redirect)"
	}
	return e
}

func unreachable(op string, status int, detail string) *Error {
	return &Error{Op: op, Class: Unreachable, HTTPStatus: status, Scope: ScopeHost, Detail: detail}
}

// unknown is an answer that came and is not understood.
func unknown(op, detail string) *Error {
	return &Error{Op: op, Class: Unknown, HTTPStatus: 200, Detail: detail, Sent: true}
}

// Windows reports Winsock's own numbers; syscall's POSIX names are placeholders
// there that no call ever returns. Elsewhere no errno is as high as these.
const (
	winsockReset   = syscall.Errno(10054) // WSAECONNRESET
	winsockRefused = syscall.Errno(10061) // WSAECONNREFUSED
)

// transportError puts the absence of a reply into harmless words. The error of
// the transport is looked at and dropped: it may print the URL and its query.
func transportError(op string, err error) *Error {
	e := unreachable(op, 0, "no answer")
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		// The caller gave up; that says nothing about the host.
		e.Detail, e.Err, e.Scope = "cancelled", context.Canceled, ScopeNone
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		e.Detail, e.Err = "no answer in time", context.DeadlineExceeded
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, winsockReset):
		e.Detail, e.Err = "connection reset", syscall.ECONNRESET
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, winsockRefused):
		e.Detail, e.Err = "connection refused", syscall.ECONNREFUSED
	case errors.As(err, &dns):
		e.Detail = "the host's name cannot be resolved"
	case isCertificateError(err):
		e.Detail = "the host's certificate is not accepted"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Detail, e.Err = "connection closed before the end of the answer", io.ErrUnexpectedEOF
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Detail, e.Err = "no answer in time", context.DeadlineExceeded
	}
	return e
}

// What a proxy answers that lets nothing through. What it says beside is dropped: it
// may repeat the address.
var (
	errProxyAuth   = errors.New("wants another user or password")
	errProxyRefuse = errors.New("does not let the request through")
)

// connected looks at what a proxy answers to a request for a connection.
func connected(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
	switch r.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return errProxyAuth
	}
	return errProxyRefuse
}

// noAnswer is transportError for a client that may go by a proxy of its own. Nobody
// can tell then whether the proxy or the site is silent: the proxy is named, and
// nothing counts against the site.
func (c *Client) noAnswer(op string, err error) *Error {
	e := transportError(op, err)
	if e.Err == context.Canceled {
		return e
	}
	name := "the proxy"
	if c.proxy != "" {
		name += " " + c.proxy
		e.Scope = ScopeProxy
	}
	failed, ok := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, errProxyAuth):
		e.Detail = name + " " + errProxyAuth.Error()
	case errors.Is(err, errProxyRefuse):
		e.Detail = name + " " + errProxyRefuse.Error()
	case ok && failed.Op == "proxyconnect":
		e.Detail = name + " cannot be reached: " + e.Detail
	case c.proxy != "":
		e.Detail += ", by " + name
	}
	return e
}

func isCertificateError(err error) bool {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &host)
}
