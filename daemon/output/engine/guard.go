package engine

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/dialguard"
)

// Addresses that a credential is not sent to.
var (
	errForbidden = dialguard.ErrForbidden
	errPlain     = errors.New("plain http is for this machine alone; use https, or allow_http inside a network of your own")
)

// newTransport makes a transport that looks at each address before it connects.
// It takes no proxy from the environment: a credential goes to the address that
// was named, and to nobody on the way who was not named, too.
func newTransport(localOnly bool, proxy *url.URL) *http.Transport {
	dialer := dialguard.Dialer(func(address string) error {
		err := dialguard.Check(address, localOnly)
		if errors.Is(err, dialguard.ErrRemote) {
			return errPlain
		}
		return err
	})
	if proxy == nil {
		return dialguard.Transport(dialer, nil)
	}
	return dialguard.Transport(dialer, http.ProxyURL(proxy))
}

// transportError says what went wrong in this package's words: net/http's hold
// the whole address, and at times what the other side wrote.
func (p *pusher) transportError(ctx context.Context, err error) *Error {
	for _, refused := range []error{errForbidden, errPlain, dialguard.ErrProxy} {
		if errors.Is(err, refused) {
			e := p.failed(refused.Error())
			// What a proxy refuses today it may let through tomorrow.
			e.permanent, e.err = refused != dialguard.ErrProxy, refused
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
	return p.failed(dialguard.Reason(err))
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
