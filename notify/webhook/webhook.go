package webhook

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// The headers of Standard Webhooks.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// Config is one endpoint.
type Config struct {
	// URL may hold credentials of its own, in any part of it; it is never shown.
	URL string
	// Secrets sign the message, each "whsec_…". While one is being rotated both
	// are given, and the receiver takes whichever it knows.
	Secrets []secret.String
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

// Channel sends to one endpoint. It is safe for concurrent use.
type Channel struct {
	post.Label
	client *post.Client
	keys   []secret.String
}

// Rate is high: the receiver is a program of one's own, which may count on every
// message and answers 429 where that is too much.
func (c *Channel) Rate() (messages int, per time.Duration) { return 600, time.Minute }

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	client, err := post.New("the webhook's url", cfg.URL, post.Options{
		AllowHTTP: cfg.AllowHTTP, Proxy: cfg.Proxy, Version: cfg.Version, Transport: cfg.Transport,
	})
	if err != nil {
		return nil, err
	}
	keys, err := parseSecrets(cfg.Secrets)
	if err != nil {
		return nil, err
	}
	return &Channel{Label: post.NewLabel("webhook", client.Host()), client: client, keys: keys}, nil
}

// Send posts the message once. The status alone is the answer.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	req := encode(m)
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header = http.Header{headerID: {m.ID}, headerTimestamp: {stamp}}
	if len(c.keys) > 0 {
		req.Header.Set(headerSignature, sign(c.keys, m.ID, stamp, req.Body))
	}
	reply, err := c.client.Do(ctx, req)
	if err != nil {
		return notify.Receipt{}, err
	}
	return notify.Receipt{Answer: reply.Line()}, nil
}
