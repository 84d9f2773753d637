package discord

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

// What Discord lets people read.
const (
	maxContent     = 1000 // half of what there may be: the title is one line, and may grow
	maxDescription = 4096
)

var idPattern = lazyregexp.New(`^[0-9]{1,20}$`)

// Config is one webhook.
type Config struct {
	// URL is what Discord shows for the webhook; whoever has it can write there.
	// thread_id= in its query names a thread.
	URL  secret.String
	HTTP post.Options
}

// Channel writes through one webhook. It is safe for concurrent use.
type Channel struct {
	post.Label
	client *post.Client
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	client, err := post.New("the webhook's url", cfg.URL.Reveal(), cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{Label: post.NewLabel("discord", client.Host()), client: client}, nil
}

// Rate keeps below 5 in two seconds and 30 in a minute.
func (c *Channel) Rate() (messages int, per time.Duration) { return 5, 12 * time.Second }

type payload struct {
	Content     string       `json:"content"`
	Embeds      []embed      `json:"embeds"`
	Mentions    mentions     `json:"allowed_mentions"`
	Attachments []attachment `json:"attachments"`
}

type embed struct {
	Description string `json:"description"`
	Image       *image `json:"image,omitempty"`
	Timestamp   string `json:"timestamp"`
}

type image struct {
	URL string `json:"url"`
}

type mentions struct {
	Parse []string `json:"parse"`
}

type attachment struct {
	ID       int    `json:"id"`
	Filename string `json:"filename"`
}

// compose writes the message as a request. The title is the content, because
// that is what a phone shows before it is opened.
func compose(m notify.Message) post.Request {
	bare := func(address string) string { return address }
	// In <> an address of a content is not opened for a preview.
	quiet := func(address string) string { return "<" + address + ">" }
	e := embed{
		Description: wording.Mark(wording.Body(m, maxDescription, escaped), escape, bare), Timestamp: m.Time.UTC().Format(time.RFC3339),
	}
	p := payload{
		Content:  wording.Mark(wording.Clip(plain.Line(m.Title), maxContent, escaped), escape, quiet),
		Mentions: mentions{Parse: []string{}}, Attachments: []attachment{},
	}
	if m.Login == nil || len(m.Login.PNG) == 0 {
		p.Embeds = []embed{e}
		return post.JSON(p)
	}
	e.Image = &image{URL: "attachment://qr.png"}
	p.Embeds, p.Attachments = []embed{e}, []attachment{{ID: 0, Filename: "qr.png"}}
	var form post.Form
	form.JSON("payload_json", p)
	form.File("files[0]", "qr.png", "image/png", m.Login.PNG)
	return form.Request()
}

// escape keeps a text from being taken for markup.
func escape(s string) string { return wording.Escape(s, "\\*_~|`>#[<") }

// escaped counts what a text becomes.
func escaped(s string) int { return wording.UTF16(escape(s)) }

// Send writes the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	r := compose(m)
	r.Query = url.Values{"wait": {"true"}}
	return c.call(ctx, r)
}

// Replace puts another content and picture into an earlier message.
func (c *Channel) Replace(ctx context.Context, m notify.Message, earlier notify.Handle) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	r := compose(m)
	r.Method, r.Path = http.MethodPatch, []string{"messages", string(earlier)}
	if err := c.check(earlier); err != nil {
		return notify.Receipt{}, err
	}
	return c.call(ctx, r)
}

// Retract deletes an earlier message.
func (c *Channel) Retract(ctx context.Context, earlier notify.Handle) error {
	if err := c.check(earlier); err != nil {
		return err
	}
	reply, err := c.client.Do(ctx, post.Request{Method: http.MethodDelete, Path: []string{"messages", string(earlier)}})
	return c.explain(reply, err)
}

func (c *Channel) check(h notify.Handle) error {
	if !idPattern().MatchString(string(h)) {
		return c.client.NoMessage()
	}
	return nil
}

func (c *Channel) call(ctx context.Context, r post.Request) (notify.Receipt, error) {
	reply, err := c.client.Do(ctx, r)
	if err := c.explain(reply, err); err != nil {
		return notify.Receipt{}, err
	}
	var sent struct {
		ID string `json:"id"`
	}
	if !reply.Decode(&sent) || !idPattern().MatchString(sent.ID) {
		return notify.Receipt{}, c.client.Nonsense(reply)
	}
	return notify.Receipt{Answer: "message " + sent.ID, Handle: notify.Handle(sent.ID)}, nil
}

// explain puts what Discord says into the error of a status.
func (c *Channel) explain(reply post.Reply, err error) error {
	var said struct {
		Code       int     `json:"code"`
		RetryAfter float64 `json:"retry_after"`
	}
	if err == nil || !reply.Decode(&said) {
		return err
	}
	return c.client.Refine(reply, err, post.Refusal{After: outbound.Seconds(said.RetryAfter), Reason: meaning(said.Code)})
}

func meaning(code int) string {
	switch code {
	case 10008:
		return "the message is not there any more"
	case 10015, 50027:
		return "the webhook was deleted, or its url is not whole"
	case 10003, 50083, 160005:
		return "the thread is not there any more, archived or locked"
	case 40005:
		return "the message is too large"
	case 240000:
		return "the service finds a link harmful"
	case 220001:
		return "a webhook of a forum needs thread_id= in its url"
	case 30046:
		return "too many edits of an old message"
	}
	return ""
}
