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

type keyboard struct {
	Rows [][]button `json:"inline_keyboard"`
}

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

// maxData is what the Bot API takes as a button's data, in bytes.
const maxData = 64

// maxButtons is how many accounts of one message get a button.
const maxButtons = 8

// buttons are those under a message: a fresh code for each account that needs
// one. There are none where nobody would hear of them.
func (c *Channel) buttons(m notify.Message) *keyboard {
	if !c.commands || m.Type != typeRequired {
		return nil
	}
	names := []string{m.Account}
	if len(m.Members) > 0 {
		names = names[:0]
		for _, each := range m.Members[:min(len(m.Members), maxButtons)] {
			names = append(names, each.Account)
		}
	}
	var k keyboard
	for _, name := range names {
		label, data := c.codeLabel, notify.AskLogin+":"+name
		if len(names) > 1 {
			label += ": " + name
		}
		if len(data) <= maxData {
			k.Rows = append(k.Rows, []button{{label, data}})
		}
	}
	if len(k.Rows) == 0 {
		return nil
	}
	return &k
}

// Commands reports whether the bot answers in its chat.
func (c *Channel) Commands() bool { return c.commands }

// Listen answers what is asked in the bot's own chat until ctx ends. It is the
// bot's only reader: the Bot API refuses a second one, and one beside a webhook.
func (c *Channel) Listen(ctx context.Context, chat notify.Chat) error {
	l := listener{Channel: c, chat: chat, slots: make(chan struct{}, answers), told: map[int64]bool{}}
	defer l.running.Wait()
	wait := attempt.Backoff{First: time.Second, Most: time.Minute, MostAsked: time.Hour}
	for failures := 0; ctx.Err() == nil; {
		if err := l.round(ctx); err != nil && ctx.Err() == nil {
			failures++
			chat.Trouble(err)
			asked := time.Duration(0)
			if own, ok := errors.AsType[*notify.SendError](err); ok {
				asked = own.After
			}
			attempt.Sleep(ctx, wait.Asked(failures, asked))
			continue
		}
		failures = 0
		chat.Trouble(nil)
	}
	return ctx.Err()
}

// listener is one run of Listen.
type listener struct {
	*Channel
	chat    notify.Chat
	slots   chan struct{}
	running sync.WaitGroup
	told    map[int64]bool // other chats, by number
}

// round receives once and begins the answers.
func (l *listener) round(ctx context.Context) error {
	position, err := l.chat.Position()
	if err != nil {
		return err
	}
	offset := int64(0)
	if position != "" {
		if offset, err = strconv.ParseInt(position, 10, 64); err != nil {
			return err
		}
	}
	list, err := l.updates(ctx, offset)
	if err != nil {
		return err
	}
	for _, u := range list {
		if err := l.chat.Save(strconv.FormatInt(u.ID+1, 10)); err != nil {
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
		"offset": offset, "limit": 1, "timeout": int(pollFor.Seconds()), "allowed_updates": []string{"message", "callback_query"},
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
	switch {
	case u.Button != nil:
		from = u.Button.Message
		verb, account, _ := strings.Cut(u.Button.Data, ":")
		q = notify.Question{Verb: verb, Account: account, Pressed: true}
	case from != nil && time.Since(time.Unix(from.Date, 0)) > stale:
		return
	case from != nil:
		var asked bool
		if q, asked = question(from.Text); !asked {
			return
		}
	}
	if from == nil {
		return
	}
	if !l.own(from) {
		l.refuse(ctx, from)
		return
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	l.running.Go(func() {
		defer func() { <-l.slots }()
		l.answer(ctx, u.Button, q)
	})
}

// question reads a command: "/login main", in groups "/login@bot main".
func question(text string) (q notify.Question, ok bool) {
	words := strings.Fields(text)
	if len(words) == 0 || !strings.HasPrefix(words[0], "/") {
		return q, false
	}
	q.Verb, _, _ = strings.Cut(strings.ToLower(words[0][1:]), "@")
	if len(words) > 1 {
		q.Account = words[1]
	}
	return q, true
}

// own reports whether a message is of the chat that the bot writes to.
func (l *listener) own(m *written) bool {
	if name, named := strings.CutPrefix(l.Channel.chat, "@"); named {
		return strings.EqualFold(m.Chat.Name, name)
	}
	return strconv.FormatInt(m.Chat.ID, 10) == l.Channel.chat
}

// refuse tells another chat, once, that it is not answered.
func (l *listener) refuse(ctx context.Context, m *written) {
	if l.told[m.Chat.ID] || len(l.told) >= strangers {
		return
	}
	l.told[m.Chat.ID] = true
	ctx, cancel := context.WithTimeout(ctx, pollLimit)
	defer cancel()
	// A stranger who is not told is no worse off.
	_, _ = l.call(ctx, post.JSON(message{
		Chat: strconv.FormatInt(m.Chat.ID, 10), Topic: m.Topic, Text: l.chat.Foreign, Preview: previewOptions{Disabled: true},
	}, l.bot.Reveal(), "sendMessage"))
}

// answer carries out what is asked and writes what came of it. A message that
// does not arrive is not sent again: whoever asked asks again.
func (l *listener) answer(ctx context.Context, b *pressed, q notify.Question) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	if b != nil {
		// Without it the button goes on looking busy.
		_, _ = l.call(ctx, post.JSON(map[string]string{"callback_query_id": b.ID}, l.bot.Reveal(), "answerCallbackQuery"))
	}
	a := l.chat.Answer(ctx, q)
	if a.Text == "" && a.Login == nil {
		return
	}
	title, text, _ := strings.Cut(a.Text, "\n")
	_, _ = l.Send(ctx, notify.Message{Time: time.Now(), Title: title, Text: text, Login: a.Login})
}
