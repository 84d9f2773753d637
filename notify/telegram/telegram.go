package telegram

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

// What the Bot API lets people read. It counts characters; where it counts
// UTF-16 units instead, a text of emoji is cut a little early.
const (
	maxCaption = 1024
	maxText    = 4096
)

const defaultURL = "https://api.telegram.org"

var (
	tokenPattern = lazyregexp.New(`^[0-9]+:[A-Za-z0-9_-]{10,}$`)
	chatPattern  = lazyregexp.New(`^(-?[0-9]+|@[A-Za-z0-9_]{4,})$`)
)

// Config is a bot and the chat it writes to.
type Config struct {
	// Token is what BotFather gave: "123456:ABC…".
	Token secret.String
	// Chat is a numeric id, negative for groups, or @name of a channel.
	Chat string
	// Topic is the id of a topic in a group that has them, 0 for none.
	Topic int64
	// Commands lets the chat ask for things; the labels are the buttons' texts.
	Commands                bool
	CodeLabel, MorningLabel string
	// BaseURL is a Bot API server of one's own; "" is Telegram's.
	BaseURL string
	HTTP    post.Options
}

// Channel writes to one chat. It is safe for concurrent use.
type Channel struct {
	post.Label
	client *post.Client
	bot    secret.String // "bot" and the token, the first element of each path
	chat   string
	topic  int64

	commands                bool
	codeLabel, morningLabel string
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	token := strings.TrimSpace(cfg.Token.Reveal())
	switch {
	case !tokenPattern().MatchString(token):
		return nil, errors.New("the bot's token must be digits, a colon and what follows, as BotFather gave it")
	case !chatPattern().MatchString(cfg.Chat):
		return nil, errors.New("the chat must be a number or @name")
	case cfg.Topic < 0:
		return nil, errors.New("the topic must be a positive number")
	}
	client, err := post.New("the server's url", cmp.Or(cfg.BaseURL, defaultURL), cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Channel{
		Label: post.NewLabel("telegram", client.Host()), client: client,
		bot: secret.New("bot" + token), chat: cfg.Chat, topic: cfg.Topic,
		commands: cfg.Commands, codeLabel: cfg.CodeLabel, morningLabel: cfg.MorningLabel,
	}, nil
}

// Rate is half of the 20 messages a minute that a group gets.
func (c *Channel) Rate() (messages int, per time.Duration) { return 10, time.Minute }

type message struct {
	Chat    string         `json:"chat_id"`
	Topic   int64          `json:"message_thread_id,omitempty"`
	Text    string         `json:"text"`
	Preview previewOptions `json:"link_preview_options"`
	Markup  *keyboard      `json:"reply_markup,omitempty"`
}

type previewOptions struct {
	Disabled bool `json:"is_disabled"`
}

type media struct {
	Type    string `json:"type"`
	Media   string `json:"media"`
	Caption string `json:"caption"`
}

type reference struct {
	Chat    string `json:"chat_id"`
	Message int64  `json:"message_id"`
}

// Send writes the message once: a photo where there is a picture.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	if m.Login == nil || len(m.Login.PNG) == 0 {
		return c.call(ctx, post.JSON(message{
			Chat: c.chat, Topic: c.topic, Text: wording.Whole(m, maxText, wording.UTF16), Preview: previewOptions{Disabled: true},
			Markup: c.buttons(m),
		}, c.bot.Reveal(), "sendMessage"))
	}
	var form post.Form
	form.Field("chat_id", c.chat)
	if c.topic != 0 {
		form.Field("message_thread_id", strconv.FormatInt(c.topic, 10))
	}
	form.Field("caption", wording.Whole(m, maxCaption, wording.UTF16))
	if k := c.buttons(m); k != nil {
		form.Field("reply_markup", string(post.JSON(k).Body))
	}
	form.File("photo", "qr.png", "image/png", m.Login.PNG)
	return c.call(ctx, form.Request(c.bot.Reveal(), "sendPhoto"))
}

// Replace puts another photo and caption into an earlier message.
func (c *Channel) Replace(ctx context.Context, m notify.Message, earlier notify.Handle) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	id, err := c.number(earlier)
	if err != nil {
		return notify.Receipt{}, err
	}
	if m.Login == nil || len(m.Login.PNG) == 0 {
		return notify.Receipt{}, c.client.Refused(post.Reply{}, post.Refusal{Reason: "a photo is replaced by a photo only"})
	}
	var form post.Form
	form.Field("chat_id", c.chat)
	form.Field("message_id", strconv.FormatInt(id, 10))
	form.Field("media", string(post.JSON(media{
		Type: "photo", Media: "attach://photo", Caption: wording.Whole(m, maxCaption, wording.UTF16),
	}).Body))
	form.File("photo", "qr.png", "image/png", m.Login.PNG)
	receipt, err := c.call(ctx, form.Request(c.bot.Reveal(), "editMessageMedia"))
	// The answer to this very edit was lost on an earlier try.
	if own, ok := errors.AsType[*post.Error](err); ok && own.Reason == unchanged {
		return notify.Receipt{Answer: "nothing to change", Handle: earlier}, nil
	}
	return receipt, err
}

// Retract deletes an earlier message.
func (c *Channel) Retract(ctx context.Context, earlier notify.Handle) error {
	id, err := c.number(earlier)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, post.JSON(reference{Chat: c.chat, Message: id}, c.bot.Reveal(), "deleteMessage"))
	return err
}

func (c *Channel) number(h notify.Handle) (int64, error) {
	id, err := strconv.ParseInt(string(h), 10, 64)
	if err != nil || id <= 0 {
		return 0, c.client.NoMessage()
	}
	return id, nil
}
