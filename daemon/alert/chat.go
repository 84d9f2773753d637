package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// Codes that are asked for in chats: at most so many of one account in so long.
// Whoever took over a chat cannot have the site asked without end.
const (
	maxCodes    = 6
	codesWithin = time.Hour
)

// chat answers what people ask in the chat of a channel, about the accounts that
// the channel tells of.
type chat struct {
	keeper   *keeper.Keeper
	channel  string
	accounts []string
	words    catalog.Chat
	mu       *sync.Mutex // guards the counted codes of all chats
}

// listening is a channel that hears of what is written in its chat.
type listening struct {
	listen func(context.Context, notify.Chat) error
	chat   chat
}

// run answers until ctx ends.
func (l listening) run(ctx context.Context) {
	c := l.chat
	_ = l.listen(ctx, notify.Chat{
		Position: c.position, Save: c.save, Answer: c.answer, Trouble: c.trouble, Foreign: c.words.Foreign(),
	})
	c.trouble(nil)
}

// chatPosition is how far a chat was read, in the words of its channel.
type chatPosition struct {
	Position string `json:"position"`
}

func (c chat) position() (string, error) {
	var p chatPosition
	_, err := c.keeper.Store().Get(store.KindChat, c.channel, &p)
	return p.Position, err
}

func (c chat) save(position string) error {
	return c.keeper.Store().Put(store.KindChat, c.channel, chatPosition{position}, nil)
}

func (c chat) trouble(err error) {
	what := "the chat of channel " + c.channel
	if err == nil {
		c.keeper.Problems().Clear(what)
		return
	}
	c.keeper.Problems().Set(what, err)
}

func (c chat) answer(ctx context.Context, q notify.Question) notify.Answer {
	switch q.Verb {
	case notify.AskStatus:
		return notify.Answer{Text: c.words.Status(c.known())}
	case notify.AskLogin, notify.AskCheck:
	default:
		return notify.Answer{Text: c.words.Help()}
	}
	known := c.known()
	if q.Account == "" && len(known) == 1 {
		q.Account = known[0].Name
	}
	i := slices.IndexFunc(known, func(a client.Account) bool { return a.Name == q.Account })
	switch {
	case q.Account == "":
		names := make([]string, len(known))
		for i, a := range known {
			names[i] = a.Name
		}
		return notify.Answer{Text: c.words.Which(names)}
	case i < 0:
		return notify.Answer{Text: c.words.Unknown(q.Account)}
	case q.Verb == notify.AskCheck:
		return c.check(ctx, known[i])
	}
	return c.login(ctx, known[i], q.Pressed)
}

// known are the accounts that the channel tells of.
func (c chat) known() []client.Account {
	list := c.keeper.Accounts().Status().Accounts
	return slices.DeleteFunc(list, func(a client.Account) bool {
		return !slices.Contains(c.accounts, "*") && !slices.Contains(c.accounts, a.Name)
	})
}

func (c chat) check(ctx context.Context, a client.Account) notify.Answer {
	r, err := c.keeper.Accounts().Check(ctx, a.Name, false)
	if errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) {
		r, err = client.CheckResult{Account: a, Outcome: client.CheckDead}, nil
	}
	if err != nil {
		return notify.Answer{Text: c.words.Failed(a, err)}
	}
	return notify.Answer{Text: c.words.Checked(r)}
}

// login brings the code that is out, or a new one. A button under an old message
// says nothing about now: where the account lives, none is drawn.
func (c chat) login(ctx context.Context, a client.Account, pressed bool) notify.Answer {
	if pressed && a.State == client.StateValid {
		return notify.Answer{Text: c.words.Alive(a)}
	}
	if a.LoginID != "" {
		if l, err := c.keeper.Logins().Get(a.LoginID); err == nil && !l.Ended() {
			return c.code(a, l)
		}
	}
	until, err := c.count(a.Name, time.Now())
	if err == nil && !until.IsZero() {
		return notify.Answer{Text: c.words.Spent(a, until)}
	}
	var l client.Login
	if err == nil {
		l, err = c.keeper.Logins().Start(ctx, client.LoginRequest{Account: a.Name, Site: a.Site, Method: client.MethodQR})
	}
	if err != nil {
		return notify.Answer{Text: c.words.Failed(a, err)}
	}
	return c.code(a, l)
}

func (c chat) code(a client.Account, l client.Login) notify.Answer {
	if l.URL == "" || l.State != client.LoginWaiting || l.ExpiresAt == nil {
		return notify.Answer{Text: c.words.Scanned(a)}
	}
	png, err := qr.PNG(l.URL)
	if err != nil {
		return notify.Answer{Text: c.words.Failed(a, err)}
	}
	return notify.Answer{Text: c.words.Code(a, *l.ExpiresAt), Login: &notify.Login{
		ID: l.ID, URL: secret.New(l.URL), PNG: png, PageURL: l.PageURL, ExpiresAt: *l.ExpiresAt,
	}}
}

// codesAsked are the times of the codes that were asked for, the oldest first.
type codesAsked struct {
	At []time.Time `json:"at"`
}

// count counts a code, or says from when on the next one can be asked for. It is
// on disk before the code is drawn: a restart does not begin a new count.
func (c chat) count(name string, now time.Time) (until time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var asked codesAsked
	if _, err := c.keeper.Store().Get(store.KindCodes, name, &asked); err != nil {
		return time.Time{}, fmt.Errorf("count the codes: %w", err)
	}
	asked.At = slices.DeleteFunc(asked.At, func(at time.Time) bool {
		return at.After(now) || now.Sub(at) >= codesWithin
	})
	if len(asked.At) >= maxCodes {
		return asked.At[0].Add(codesWithin), nil
	}
	asked.At = append(asked.At, now)
	return time.Time{}, c.keeper.Store().Put(store.KindCodes, name, asked, nil)
}
