package passport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	defaultTimeout = 20 * time.Second
	dialTimeout    = 10 * time.Second

	// maxBody is far above any reply that makes sense.
	maxBody = 1 << 20

	// maxRetryAfter keeps a wrong header from silencing the keeper for years.
	maxRetryAfter = 24 * time.Hour

	referer    = "https://www.bilibili.com/"
	acceptJSON = "application/json, text/plain, */*"
	acceptPage = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
)

// Options configure a Client. The zero value talks to the site itself through
// a gate of its own.
type Options struct {
	Endpoints Endpoints
	// Gate is shared by all that ask the site from one address. Nil makes one
	// with the default limits.
	Gate *Gate
	// Transport carries the requests; nil is the client's own. It must neither
	// follow redirects nor retry.
	Transport http.RoundTripper
	// Timeout bounds one request, its reply's body included; 0 is 20 s.
	Timeout time.Duration
}

// Client speaks to the site. It is safe for concurrent use and holds nothing
// that has to be closed.
type Client struct {
	bases     bases
	real      bool
	gate      *Gate
	transport http.RoundTripper
	timeout   time.Duration
}

// New returns a client. The error names the endpoint that cannot be used.
func New(o Options) (*Client, error) {
	b, err := o.Endpoints.parse()
	if err != nil {
		return nil, err
	}
	c := &Client{bases: b, real: o.Endpoints.Real(), gate: o.Gate, transport: o.Transport, timeout: o.Timeout}
	if c.gate == nil {
		c.gate = NewGate(Limits{Polite: c.real}, GateOptions{})
	}
	if c.transport == nil {
		c.transport = newTransport()
	}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	return c, nil
}

// newTransport keeps no connection after a reply. The price is a handshake for
// each of a few requests a minute; the gain is that net/http cannot repeat a
// GET by itself when a kept connection turns out to be dead. Such a repeat would
// not be counted, and on a poll it would turn a success whose reply was lost
// into "expired".
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		DisableKeepAlives:      true,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// call is one request as the operations describe it.
type call struct {
	op     string
	device Device
	// session is nil where the request carries only the device.
	session *Session
	base    *url.URL
	path    string
	query   string // raw
	// page: the answer is a page whose body nobody reads.
	page bool
	// poll: the code's own lifetime bounds these, not the hourly budget.
	poll bool
	// urgent: a person waits in front of a code that is running out.
	urgent bool
}

// reply is what came back, whole or not.
type reply struct {
	envelope
	// sentAt is taken before the request left.
	sentAt time.Time
	// received is the site's own clock where it said so, else ours.
	received time.Time
	status   int
	cookies  []Cookie
	location string
}

// getJSON sends one GET through the gate and reads the envelope. The reply is
// returned beside an error too: its cookies may be all that is left of a
// success.
func (c *Client) getJSON(ctx context.Context, q call) (reply, error) {
	r, e := c.do(ctx, q)
	if e != nil {
		return r, e
	}
	return r, nil
}

// do is the only way to the site.
func (c *Client) do(ctx context.Context, q call) (reply, *Error) {
	target := *q.base
	target.Path, target.RawQuery = q.path, q.query
	if !c.real && isVendorHost(target.Hostname()) {
		return reply{}, &Error{
			Op: q.op, Class: Unknown, Err: ErrRefusedHost,
			Detail: "the endpoints are set to other hosts than the site's, so the site itself is not asked",
		}
	}
	pass, refused := c.gate.enter(ctx, request{
		op: q.op, key: q.device.Key, host: target.Host, poll: q.poll, urgent: q.urgent,
		polite: isVendorHost(target.Hostname()),
	})
	if refused != nil {
		return reply{}, refused
	}
	r, e := c.exchange(ctx, q, &target)
	c.gate.leave(pass, e)
	return r, e
}

func (c *Client) exchange(ctx context.Context, q call, target *url.URL) (reply, *Error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	r := reply{sentAt: time.Now()}
	req := (&http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Header: header(q)}).WithContext(ctx)
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		if cause := ctx.Err(); cause != nil {
			err = cause // some transports hide it
		}
		return r, transportError(q.op, err)
	}
	defer resp.Body.Close()

	r.status, r.location = resp.StatusCode, resp.Header.Get("Location")
	r.received = clockOf(resp.Header)
	r.cookies = parseSetCookies(resp.Header.Values("Set-Cookie"), r.received)
	if q.page {
		return r, pageError(q.op, resp)
	}
	if e := statusError(q.op, resp.StatusCode, retryAfter(resp.Header)); e != nil {
		return r, e
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		if cause := ctx.Err(); cause != nil {
			err = cause
		}
		e := transportError(q.op, err)
		e.HTTPStatus = resp.StatusCode
		return r, e
	case len(body) > maxBody:
		return r, unreachable(q.op, resp.StatusCode, "the answer is too long")
	}
	env, e := parseEnvelope(q.op, body, resp.Header.Get("Content-Type"))
	if e != nil {
		return r, e
	}
	r.envelope = env
	if env.code != codeOK {
		return r, codeError(q.op, env.code, q.session != nil)
	}
	return r, nil
}

// header leaves Accept-Encoding to the transport: set by hand it would switch
// off the transparent decoding, and the site would answer in brotli.
func header(q call) http.Header {
	accept := acceptJSON
	if q.page {
		accept = acceptPage
	}
	h := http.Header{
		"User-Agent": {q.device.userAgent()},
		"Referer":    {referer},
		"Accept":     {accept},
	}
	s := Session{Device: q.device}
	if q.session != nil {
		s = *q.session
	}
	// One line, written here: AddCookie puts values with a comma in quotes.
	if line := s.Header(); line != "" {
		h["Cookie"] = []string{line}
	}
	return h
}

// pageError is the meaning of a hop's status: redirects and pages are what a
// hop answers, so only blocks and server trouble count.
func pageError(op string, resp *http.Response) *Error {
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

// retryAfter reads the header's two forms, seconds and a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	} else if errors.Is(err, strconv.ErrRange) {
		return maxRetryAfter
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(clockOf(h)), 0), maxRetryAfter)
}
