package outbound

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// maxReply is how much of an answer is read unless Options say otherwise;
// services answer in a few hundred bytes, and what is longer is not theirs.
const maxReply = 64 << 10

// Options are how an address is reached. The zero value is guarded.
type Options struct {
	// AllowHTTP lets plain http leave the machine.
	AllowHTTP bool
	// Proxy is an http, https, socks5 or socks5h URL; without one the
	// environment decides.
	Proxy secret.String
	// Strict is for what nobody on the way may get who was not named: the
	// environment names no proxy, and a proxy is not spoken to in the clear unless
	// AllowHTTP is set.
	Strict bool
	// MaxReply takes the place of the usual limit of an answer.
	MaxReply int64
	// Version is the program's, for the User-Agent.
	Version string
	// Transport takes the place of the guarded one, for tests.
	Transport http.RoundTripper
}

// Client sends to one address. It is safe for concurrent use.
type Client struct {
	Label
	// base may hold credentials in any part.
	base  secret.String
	host  string
	agent string
	most  int64
	http  *http.Client
}

// Label is what something prints as that has an address in it: fmt prints
// unexported fields without asking their types, so secrets that sit in them do
// not redact themselves. Types embed it.
type Label struct{ text string }

// NewLabel makes the label of a thing of a kind that sends to host.
func NewLabel(kind, host string) Label { return Label{kind + " " + host} }

// String implements [fmt.Stringer].
func (l Label) String() string { return l.text }

// Format implements [fmt.Formatter], for all verbs alike.
func (l Label) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, l.text) }

// New checks an address, which what names in errors. It connects to nothing.
func New(what, address string, o Options) (*Client, error) {
	u, err := parseURL(what, address, o.AllowHTTP)
	if err != nil {
		return nil, err
	}
	proxy, err := ParseProxy(o.Proxy.Reveal())
	if err != nil {
		return nil, err
	}
	inClear := u.Scheme == "http" && !o.AllowHTTP
	if inClear && proxy != nil && o.Strict {
		return nil, fmt.Errorf("%s goes to a proxy in the clear: %w", what, ErrPlainHTTP)
	}
	transport := o.Transport
	if transport == nil {
		through := http.ProxyFromEnvironment
		switch {
		case proxy != nil:
			through = http.ProxyURL(proxy)
		case o.Strict:
			through = nil
		}
		transport = newTransport(inClear && proxy == nil, through)
	}
	return &Client{
		Label: NewLabel("client of", u.Host),
		base:  secret.New(u.String()), host: u.Host, most: cmp.Or(o.MaxReply, maxReply),
		agent: strings.TrimSuffix("bilikeeper/"+o.Version, "/"),
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// newTransport returns a transport for seldom requests with small answers. The
// dialer sees the proxy's address where proxy names one; the other side's is
// then for the proxy to look up.
func newTransport(localOnly bool, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	return &http.Transport{
		Proxy:               proxy,
		DialContext:         Dialer(localOnly).DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		// Requests are rare, and an idle connection is a goroutine that nobody
		// stops when the configuration changes.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 32 << 10,
		// An answer of a few bytes can unpack into gigabytes.
		DisableCompression: true,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
			if r.StatusCode != http.StatusOK {
				return ErrProxyRefused
			}
			return nil
		},
	}
}

// Host is the host and port that the client sends to.
func (c *Client) Host() string { return c.host }

// Request is one request. The zero value is an empty POST to the base.
type Request struct {
	Method string
	// Path is put after the base's path, and Query beside its query. The
	// elements are the caller's own or checked by it.
	Path  []string
	Query url.Values
	// Header goes over what the client itself sets; Host is the request's.
	Header http.Header
	Type   string
	Body   []byte
}

// Reply is what the other side answered.
type Reply struct {
	Status int
	Header http.Header
	// Body is the answer, nil where it was longer than the limit.
	Body []byte
	// Broken is why the body could not be read to its end, nil where it was. The
	// status is the answer; a body that breaks off does not unsay it.
	Broken *Error
}

// Line is the status for people: "204 No Content".
func (r Reply) Line() string {
	return strings.TrimSpace(strconv.Itoa(r.Status) + " " + http.StatusText(r.Status))
}

// Decode reads the body as JSON and reports whether it was.
func (r Reply) Decode(v any) bool { return json.Unmarshal(r.Body, v) == nil }

// Do sends a request once. Its error is an *Error, by the status alone; the
// reply is valid beside one whenever its Status is not 0.
func (c *Client) Do(ctx context.Context, r Request) (Reply, error) {
	now := time.Now()
	req, err := c.build(ctx, r)
	if err != nil {
		return Reply{}, &Error{Host: c.host, Reason: "the request cannot be built"}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Reply{}, Explain(ctx, c.host, err)
	}
	defer resp.Body.Close()
	reply := Reply{Status: resp.StatusCode, Header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.most+1))
	switch {
	case err != nil:
		reply.Broken = Explain(ctx, c.host, err)
	case int64(len(body)) <= c.most:
		reply.Body = body
	}
	return reply, c.judge(reply, now)
}

func (c *Client) build(ctx context.Context, r Request) (*http.Request, error) {
	u, err := url.Parse(c.base.Reveal())
	if err != nil {
		return nil, err
	}
	if len(r.Path) > 0 {
		u = u.JoinPath(r.Path...)
	}
	if len(r.Query) > 0 {
		query := u.Query()
		for name, values := range r.Query {
			query[name] = values
		}
		u.RawQuery = query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, cmp.Or(r.Method, http.MethodPost), u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.agent)
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	return req, nil
}
