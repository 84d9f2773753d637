package passport

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/sitehost"
)

const (
	defaultTimeout = 20 * time.Second
	dialTimeout    = 10 * time.Second
)

// Options configure a Client. The zero value talks to the site itself through
// a limiter of its own.
type Options struct {
	Endpoints Endpoints
	// Limiter is shared by all that ask the site from one address. Nil makes one
	// with the default limits.
	Limiter *Limiter
	// Transport carries the requests; nil is the client's own. It must neither
	// follow redirects nor retry.
	Transport http.RoundTripper
	// Timeout bounds one request, its reply's body included; 0 is 20 s.
	Timeout time.Duration
	// CorrespondKey is the public key that the path of the refresh's page is
	// encrypted with. Nil is the site's own.
	CorrespondKey *rsa.PublicKey
	// Intl is what the international site is told about its visitor.
	Intl IntlOptions
	// Proxied makes what carries requests by a proxy; nil is the client's own. It
	// is held to the same as Transport.
	Proxied func(proxy *url.URL) http.RoundTripper
	// Observe is told of each request that was sent: to which host, what came of
	// it, and how long that took. It does next to nothing; nil tells nobody.
	Observe func(host string, class Class, took time.Duration)
}

// Client speaks to the site. It is safe for concurrent use and holds nothing
// that has to be closed.
type Client struct {
	bases     bases
	real      bool
	limiter   *Limiter
	transport http.RoundTripper
	timeout   time.Duration
	key       *rsa.PublicKey
	// visitor is what the international site is told about it.
	visitor IntlOptions
	observe func(host string, class Class, took time.Duration)
	proxied func(proxy *url.URL) http.RoundTripper
	// proxy is the host of the proxy that requests go by, "" for none of the
	// client's own.
	proxy string
	// forced lets requests pass an open breaker.
	forced bool
	// may says at the last moment whether a request may leave; nil lets all.
	may func() error
}

// New returns a client. The error names the option that cannot be used.
func New(o Options) (*Client, error) {
	b, err := o.Endpoints.parse()
	if err != nil {
		return nil, err
	}
	key := o.CorrespondKey
	if key == nil {
		key, err = ParseCorrespondKey([]byte(siteKey))
	} else {
		err = checkKey(key)
	}
	if err != nil {
		return nil, fmt.Errorf("correspond key: %w", err)
	}
	visitor, err := o.Intl.filled()
	if err != nil {
		return nil, err
	}
	c := &Client{
		bases: b, real: o.Endpoints.Real(), limiter: o.Limiter, transport: o.Transport, timeout: o.Timeout,
		key: key, visitor: visitor, observe: o.Observe, proxied: o.Proxied,
	}
	if c.limiter == nil {
		c.limiter = NewLimiter(Limits{Polite: c.real}, LimiterOptions{})
	}
	if c.transport == nil {
		c.transport = newTransport(http.ProxyFromEnvironment)
	}
	if c.proxied == nil {
		c.proxied = func(proxy *url.URL) http.RoundTripper { return newTransport(http.ProxyURL(proxy)) }
	}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	return c, nil
}

// Forced returns the client for what a person wants now: its requests pass an
// open breaker, and go before others. The rate and the budgets hold for them as
// for any other.
func (c *Client) Forced() *Client {
	f := *c
	f.forced = true
	return &f
}

// Gated returns the client whose requests leave only where may returns nil, which is
// asked after all waiting, right before one leaves.
func (c *Client) Gated(may func() error) *Client {
	g := *c
	g.may = may
	return &g
}

// Through returns the client for requests that go by a proxy. They have a limiter
// of their own: what the site thinks of one address says nothing of another.
func (c *Client) Through(proxy *url.URL, l *Limiter) *Client {
	p := *c
	p.limiter, p.transport, p.proxy = l, c.proxied(proxy), proxy.Host
	return &p
}

// newTransport keeps no connection after a reply. The price is a handshake for
// each of a few requests a minute; the gain is that net/http cannot repeat a
// GET by itself when a kept connection turns out to be dead. Such a repeat would
// not be counted, and on a poll it would turn a success whose reply was lost
// into "expired".
//
// So a connection has one request and one answer: their buffers are as large as those
// mostly are, and nobody has to find out whether the other side is still there.
func newTransport(proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	return &http.Transport{
		Proxy:                  proxy,
		OnProxyConnectResponse: connected,
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: -1}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		DisableKeepAlives:      true,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 256 << 10,
		ReadBufferSize:         2 << 10,
		WriteBufferSize:        2 << 10,
	}
}

// call is one request as the operations describe it.
type call struct {
	op     string
	site   Site // "" is Web
	device Device
	// session is nil where the request carries only the device.
	session *Session
	// cookies go along where there is no session yet.
	cookies []Cookie
	base    *url.URL
	path    string
	// rawPath is the path as the site wrote it, "" for the usual encoding.
	rawPath string
	// late gives the path at the moment of sending, after all waiting.
	late  func() (string, *Error)
	query string // raw
	// referer is the page that it comes from, "" for the site's front page.
	referer string
	// form makes it a POST with this body, post one even without.
	form secret.String
	post bool
	kind kind
	// poll: the code's own lifetime bounds these, not the hourly budget.
	poll bool
	// urgent: a person waits in front of a code that is running out, or what
	// the request before this one gave is.
	urgent bool
}

// kind is what a request expects back.
type kind string

const (
	kindJSON kind = ""     // the envelope
	kindHop  kind = "hop"  // a redirect or a page whose body nobody reads
	kindPage kind = "page" // a page that is read
)

// reply is what came back, whole or not.
type reply struct {
	envelope
	// sentAt is taken before the request left.
	sentAt time.Time
	// received is the site's own clock where it said so, else ours.
	received time.Time
	status   int
	cookies  []Cookie
	left     LeftOut
	location string
	page     []byte // of a kindPage
}

// ask sends one request through the limiter and reads its answer. The reply is
// returned beside an error too: its cookies may be all that is left of a
// success.
func (c *Client) ask(ctx context.Context, q call) (reply, error) {
	r, e := c.do(ctx, q)
	if e != nil {
		return r, e
	}
	return r, nil
}

func (c *Client) observed(host string, r reply, e *Error) {
	if c.observe == nil {
		return
	}
	class := OK
	if e != nil {
		class = e.Class
	}
	c.observe(host, class, time.Since(r.sentAt))
}

// do is the only way to the site.
func (c *Client) do(ctx context.Context, q call) (reply, *Error) {
	target := *q.base
	target.Path, target.RawPath, target.RawQuery = q.path, q.rawPath, q.query
	if !c.real && sitehost.Own(target.Hostname()) {
		return reply{}, &Error{
			Op: q.op, Class: Unknown, Err: ErrRefusedHost,
			Detail: "the endpoints are set to other hosts than the site's, so the site itself is not asked",
		}
	}
	pass, refused := c.limiter.enter(ctx, request{
		op: q.op, site: q.site, key: q.device.Key, host: target.Host, poll: q.poll, urgent: q.urgent || c.forced, forced: c.forced,
		polite: sitehost.Own(target.Hostname()),
	})
	if refused != nil {
		return reply{}, refused
	}
	// A panic is nobody's answer, and gives the account's turn back like any end.
	outcome := &Error{Op: q.op, Err: ErrNotAsked}
	defer func() { c.limiter.leave(pass, outcome) }()
	var r reply
	var e *Error
	if q.late != nil {
		target.Path, e = q.late()
	}
	if e == nil && c.may != nil {
		if err := c.may(); err != nil {
			e = &Error{Op: q.op, Class: Unreachable, Scope: ScopeAccount, Err: ErrNotAsked, Detail: "not asked: " + err.Error()}
		}
	}
	if e == nil {
		if r, e = c.exchange(ctx, q, &target); e != nil {
			e.Sent = true
		}
		c.observed(target.Host, r, e)
	}
	outcome = e
	return r, e
}
