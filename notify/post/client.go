package post

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/dialguard"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
)

// maxReply is how much of an answer is read; services answer in a few hundred
// bytes, and what is longer is not theirs.
const maxReply = 64 << 10

// Options are the same for all channels that speak HTTP.
type Options struct {
	// AllowHTTP lets plain http leave the machine.
	AllowHTTP bool
	// Proxy is an http, https, socks5 or socks5h URL; without one the
	// environment decides.
	Proxy secret.String
	// Version is the program's, for the User-Agent.
	Version string
	// Transport takes the place of the guarded one, for tests.
	Transport http.RoundTripper
}

// Client sends to one service. It is safe for concurrent use.
type Client struct {
	Label
	// base may hold credentials in any part.
	base  secret.String
	host  string
	agent string
	http  *http.Client
}

// Label is what a channel prints as: fmt prints unexported fields without
// asking their types, so secrets that sit in them do not redact themselves.
// Channels embed it.
type Label struct{ text string }

// NewLabel makes the label of a channel of a kind that sends to host.
func NewLabel(kind, host string) Label { return Label{kind + " " + host} }

// String implements [fmt.Stringer].
func (l Label) String() string { return l.text }

// Format implements [fmt.Formatter], for all verbs alike.
func (l Label) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, l.text) }

// New checks the address of a service, which what names in errors. It connects
// to nothing.
func New(what, base string, o Options) (*Client, error) {
	u, err := checkURL(what, base, o.AllowHTTP)
	if err != nil {
		return nil, err
	}
	proxy, err := dialguard.ParseProxy(o.Proxy.Reveal())
	if err != nil {
		return nil, err
	}
	transport := o.Transport
	if transport == nil {
		transport = newTransport(u.Scheme == "http" && !o.AllowHTTP, proxy)
	}
	agent := "bilikeeper"
	if o.Version != "" {
		agent += "/" + o.Version
	}
	return &Client{
		Label: NewLabel("client of", u.Host),
		base:  secret.New(u.String()), host: u.Host, agent: agent,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Host is the service's host and port.
func (c *Client) Host() string { return c.host }

// Request is one request. The zero value is an empty POST to the base.
type Request struct {
	Method string
	// Path is put after the base's path, and Query beside its query. The
	// elements are the channel's own or checked by it.
	Path   []string
	Query  url.Values
	Header http.Header
	Type   string
	Body   []byte
}

// JSON makes the request that has v as its body.
func JSON(v any, path ...string) Request {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	// A URL with \u0026 in it is correct, and hard to read in a receiver's log.
	enc.SetEscapeHTML(false)
	// What channels encode are structs of texts and numbers: it cannot fail.
	_ = enc.Encode(v)
	return Request{Path: path, Type: "application/json", Body: bytes.TrimRight(buf.Bytes(), "\n")}
}

// Reply is what a service answered.
type Reply struct {
	Status int
	Header http.Header
	// Body is the answer, nil where it was longer than a service's answer is.
	Body []byte
}

// Line is the status for people: "204 No Content".
func (r Reply) Line() string {
	return strings.TrimSpace(strconv.Itoa(r.Status) + " " + http.StatusText(r.Status))
}

// Decode reads the body as JSON and reports whether it was.
func (r Reply) Decode(v any) bool { return json.Unmarshal(r.Body, v) == nil }

// Do sends a request once. Its error is a *notify.SendError with an *Error in
// it, by the status alone; the reply is valid beside one whenever its Status is
// not 0.
func (c *Client) Do(ctx context.Context, r Request) (Reply, error) {
	now := time.Now()
	req, err := c.build(ctx, r)
	if err != nil {
		return Reply{}, c.Refused(Reply{}, Refusal{Reason: "the request cannot be built"})
	}
	resp, err := c.http.Do(req)
	if err != nil {
		e := transportError(ctx, err)
		e.Host = c.host
		retry := !errors.Is(e, ErrForbiddenAddress) && !errors.Is(e, ErrPlainHTTP)
		return Reply{}, &notify.SendError{Retry: retry, Err: e}
	}
	defer resp.Body.Close()
	reply := Reply{Status: resp.StatusCode, Header: resp.Header}
	// The status is the answer; a body that breaks off does not unsay it.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err == nil && len(body) <= maxReply {
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
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	req.Header.Set("User-Agent", c.agent)
	return req, nil
}
