package telegram

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

const (
	// pollFor is how long the Bot API keeps a request open while nothing is
	// written, and pollLimit when an answer to it is given up.
	pollFor   = 50 * time.Second
	pollLimit = pollFor + 20*time.Second
	// leastPoll is how far two requests are apart that brought nothing.
	leastPoll = time.Second
	// stale is how old a message may be to be answered: whoever wrote it longer
	// ago, before the keeper was there, no longer waits.
	stale = time.Hour
	// answers is how many questions are answered at the same time, and answerLimit
	// how long one may take: a check asks twice, a minute apart.
	answers     = 4
	answerLimit = 5 * time.Minute
	// strangers is how many other chats are told, once each, that they are not
	// answered.
	strangers = 100
)

type update struct {
	ID      int64    `json:"update_id"`
	Message *written `json:"message"`
	Post    *written `json:"channel_post"`
	Button  *pressed `json:"callback_query"`
}

// written is a message in a chat.
type written struct {
	Date  int64  `json:"date"`
	Text  string `json:"text"`
	Topic int64  `json:"message_thread_id"`
	Chat  struct {
		ID   int64  `json:"id"`
		Name string `json:"username"`
	} `json:"chat"`
}

// pressed is a button that was pressed under a message of the bot.
type pressed struct {
	ID      string   `json:"id"`
	Data    string   `json:"data"`
	Message *written `json:"message"`
}

// Commands reports whether the bot answers in its chat.
func (c *Channel) Commands() bool { return c.commands }

// Inbox names the bot, by its public number: the channels of one bot share what is
// written to it, whichever chat it comes from.
func (c *Channel) Inbox() string {
	number, _, _ := strings.Cut(strings.TrimPrefix(c.bot.Reveal(), "bot"), ":")
	return "telegram " + number
}

// Listen answers what is asked in the bot's own chats until ctx ends. It is the
// bot's only reader: the Bot API refuses a second one, and one beside a webhook.
func (c *Channel) Listen(ctx context.Context, in notify.Inbox) error {
	l := listener{Channel: c, in: in, slots: make(chan struct{}, answers), told: map[int64]bool{}}
	defer l.running.Wait()
	wait := attempt.Backoff{First: time.Second, Most: time.Minute, MostAsked: time.Hour}
	for failures := 0; ctx.Err() == nil; {
		if err := l.round(ctx); err != nil && ctx.Err() == nil {
			failures++
			in.Trouble(err)
			attempt.Sleep(ctx, wait.Asked(failures, askedFor(err)))
			continue
		}
		failures = 0
		in.Trouble(nil)
	}
	return ctx.Err()
}

// askedFor is how long the service asked to be left alone.
func askedFor(err error) time.Duration {
	if own, ok := errors.AsType[*notify.SendError](err); ok {
		return own.After
	}
	return 0
}

// listener is one run of Listen.
type listener struct {
	*Channel
	in      notify.Inbox
	slots   chan struct{}
	running sync.WaitGroup
	told    map[int64]bool // other chats, by number
	name    string         // the bot's own, "" where it is not known yet
}

// round receives once and begins the answers.
func (l *listener) round(ctx context.Context) error {
	kept, err := l.in.Position()
	if err != nil {
		return err
	}
	at, err := parsePosition(kept)
	if err != nil {
		return err
	}
	begun := time.Now()
	list, err := l.updates(ctx, at.next(attempt.Wall()))
	if err != nil {
		return err
	}
	if len(list) == 0 && time.Since(begun) < leastPoll {
		// A server of one's own, or what stands before it, that waits for nothing.
		attempt.Sleep(ctx, leastPoll)
	}
	for _, u := range list {
		if err := l.in.Save(position{u.ID + 1, attempt.Wall()}.String()); err != nil {
			return err
		}
		l.take(ctx, u)
	}
	return nil
}

// updates asks for what was written. One at a time: the answer is bounded, and
// the next request comes at once.
func (l *listener) updates(ctx context.Context, offset int64) (list []update, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollLimit)
	defer cancel()
	reply, err := l.client.Do(ctx, post.JSON(map[string]any{
		"offset": offset, "limit": 1, "timeout": int(pollFor.Seconds()), "allowed_updates": []string{"message", "channel_post", "callback_query"},
	}, l.bot.Reveal(), "getUpdates"))
	if reply.Status == 0 {
		return nil, err
	}
	var a struct {
		answer
		Result []update `json:"result"`
	}
	switch {
	case !reply.Decode(&a) && err != nil:
		return nil, err
	case a.OK && err == nil:
		return a.Result, nil
	case a.Code == 0 && err == nil:
		return nil, l.client.Nonsense(reply)
	}
	r := meaning(a.answer)
	if a.Code == http.StatusConflict {
		r.Reason = "another program reads this bot's messages, or a webhook is set"
	}
	return nil, l.client.Refused(reply, r)
}

// take begins the answer to one update.
func (l *listener) take(ctx context.Context, u update) {
	from, q := u.Message, notify.Question{}
	if from == nil {
		from = u.Post
	}
	switch {
	case u.Button != nil:
		from = u.Button.Message
		verb, account, _ := strings.Cut(u.Button.Data, ":")
		q = notify.Question{Verb: verb, Account: account, Pressed: true}
	case from != nil && from.Date != 0 && time.Since(time.Unix(from.Date, 0)) > stale:
		return
	case from != nil:
		var to string
		if q, to = question(from.Text); q.Verb == "" || to != "" && !l.named(ctx, to) {
			return
		}
	}
	if from == nil {
		return
	}
	chat, channel := l.chat(from)
	if channel == nil {
		l.refuse(ctx, u.Button, from)
		return
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	l.running.Go(func() { l.answer(ctx, chat, channel, u.Button, q) })
}

// question reads a command: "/login main", in groups "/login@bot main", where to is
// the bot that is meant. A text that is none has no verb.
func question(text string) (q notify.Question, to string) {
	words := strings.Fields(text)
	if len(words) == 0 || !strings.HasPrefix(words[0], "/") {
		return q, ""
	}
	q.Verb, to, _ = strings.Cut(strings.ToLower(words[0][1:]), "@")
	if len(words) > 1 {
		q.Account = words[1]
	}
	return q, to
}

// named reports whether a name is the bot's own: in a group others may be meant. Where
// the Bot API does not say, it is.
func (l *listener) named(ctx context.Context, name string) bool {
	if l.name == "" {
		var said struct {
			Result struct {
				Name string `json:"username"`
			} `json:"result"`
		}
		ctx, cancel := context.WithTimeout(ctx, pollLimit)
		defer cancel()
		if _, err := l.client.Ask(ctx, post.JSON(struct{}{}, l.bot.Reveal(), "getMe"), &said); err != nil {
			return true
		}
		l.name = said.Result.Name
	}
	return l.name == "" || strings.EqualFold(l.name, name)
}

// chat finds the channel that writes to the chat of a message, that of its topic
// where several do. There is none for a chat that is not answered.
func (l *listener) chat(m *written) (chat notify.Chat, channel *Channel) {
	for _, each := range l.in.Chats {
		own, ok := each.Channel.(*Channel)
		if ok && own.own(m) && (channel == nil || own.topic == m.Topic) {
			chat, channel = each, own
		}
	}
	return chat, channel
}

// own reports whether a message is of the chat that the channel writes to.
func (c *Channel) own(m *written) bool {
	if name, named := strings.CutPrefix(c.chat, "@"); named {
		return strings.EqualFold(m.Chat.Name, name)
	}
	return strconv.FormatInt(m.Chat.ID, 10) == c.chat
}

// refuse tells another chat, once, that it is not answered.
func (l *listener) refuse(ctx context.Context, b *pressed, m *written) {
	ctx, cancel := context.WithTimeout(ctx, pollLimit)
	defer cancel()
	if b != nil {
		_, _ = l.call(ctx, post.JSON(acknowledged{ID: b.ID, Text: l.in.Foreign}, l.bot.Reveal(), "answerCallbackQuery"))
		return
	}
	if l.told[m.Chat.ID] || len(l.told) >= strangers {
		return
	}
	l.told[m.Chat.ID] = true
	// A stranger who is not told is no worse off.
	_, _ = l.call(ctx, post.JSON(message{
		Chat: strconv.FormatInt(m.Chat.ID, 10), Topic: m.Topic, Text: l.in.Foreign, Preview: previewOptions{Disabled: true},
	}, l.bot.Reveal(), "sendMessage"))
}

// acknowledged ends the waiting of whoever pressed a button; a text is shown to
// them alone.
type acknowledged struct {
	ID   string `json:"callback_query_id"`
	Text string `json:"text,omitempty"`
}

// answer carries out what is asked and writes what came of it. A code is taken
// back when it is over.
func (l *listener) answer(ctx context.Context, chat notify.Chat, c *Channel, b *pressed, q notify.Question) {
	free := sync.OnceFunc(func() { <-l.slots })
	defer free()
	limited, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	if b != nil {
		// Without it the button goes on looking busy.
		_, _ = l.call(limited, post.JSON(acknowledged{ID: b.ID}, l.bot.Reveal(), "answerCallbackQuery"))
	}
	a := chat.Answer(limited, q)
	if a.Text == "" && a.Login == nil {
		return
	}
	title, text, _ := strings.Cut(a.Text, "\n")
	receipt, err := c.reply(limited, notify.Message{
		Time: time.Now(), Account: a.Account, Title: title, Text: text, Login: a.Login, NeedsLogin: a.Login != nil,
	})
	free()
	if err != nil || receipt.Handle == "" || a.Over == nil {
		return
	}
	if a.Over(ctx); ctx.Err() == nil {
		_ = c.Retract(ctx, receipt.Handle)
	}
}

// replies is how often an answer is tried: whoever waits for it asks again soon.
const replies = 3

// reply sends an answer, again where the service asks for a moment or was away for
// one.
func (c *Channel) reply(ctx context.Context, m notify.Message) (receipt notify.Receipt, err error) {
	wait := attempt.Backoff{First: time.Second, Most: 10 * time.Second, MostAsked: answerLimit}
	for n := 1; ; n++ {
		receipt, err = c.Send(ctx, m)
		own, ok := errors.AsType[*notify.SendError](err)
		if err == nil || n == replies || !ok || !own.Retry || !attempt.Sleep(ctx, wait.Asked(n, own.After)) {
			return receipt, err
		}
	}
}
