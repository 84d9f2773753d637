package feishu

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

const (
	maxTitle = 200
	// maxSize is of what size counts, half of the 20 KB that a message has: JSON
	// escapes some characters, and the title and the link want room, too.
	maxSize = 9000
)

// size is what a text takes up in a message, where each line is an element.
func size(s string) int { return len(s) + 40*strings.Count(s, "\n") }

// Config is one bot.
type Config struct {
	// URL is what Feishu or Lark shows for the bot; its path is the token.
	URL secret.String
	// Secret signs, where the bot's protection is a signature.
	Secret secret.String
	// OpenLabel is the link's text; "" means "Open".
	OpenLabel string
	HTTP      post.Options
}

// Channel writes through one bot. It is safe for concurrent use.
type Channel struct {
	post.Label
	client *post.Client
	secret secret.String
	open   string
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	client, err := post.New("the bot's url", cfg.URL.Reveal(), cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{
		Label: post.NewLabel("feishu", client.Host()), client: client,
		secret: secret.New(strings.TrimSpace(cfg.Secret.Reveal())), open: cmp.Or(cfg.OpenLabel, "Open"),
	}, nil
}

// Rate keeps below 5 messages a second and 100 a minute.
func (c *Channel) Rate() (messages int, per time.Duration) { return 4, 4 * time.Second }

type message struct {
	Timestamp string  `json:"timestamp,omitempty"`
	Sign      string  `json:"sign,omitempty"`
	Kind      string  `json:"msg_type"`
	Content   content `json:"content"`
}

// A post is written per language and shown in the first that there is.
type content struct {
	Post struct {
		Any article `json:"zh_cn"`
	} `json:"post"`
}

type article struct {
	Title string      `json:"title"`
	Lines [][]element `json:"content"`
}

type element struct {
	Tag  string `json:"tag"`
	Text string `json:"text"`
	Href string `json:"href,omitempty"`
}

// Send writes the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	out := message{Kind: "post"}
	out.Content.Post.Any = c.compose(m)
	if !c.secret.IsZero() {
		out.Timestamp = strconv.FormatInt(time.Now().Unix(), 10)
		out.Sign = sign(c.secret, out.Timestamp)
	}
	reply, err := c.client.Do(ctx, post.JSON(out))
	// A refusal comes as 200 or as 400, and the code says more than either.
	var said struct {
		Code *int   `json:"code"`
		Old  *int   `json:"StatusCode"`
		Text string `json:"msg"`
	}
	decoded := reply.Decode(&said)
	code := cmp.Or(said.Code, said.Old)
	switch {
	case decoded && code != nil && *code != 0 && (err == nil || reply.Status == http.StatusBadRequest):
		return notify.Receipt{}, c.client.Refused(reply, meaning(*code, said.Text, reply.Header))
	case decoded && code != nil && *code != 0 && reply.Status == http.StatusTooManyRequests:
		return notify.Receipt{}, c.client.Refine(reply, err, meaning(*code, said.Text, reply.Header))
	case err != nil:
		return notify.Receipt{}, err
	case !decoded || code == nil:
		return notify.Receipt{}, c.client.Nonsense(reply)
	}
	return notify.Receipt{Answer: "code 0"}, nil
}

func (c *Channel) compose(m notify.Message) article {
	a := article{Title: wording.Clip(plain.Line(m.Title), maxTitle, wording.Runes)}
	for line := range strings.Lines(wording.Clip(m.Text, maxSize, size)) {
		a.Lines = append(a.Lines, []element{{Tag: "text", Text: strings.TrimSuffix(line, "\n")}})
	}
	if link := wording.Link(m); link != "" {
		a.Lines = append(a.Lines, []element{{Tag: "a", Text: c.open, Href: link}})
	}
	if link := wording.AppLink(m); link != "" {
		// The service opens no other addresses than those of the web.
		a.Lines = append(a.Lines, []element{{Tag: "text", Text: link}})
	}
	return a
}

func sign(key secret.String, stamp string) string {
	mac := hmac.New(sha256.New, []byte(stamp+"\n"+key.Reveal()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// meaning says what a code means. Of the text it wants to know one thing only,
// which the code alone does not say.
func meaning(code int, text string, header http.Header) post.Refusal {
	r := post.Refusal{Code: strconv.Itoa(code)}
	tooMany := code == 9499 && strings.Contains(text, "too many request")
	switch {
	case tooMany, code == 11232, code == 99991400:
		wait, _ := strconv.ParseFloat(header.Get("X-Ogw-Ratelimit-Reset"), 64)
		r.Retry, r.After, r.Reason = true, max(time.Minute, post.Seconds(wait)), "too many messages"
		return r
	}
	switch code {
	case 1500:
		r.Retry, r.Reason = true, "the service is in trouble"
	case 9499:
		r.Reason = "the message is not as it should be"
	case 19001:
		r.Reason = "the bot's url is not valid, or the bot was removed"
	case 19021:
		r.Reason = "the signing secret is wrong, or this machine's clock is off by an hour"
	case 19022:
		r.Reason = "this machine's address is not on the bot's list"
	case 19024:
		r.Reason = "the bot's keyword is not in the message"
	}
	return r
}
