package ntfy

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
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

// What a message may have, in bytes. In a header it shares the room that servers
// and proxies leave for all of them, where base64 adds a third.
const (
	maxBody   = 4000
	maxHeader = 2000
	maxTitle  = 250
)

const defaultURL = "https://ntfy.sh"

// The codes of a server that does not take the picture.
const (
	codeNoAttachments = 40014
	codeTooLarge      = 41301
	codeBandwidth     = 42905
)

var (
	topicPattern    = lazyregexp.New(`^[-_A-Za-z0-9]{1,64}$`)
	sequencePattern = lazyregexp.New(`^[-_A-Za-z0-9]{1,64}$`)
)

// Config is one topic.
type Config struct {
	// URL is the server; "" is the public one.
	URL   string
	Topic secret.String
	// Token is an access token, "tk_…", where the server wants one; User and
	// Password in the URL work as well.
	Token secret.String
	// OpenLabel names the button that opens the link; "" means "Open".
	OpenLabel string
	HTTP      post.Options
}

// Channel publishes to one topic. It is safe for concurrent use.
type Channel struct {
	post.Label
	client *post.Client
	topic  secret.String
	token  secret.String
	label  string
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	topic := strings.TrimSpace(cfg.Topic.Reveal())
	if !topicPattern().MatchString(topic) {
		return nil, errors.New("the topic must be letters, digits, - and _, at most 64")
	}
	token := strings.TrimSpace(cfg.Token.Reveal())
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the token must be printable ASCII")
	}
	client, err := post.New("the server's url", cmp.Or(cfg.URL, defaultURL), cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{
		Label: post.NewLabel("ntfy", client.Host()), client: client,
		topic: secret.New(topic), token: secret.New(token), label: cmp.Or(cfg.OpenLabel, "Open"),
	}, nil
}

// Rate is half of what the server gives an address by default: one message can
// take two requests, and people's phones may ask from the same address.
func (c *Channel) Rate() (messages int, per time.Duration) { return 30, 5 * time.Minute }

// Send publishes the message once, and once more without its picture where the
// server takes none.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	return c.publish(ctx, m, m.ID)
}

// Replace publishes the message under the sequence of an earlier one.
func (c *Channel) Replace(ctx context.Context, m notify.Message, earlier notify.Handle) (notify.Receipt, error) {
	if err := c.check(earlier); err != nil {
		return notify.Receipt{}, err
	}
	return c.publish(ctx, m, string(earlier))
}

// Retract has the clients remove an earlier message.
func (c *Channel) Retract(ctx context.Context, earlier notify.Handle) error {
	if err := c.check(earlier); err != nil {
		return err
	}
	_, err := c.client.Do(ctx, post.Request{
		Method: http.MethodDelete, Path: []string{c.topic.Reveal(), string(earlier)}, Header: c.authorization(),
	})
	return err
}

func (c *Channel) check(h notify.Handle) error {
	if !sequencePattern().MatchString(string(h)) {
		return c.client.NoMessage()
	}
	return nil
}

func (c *Channel) publish(ctx context.Context, m notify.Message, sequence string) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	picture := m.Login != nil && len(m.Login.PNG) > 0
	reply, err := c.client.Do(ctx, c.request(m, sequence, picture))
	var said answer
	decoded := reply.Decode(&said)
	if err != nil && decoded && picture && said.noPicture() {
		if err := post.Alive(m); err != nil {
			return notify.Receipt{}, err
		}
		reply, err = c.client.Do(ctx, c.request(m, sequence, false))
		said = answer{}
		decoded = reply.Decode(&said)
	}
	switch {
	case err != nil && decoded:
		return notify.Receipt{}, c.client.Refine(reply, err, said.meaning())
	case err != nil:
		return notify.Receipt{}, err
	case !decoded || said.ID == "":
		return notify.Receipt{}, c.client.Nonsense(reply)
	}
	receipt := notify.Receipt{Answer: reply.Line()}
	// A server that does not know sequences leaves them out of its answer.
	if said.Sequence == sequence && sequencePattern().MatchString(sequence) {
		receipt.Handle = notify.Handle(sequence)
	}
	return receipt, nil
}

// request writes the message as a request. What is no code's picture goes into
// the body, the rest into headers.
func (c *Channel) request(m notify.Message, sequence string, picture bool) post.Request {
	r := post.Request{Method: http.MethodPut, Path: []string{c.topic.Reveal()}, Header: c.authorization()}
	set := func(name, value string) { r.Header.Set(name, mime.BEncoding.Encode("utf-8", value)) }
	set("Title", wording.Clip(plain.Line(m.Title), maxTitle, wording.Bytes))
	set("Priority", priority(m))
	if sequencePattern().MatchString(sequence) {
		set("X-Sequence-ID", sequence)
	}
	if link := wording.Link(m); link != "" {
		set("Click", link)
		set("Actions", c.actions(link, wording.AppLink(m)))
	}
	if picture {
		set("Filename", "qr.png")
		set("Message", strings.ReplaceAll(wording.Body(m, maxHeader, wording.Bytes), "\n", `\n`))
		r.Type, r.Body = "image/png", m.Login.PNG
		return r
	}
	r.Type, r.Body = "text/plain; charset=utf-8", []byte(wording.Body(m, maxBody, wording.Bytes))
	return r
}

type action struct {
	Action string `json:"action"`
	Label  string `json:"label"`
	URL    string `json:"url"`
}

func (c *Channel) actions(link, app string) string {
	list := []action{{Action: "view", Label: c.label, URL: link}}
	if app != "" {
		list = append(list, action{Action: "view", Label: "App", URL: app})
	}
	return string(post.JSON(list).Body)
}

func (c *Channel) authorization() http.Header {
	h := http.Header{}
	if !c.token.IsZero() {
		h.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	return h
}

// priority is high for what wants a person to act.
func priority(m notify.Message) string {
	switch m.Type {
	case "login.required", "login.code", "login.failed", "account.attention":
		return "high"
	}
	return "default"
}

type answer struct {
	ID       string `json:"id"`
	Sequence string `json:"sequence_id"`
	Code     int    `json:"code"`
}

func (a answer) noPicture() bool {
	return a.Code == codeNoAttachments || a.Code == codeTooLarge || a.Code == codeBandwidth
}

// meaning says what a code means. Another try is for the status to decide.
func (a answer) meaning() post.Refusal {
	r := post.Refusal{Code: strconv.Itoa(a.Code)}
	switch a.Code {
	case 40101, 40301:
		r.Reason = "the token may not publish to the topic"
	case 40009, 40010:
		r.Reason = "the server does not take the topic's name"
	case codeNoAttachments, codeTooLarge:
		r.Reason = "the server does not take the message"
	case 42901:
		r.Reason = "too many requests"
	case 42908:
		// Nothing says when the server's day ends; a try is cheap.
		r.After, r.Reason = time.Hour, "the day's messages are used up"
	case 42909:
		r.After, r.Reason = 10*time.Minute, "too many requests with a wrong token"
	}
	return r
}
