package webhook

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
)

// The headers of Standard Webhooks.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// maxReply is how much of an answer is read. Only its status matters; a short
// rest is read so that the other side is not cut off while it writes.
const maxReply = 4 << 10

// Config is one endpoint.
type Config struct {
	// URL may hold credentials of its own, in any part of it; it is never shown.
	URL string
	// Secrets sign the message, each "whsec_…". While one is being rotated both
	// are given, and the receiver takes whichever it knows.
	Secrets []secret.String
	// AllowHTTP lets plain http leave the machine.
	AllowHTTP bool
	// Version is the program's, for the User-Agent.
	Version string
	// Transport takes the place of the guarded one, for tests and for a proxy.
	Transport http.RoundTripper
}

// Channel sends to one endpoint. It is safe for concurrent use.
type Channel struct {
	url    secret.String
	host   string
	keys   []secret.String
	agent  string
	client *http.Client
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	u, err := checkURL(cfg.URL, cfg.AllowHTTP)
	if err != nil {
		return nil, err
	}
	keys, err := parseSecrets(cfg.Secrets)
	if err != nil {
		return nil, err
	}
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport(u.Scheme == "http" && !cfg.AllowHTTP)
	}
	agent := "bilikeeper"
	if cfg.Version != "" {
		agent += "/" + cfg.Version
	}
	return &Channel{
		url: secret.New(u.String()), host: u.Host, keys: keys, agent: agent,
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// checkURL says what is wrong with an address without repeating it.
func checkURL(raw string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return nil, errors.New("the webhook's url cannot be read")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the webhook's url must begin with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("the webhook's url names no host")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err == nil && forbidden(addr) {
		return nil, fmt.Errorf("%w: %s", ErrForbiddenAddress, addr)
	}
	local := u.Hostname() == "localhost" || err == nil && addr.Unmap().IsLoopback()
	if u.Scheme == "http" && !local && !allowHTTP {
		return nil, fmt.Errorf("%w: a login code would cross the network in the clear", ErrPlainHTTP)
	}
	return u, nil
}

// String names the endpoint by its host alone.
func (c Channel) String() string { return "webhook " + c.host }

// Format implements fmt.Formatter: fmt prints unexported fields without asking
// their types, so secrets that sit in them do not redact themselves.
func (c Channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// Send posts the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	now := time.Now()
	if m.Expired(now) {
		return notify.Receipt{}, &notify.SendError{Err: notify.ErrExpired}
	}
	body, err := encode(m)
	if err != nil {
		return notify.Receipt{}, c.failed(false, 0, &Error{Reason: "the message cannot be encoded"})
	}
	req, err := c.request(ctx, m.ID, now, body)
	if err != nil {
		return notify.Receipt{}, c.failed(false, 0, &Error{Reason: "the request cannot be built"})
	}
	resp, err := c.client.Do(req)
	if err != nil {
		e := transportError(ctx, err)
		return notify.Receipt{}, c.failed(!errors.Is(e, ErrForbiddenAddress) && !errors.Is(e, ErrPlainHTTP), 0, e)
	}
	defer resp.Body.Close()
	// The status is the answer; a body that breaks off does not unsay it.
	_, _ = io.CopyN(io.Discard, resp.Body, maxReply)
	return c.judge(resp, now)
}

func (c *Channel) request(ctx context.Context, id string, now time.Time, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.Reveal(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set(headerID, id)
	req.Header.Set(headerTimestamp, stamp)
	if len(c.keys) > 0 {
		req.Header.Set(headerSignature, sign(c.keys, id, stamp, body))
	}
	return req, nil
}

// judge reads the status: what the service may take later, and what it never
// will.
func (c *Channel) judge(resp *http.Response, now time.Time) (notify.Receipt, error) {
	code := resp.StatusCode
	text := strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
	e := &Error{Status: code, Reason: "answered " + text}
	switch {
	case code/100 == 2:
		return notify.Receipt{Answer: text}, nil
	case code/100 == 3:
		e.Reason += "; redirects are not followed"
		return notify.Receipt{}, c.failed(false, 0, e)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code/100 == 5:
		return notify.Receipt{}, c.failed(true, retryAfter(resp.Header.Get("Retry-After"), now), e)
	default:
		return notify.Receipt{}, c.failed(false, 0, e)
	}
}

func (c *Channel) failed(retry bool, after time.Duration, e *Error) error {
	e.Host = cmp.Or(e.Host, c.host)
	return &notify.SendError{Retry: retry, After: after, Err: e}
}
