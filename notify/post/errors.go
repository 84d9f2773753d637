package post

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/dialguard"
	"github.com/bilikeeper/bilikeeper/notify"
)

// The reasons of an address that is refused, and of a proxy that refuses.
var (
	ErrForbiddenAddress = errors.New("link-local and metadata addresses are refused")
	ErrPlainHTTP        = errors.New("plain http is for loopback only")
	ErrProxyRefused     = dialguard.ErrProxy
)

// Error is why a message did not arrive. Its text is made of words of this
// program and the host's name; it does not repeat what net/http says, because
// that holds the URL, and at times what the other side wrote.
type Error struct {
	Host string
	// Status is the HTTP status, 0 where there was no answer; Code is the
	// service's own, "" where it gave none.
	Status int
	Code   string
	Reason string
	// err is a sentinel of this package or of context, never more.
	err error
}

func (e *Error) Error() string { return e.Host + ": " + e.Reason }
func (e *Error) Unwrap() error { return e.err }

// transportError classifies an error of http.Client and lets go of the rest.
func transportError(ctx context.Context, err error) *Error {
	for _, refused := range []error{ErrForbiddenAddress, ErrPlainHTTP, ErrProxyRefused} {
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
	return &Error{Reason: dialguard.Reason(err)}
}

// Refusal is what a service's answer means.
type Refusal struct {
	// Retry and After are as in notify.SendError.
	Retry bool
	After time.Duration
	// Code is the service's own, Reason its meaning in this program's words.
	Code   string
	Reason string
}

// Refused makes the error of an answer that the channel has read.
func (c *Client) Refused(reply Reply, r Refusal) error {
	e := &Error{Host: c.host, Status: reply.Status, Code: r.Code, Reason: r.Reason}
	if r.Code != "" {
		e.Reason = "answered code " + r.Code
		if r.Reason != "" {
			e.Reason += ": " + r.Reason
		}
	}
	return &notify.SendError{Retry: r.Retry, After: r.After, Err: e}
}

// Refine adds to an error of Do what the service says beside the status: a
// longer wait, and a reason where r has one. The status still decides.
func (c *Client) Refine(reply Reply, err error, r Refusal) error {
	sendErr, ok := errors.AsType[*notify.SendError](err)
	if !ok || reply.Status == 0 {
		return err
	}
	e := &Error{Host: c.host, Status: reply.Status, Code: r.Code, Reason: "answered " + reply.Line()}
	if r.Reason != "" {
		e.Reason += ": " + r.Reason
	}
	return &notify.SendError{Retry: sendErr.Retry, After: max(sendErr.After, r.After), Err: e}
}

// Nonsense makes the error of an answer that is not what the service sends: a
// gateway's page, or a login page of the network in between.
func (c *Client) Nonsense(reply Reply) error {
	return c.Refused(reply, Refusal{Retry: true, Reason: "answered something that the service does not send"})
}

// Alive refuses a message whose code no longer works. Channels ask it right
// before they send.
func Alive(m notify.Message) error {
	if m.Expired(time.Now()) {
		return &notify.SendError{Err: notify.ErrExpired}
	}
	return nil
}

// judge reads the status: what the service may take later, and what it never
// will.
func (c *Client) judge(reply Reply, now time.Time) error {
	code := reply.Status
	refusal := Refusal{Reason: "answered " + reply.Line() + usual(code)}
	switch {
	case code/100 == 2:
		return nil
	case code/100 == 3:
		refusal.Reason += "; redirects are not followed"
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code/100 == 5:
		refusal.Retry, refusal.After = true, retryAfter(reply.Header.Get("Retry-After"), now)
	}
	return c.Refused(reply, refusal)
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

// Seconds turns a service's own "retry after", in seconds, into a wait.
func Seconds(s float64) time.Duration {
	switch {
	case !(s > 0):
		return 0
	case s > maxRetryAfter.Seconds():
		return maxRetryAfter
	}
	return time.Duration(s * float64(time.Second))
}
