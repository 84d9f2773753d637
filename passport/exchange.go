package passport

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
)

const (
	// maxBody is far above any reply that makes sense.
	maxBody = 1 << 20

	originWeb  = "https://www.bilibili.com"
	originIntl = "https://www.bilibili.tv"
	acceptJSON = "application/json, text/plain, */*"
	acceptPage = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
)

// exchange is one request and its reply, once the limiter let it through.
func (c *Client) exchange(ctx context.Context, q call, target *url.URL) (reply, *Error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if c.may != nil {
		// A connection may take its time as well.
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
			if c.may() != nil {
				cancel()
			}
		}})
	}

	r := reply{sentAt: time.Now()}
	resp, err := c.transport.RoundTrip(newRequest(ctx, q, target))
	if err != nil {
		if cause := ctx.Err(); cause != nil {
			err = cause // some transports hide it
		}
		return r, c.noAnswer(q.op, err)
	}
	defer resp.Body.Close()

	r.status, r.location = resp.StatusCode, resp.Header.Get("Location")
	r.received = clockOf(resp.Header)
	r.cookies, r.left = parseSetCookies(resp.Header.Values("Set-Cookie"), r.received)
	if q.kind == kindHop {
		return r, hopError(q.op, resp)
	}
	if q.kind == kindPage && resp.StatusCode == http.StatusNotFound {
		return r, pathRefused(q.op)
	}
	if resp.StatusCode == http.StatusProxyAuthRequired {
		return r, c.noAnswer(q.op, errProxyAuth)
	}
	if e := statusError(q.op, resp.StatusCode, retryAfter(resp.Header)); e != nil {
		return r, e
	}
	body, e := readBody(ctx, q.op, resp)
	if e != nil {
		return r, e
	}
	if q.kind == kindPage {
		r.page = body
		return r, pageError(q.op, body)
	}
	if r.envelope, e = parseEnvelope(q.op, body, resp.Header.Get("Content-Type")); e != nil {
		return r, e
	}
	if r.code != codeOK {
		return r, codeError(q.op, r.code, q.session != nil)
	}
	return r, nil
}

// newRequest gives a POST's body no GetBody and no idempotency key: with either,
// net/http would send it a second time by itself when a kept connection breaks,
// and what the site does on a POST is done once.
func newRequest(ctx context.Context, q call, target *url.URL) *http.Request {
	req := &http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Header: header(q)}
	if q.post {
		req.Method = http.MethodPost
	}
	if !q.form.IsZero() {
		form := q.form.Reveal()
		req.Method = http.MethodPost
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	}
	return req.WithContext(ctx)
}

func readBody(ctx context.Context, op string, resp *http.Response) ([]byte, *Error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		if cause := ctx.Err(); cause != nil {
			err = cause
		}
		e := transportError(op, err)
		e.HTTPStatus = resp.StatusCode
		return nil, e
	case len(body) > maxBody:
		return nil, unreachable(op, resp.StatusCode, "the answer is too long")
	}
	return body, nil
}

// header leaves Accept-Encoding to the transport: set by hand it would switch
// off the transparent decoding, and the site would answer in brotli.
func header(q call) http.Header {
	accept := acceptJSON
	if q.kind != kindJSON {
		accept = acceptPage
	}
	origin := originWeb
	if q.site == Intl {
		origin = originIntl
	}
	h := http.Header{
		"User-Agent": {q.device.userAgent()},
		"Referer":    {cmp.Or(q.referer, origin+"/")},
		"Accept":     {accept},
	}
	// The international site's own pages ask from another host of theirs, so
	// their GETs have an Origin too.
	if q.site == Intl || q.post || !q.form.IsZero() {
		h["Origin"] = []string{origin}
	}
	if !q.form.IsZero() {
		h["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	}
	s := Session{Device: q.device, Cookies: q.cookies}
	if q.session != nil {
		s = *q.session
	}
	// One line, written here: AddCookie puts values with a comma in quotes.
	if line := s.Header(); !line.IsZero() {
		h["Cookie"] = []string{line.Reveal()}
	}
	return h
}

// hopError is the meaning of a hop's status: redirects and pages are what a
// hop answers, so only blocks and server trouble count.
func hopError(op string, resp *http.Response) *Error {
	switch s := resp.StatusCode; {
	case s == 403, s == 412, s == 429, s >= 500:
		return statusError(op, s, retryAfter(resp.Header))
	}
	return nil
}

// clockOf is what the other side's clock says. Cookies are judged by it, so
// that a wrong clock here does not make a fresh login look past its end.
func clockOf(h http.Header) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return time.Now()
}

func retryAfter(h http.Header) time.Duration {
	return outbound.RetryAfter(h.Get("Retry-After"), clockOf(h))
}
