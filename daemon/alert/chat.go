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
	"github.com/bilikeeper/bilikeeper/daemon/handover"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
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
	keeper    *keeper.Keeper
	to        notify.Channel
	channel   string
	accounts  []string
	words     catalog.Chat
	reminders *reminders
	mu        *sync.Mutex // guards the counted codes of all chats
}

func (c chat) answer(ctx context.Context, q notify.Question) notify.Answer {
	switch q.Verb {
	case notify.AskStatus:
		return notify.Answer{Text: c.words.Status(c.known())}
	case notify.AskLogin, notify.AskCheck, notify.AskRemind:
	default:
		return notify.Answer{Text: c.words.Help()}
	}
	known := c.known()
	if q.Account == "" && q.Verb == notify.AskRemind {
		return c.remind(known)
	}
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
	case q.Verb == notify.AskRemind:
		return c.remind(known[i : i+1])
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
	r, err := handover.Anywhere(c.keeper).Check(ctx, a.Name, false)
	if errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) {
		r, err = client.CheckResult{Account: a, Outcome: client.CheckDead}, nil
	}
	if err != nil {
		return notify.Answer{Text: c.words.Failed(a, err)}
	}
	return notify.Answer{Text: c.words.Checked(r)}
}

// remind puts off until the morning what needs a login of some accounts.
func (c chat) remind(list []client.Account) notify.Answer {
	open, put, names := incidents(c.keeper), map[string]string{}, []string{}
	for _, a := range list {
		if incident := open[a.Name]; incident != "" {
			put[a.Name], names = incident, append(names, a.Name)
		}
	}
	if len(put) == 0 {
		return notify.Answer{Text: c.words.NoneWaits()}
	}
	at := morning(c.keeper.Settings().Login.QuietHours, attempt.Wall())
	if err := c.reminders.add(put, at); err != nil {
		return notify.Answer{Text: c.words.Failed(list[0], err)}
	}
	return notify.Answer{Text: c.words.Reminded(names, at)}
}

const (
	// codeNeeds is what is left to a code that is worth scanning.
	codeNeeds = 15 * time.Second
	// codeWithin is how long a login that has a code no more is given to get the
	// next one.
	codeWithin = time.Minute
)

// login brings the code that is out, or a new one. A button under an old message
// says nothing about now: where the account lives and wants no new login, none is
// drawn.
func (c chat) login(ctx context.Context, a client.Account, pressed bool) notify.Answer {
	if pressed && a.State == client.StateValid && incidents(c.keeper)[a.Name] == "" {
		return notify.Answer{Text: c.words.Alive(a)}
	}
	if a.LoginID != "" {
		if l, err := c.living(ctx, a.LoginID); err == nil && !l.Ended() {
			return c.code(a, l)
		}
	}
	until, err := c.count(a.Name, time.Now())
	if err == nil && !until.IsZero() {
		return notify.Answer{Text: c.words.Spent(a, until)}
	}
	var l client.Login
	if err == nil {
		// Its code is not replaced by itself: the next one is asked for, and counted.
		l, err = handover.Anywhere(c.keeper).StartSingle(ctx, client.LoginRequest{Account: a.Name, Site: a.Site, Method: client.MethodQR})
	}
	if err != nil {
		return notify.Answer{Text: c.words.Failed(a, err)}
	}
	return c.code(a, l)
}

// living returns a login once it has a code that is worth scanning, or is past that.
func (c chat) living(ctx context.Context, id string) (client.Login, error) {
	ctx, cancel := context.WithTimeout(ctx, codeWithin)
	defer cancel()
	l, err := c.keeper.Logins().Get(id)
	for err == nil && l.Method == client.MethodQR && l.State == client.LoginWaiting && !worthScanning(l) {
		if ctx.Err() != nil {
			break
		}
		l, err = c.keeper.Logins().Await(ctx, id, l.Revision)
	}
	return l, err
}

func worthScanning(l client.Login) bool {
	return l.URL != "" && l.ExpiresAt != nil && time.Until(*l.ExpiresAt) > codeNeeds
}

func (c chat) code(a client.Account, l client.Login) notify.Answer {
	switch {
	case l.State != client.LoginWaiting || l.Method != client.MethodQR:
		return notify.Answer{Text: c.words.Scanned(a)}
	case !worthScanning(l):
		return notify.Answer{Text: c.words.NoCode(a)}
	}
	png, err := qr.PNG(l.URL)
	if err != nil {
		return notify.Answer{Text: c.words.Failed(a, err)}
	}
	return notify.Answer{
		Text: c.words.Code(a, *l.ExpiresAt), Account: a.Name, Over: func(ctx context.Context) { c.over(ctx, l) },
		Login: &notify.Login{
			ID: l.ID, URL: secret.New(l.URL), AppURL: secret.New(l.AppURL), PNG: png, PageURL: l.PageURL, ExpiresAt: *l.ExpiresAt,
		},
	}
}

// over waits until a login's code no longer works, or until ctx ends.
func (c chat) over(ctx context.Context, l client.Login) {
	code := l.Code
	for err := error(nil); err == nil && ctx.Err() == nil && l.Code == code && !l.Ended(); {
		l, err = c.keeper.Logins().Await(ctx, l.ID, l.Revision)
	}
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
