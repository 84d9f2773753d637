package gotify

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

// The priorities at which Android makes a sound for a message, and vibrates.
const (
	prioritySound    = 5
	priorityVibrates = 8
)

const (
	maxTitle = 250
	maxText  = 4000
)

// Config is an application on a server.
type Config struct {
	// URL is the server.
	URL string
	// Token is the application's.
	Token secret.String
	// ClientToken, if given, is used to delete messages whose code has died.
	ClientToken secret.String
	HTTP        post.Options
}

// Channel sends as one application. It is safe for concurrent use.
type Channel struct {
	post.Label
	client        *post.Client
	token, eraser secret.String
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	token, eraser := strings.TrimSpace(cfg.Token.Reveal()), strings.TrimSpace(cfg.ClientToken.Reveal())
	if token == "" {
		return nil, errors.New("the application's token is missing")
	}
	if strings.ContainsFunc(token+eraser, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("a token must be printable ASCII")
	}
	client, err := post.New("the server's url", cfg.URL, cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{
		Label: post.NewLabel("gotify", client.Host()), client: client,
		token: secret.New(token), eraser: secret.New(eraser),
	}, nil
}

type message struct {
	Title    string  `json:"title"`
	Message  string  `json:"message"`
	Priority int     `json:"priority"`
	Extras   *extras `json:"extras,omitempty"`
}

type extras struct {
	Notification notification `json:"client::notification"`
}

type notification struct {
	Click click `json:"click"`
}

type click struct {
	URL string `json:"url"`
}

// Send sends the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	out := message{
		Title: wording.Clip(plain.Line(m.Title), maxTitle, wording.Runes), Message: wording.Body(m, maxText, wording.Runes), Priority: prioritySound,
	}
	if out.Message == "" {
		out.Message = out.Title // the server refuses an empty one
	}
	if link := wording.Link(m); link != "" {
		out.Priority, out.Extras = priorityVibrates, &extras{notification{click{link}}}
	}
	r := post.JSON(out, "message")
	r.Header = http.Header{"X-Gotify-Key": {c.token.Reveal()}}
	reply, err := c.client.Do(ctx, r)
	if err != nil {
		return notify.Receipt{}, err
	}
	var sent struct {
		ID int64 `json:"id"`
	}
	if !reply.Decode(&sent) || sent.ID <= 0 {
		return notify.Receipt{}, c.client.Nonsense(reply)
	}
	id := strconv.FormatInt(sent.ID, 10)
	receipt := notify.Receipt{Answer: "message " + id}
	if !c.eraser.IsZero() {
		receipt.Handle = notify.Handle(id)
	}
	return receipt, nil
}

// Retract deletes an earlier message.
func (c *Channel) Retract(ctx context.Context, earlier notify.Handle) error {
	id, err := strconv.ParseInt(string(earlier), 10, 64)
	if err != nil || id <= 0 || c.eraser.IsZero() {
		return c.client.Refused(post.Reply{}, post.Refusal{Reason: "there is no message that can be deleted"})
	}
	_, err = c.client.Do(ctx, post.Request{
		Method: http.MethodDelete, Path: []string{"message", string(earlier)}, Header: http.Header{"X-Gotify-Key": {c.eraser.Reveal()}},
	})
	return err
}
