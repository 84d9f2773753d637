package bark

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

// What fits into one push with room for the link, in bytes.
const (
	maxTitle = 256
	maxBody  = 2000
)

const defaultURL = "https://api.day.app"

var (
	keyPattern = lazyregexp.New(`^[A-Za-z0-9]{8,64}$`)
	idPattern  = lazyregexp.New(`^[-_A-Za-z0-9]{1,64}$`)
)

// Config is one device.
type Config struct {
	// URL is the server; "" is the public one.
	URL string
	// DeviceKey is what the app shows in its test address.
	DeviceKey secret.String
	// Group collects the pushes in the app; "" means bilikeeper.
	Group string
	HTTP  post.Options
}

// Channel pushes to one device. It is safe for concurrent use.
type Channel struct {
	post.Label
	client *post.Client
	key    secret.String
	group  string
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	key := strings.TrimSpace(cfg.DeviceKey.Reveal())
	if !keyPattern().MatchString(key) {
		return nil, errors.New("the device key must be letters and digits, as in the app's test address")
	}
	client, err := post.New("the server's url", cmp.Or(cfg.URL, defaultURL), cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{
		Label: post.NewLabel("bark", client.Host()), client: client,
		key: secret.New(key), group: cmp.Or(cfg.Group, "bilikeeper"),
	}, nil
}

type push struct {
	Key   string `json:"device_key"`
	ID    string `json:"id,omitempty"`
	Title string `json:"title"`
	Body  string `json:"body"`
	URL   string `json:"url,omitempty"`
	Group string `json:"group"`
	Level string `json:"level"`
	// TTL is how many seconds the app keeps the push.
	TTL string `json:"ttl,omitempty"`
}

// Send pushes the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	return c.push(ctx, m, m.ID)
}

// Replace pushes the message under the id of an earlier one.
func (c *Channel) Replace(ctx context.Context, m notify.Message, earlier notify.Handle) (notify.Receipt, error) {
	if !idPattern().MatchString(string(earlier)) {
		return notify.Receipt{}, c.client.NoMessage()
	}
	return c.push(ctx, m, string(earlier))
}

func (c *Channel) push(ctx context.Context, m notify.Message, id string) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	if !idPattern().MatchString(id) {
		id = "" // Apple takes 64 bytes, and would refuse the whole push
	}
	p := push{
		Key: c.key.Reveal(), ID: id, Group: c.group, Level: "active",
		// Of the two links the app takes one. It runs on the phone that most likely
		// has the site's own app.
		URL:   cmp.Or(wording.AppLink(m), wording.Link(m)),
		Title: wording.Clip(plain.Line(m.Title), maxTitle, wording.Bytes), Body: wording.Clip(m.Text, maxBody, wording.Bytes),
	}
	if m.Login != nil {
		p.Level = "timeSensitive"
	}
	if m.Login != nil && m.Login.PageURL == "" {
		// Without a page the push is worth as much as its code.
		p.TTL = strconv.FormatInt(int64(time.Until(m.Login.ExpiresAt)/time.Second)+1, 10)
	}
	receipt, err := c.client.Coded(ctx, post.JSON(p, "push"), post.Codes{Key: "code", Taken: 200, Meaning: meaning})
	if err == nil {
		receipt.Handle = notify.Handle(id)
	}
	return receipt, err
}

// meaning says what a code means: they are those of HTTP.
func meaning(code int64) post.Refusal { return post.Refusal{Retry: code >= 500} }
