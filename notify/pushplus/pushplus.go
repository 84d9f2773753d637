package pushplus

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

const (
	maxTitle = 100
	maxText  = 4000
	// maxPicture is far more than a code's picture has. The free account's page
	// holds 20,000 characters.
	maxPicture = 10 << 10
)

const defaultURL = "https://www.pushplus.plus"

var (
	tokenPattern = lazyregexp.New(`^[A-Za-z0-9]{16,64}$`)
	wordPattern  = lazyregexp.New(`^[-_A-Za-z0-9]{0,64}$`)
)

// Config is one user, or a group of theirs.
type Config struct {
	Token secret.String
	// Topic is a group's code, "" for the user alone. Channel is how the service
	// delivers, "wechat" by default, "mail" and more.
	Topic   string
	Channel string
	BaseURL string
	HTTP    post.Options
}

// Channel sends to one user or group. It is safe for concurrent use.
type Channel struct {
	post.Label
	client         *post.Client
	token          secret.String
	topic, channel string
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	token := strings.TrimSpace(cfg.Token.Reveal())
	switch {
	case !tokenPattern().MatchString(token):
		return nil, errors.New("the token must be letters and digits")
	case !wordPattern().MatchString(cfg.Topic):
		return nil, errors.New("the topic must be letters, digits, - and _")
	case !wordPattern().MatchString(cfg.Channel):
		return nil, errors.New("the channel must be letters")
	}
	client, err := post.New("the server's url", cmp.Or(cfg.BaseURL, defaultURL), cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{
		Label: post.NewLabel("pushplus", client.Host()), client: client,
		token: secret.New(token), topic: cfg.Topic, channel: cfg.Channel,
	}, nil
}

// Rate is half of the 200 requests that a free account has in a day.
func (c *Channel) Rate() (messages int, per time.Duration) { return 100, 24 * time.Hour }

type message struct {
	Token    string `json:"token"`
	Title    string `json:"title"`
	Content  string `json:"content"`
	Template string `json:"template"`
	Topic    string `json:"topic,omitempty"`
	Channel  string `json:"channel,omitempty"`
	// Until is when the service stops trying, in milliseconds.
	Until int64 `json:"timestamp,omitempty"`
}

// Send sends the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	out := message{
		Token: c.token.Reveal(), Title: wording.Clip(plain.Line(m.Title), maxTitle, wording.Runes),
		Content: content(m), Template: "html", Topic: c.topic, Channel: c.channel,
	}
	if m.Login != nil {
		out.Until = m.Login.ExpiresAt.UnixMilli()
	}
	return c.client.Coded(ctx, post.JSON(out, "send"), post.Codes{Key: "code", Taken: 200, Meaning: meaning})
}

// content writes the page.
func content(m notify.Message) string {
	var b strings.Builder
	shown := wording.Clip(m.Text, maxText, wording.Runes)
	for line := range strings.Lines(shown) {
		b.WriteString("<p>" + wording.HTML(strings.TrimSuffix(line, "\n")) + "</p>")
	}
	if m.Login != nil && len(m.Login.PNG) > 0 && len(m.Login.PNG) <= maxPicture {
		b.WriteString(`<p><img alt="QR" src="data:image/png;base64,` + base64.StdEncoding.EncodeToString(m.Login.PNG) + `"></p>`)
	}
	if link := wording.Missing(m, shown); link != "" {
		b.WriteString("<p>" + wording.Anchor(link, link) + "</p>")
	}
	if link := wording.AppLink(m); link != "" {
		b.WriteString("<p>" + wording.Anchor(link, link) + "</p>")
	}
	return b.String()
}

func meaning(code int64) (r post.Refusal) {
	switch code {
	case 500:
		r.Retry, r.Reason = true, "the service is in trouble"
	case 302, 401, 403, 903:
		r.Reason = "the token is not valid, or may not be used from here"
	case 888:
		r.Reason = "no points are left"
	case 600, 999:
		r.Reason = "the message is not as it should be"
	case 805:
		r.Reason = "the account may not send there"
	case 900:
		// Each request more makes it last longer.
		r.Retry, r.After, r.Reason = true, post.UntilTomorrow(time.Now()), "too many requests today"
	case 905:
		r.Reason = "the account's identity is not verified"
	}
	return r
}
