package agent

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
)

const (
	// pollFor is how long one question for news waits at the keeper.
	pollFor = 30 * time.Second
	// Between tries to reach the keeper. It costs a connect to a socket, and a
	// person who starts the keeper looks at the desktop next.
	firstWait = time.Second
	maxWait   = 15 * time.Second
)

// source is the keeper's messages as the pipeline's source.
type source struct {
	client *client.Client
	led    *ledger
	log    zerolog.Logger
	// anew ends this source's pipeline, so that another begins.
	anew context.CancelFunc

	mu      sync.Mutex // guards all below
	changed chan struct{}
	// trouble is what keeps the keeper away and was said already, "" while it
	// answers.
	trouble string
	// quietUntil is when the keeper's quiet hours end.
	quietUntil time.Time
}

func newSource(o Options, led *ledger, anew context.CancelFunc) *source {
	return &source{client: o.Client, led: led, log: o.Log, anew: anew, changed: make(chan struct{})}
}

// Changed implements notify.Source.
func (f *source) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// Pending implements notify.Source. It waits for a keeper that is away: without
// one nobody knows whether a code still works. Its errors are the context's.
func (f *source) Pending(ctx context.Context, after uint64, limit int) ([]notify.Message, uint64, error) {
	list, err := f.ask(ctx, client.MessageQuery{After: after, Limit: limit})
	if err != nil {
		return nil, after, err
	}
	if !f.led.of(list.Journal) || list.Upto < after {
		f.log.Info().Msg("this is another journal than before; beginning with what is open in it")
		f.led.reset()
		f.anew()
		<-ctx.Done()
		return nil, after, ctx.Err()
	}
	found := make([]notify.Message, 0, len(list.Messages))
	for _, m := range list.Messages {
		if f.led.wants(m.Position) {
			found = append(found, fromWire(m))
		}
	}
	return found, list.Upto, nil
}

// quiet implements notify.Config's Quiet by the keeper's clock and settings.
func (f *source) quiet(now time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.quietUntil) {
		return f.quietUntil
	}
	return time.Time{}
}

// watch wakes the pipeline when there is something after a position.
func (f *source) watch(ctx context.Context, after uint64) {
	for {
		list, err := f.ask(ctx, client.MessageQuery{After: after, Limit: 1, Wait: pollFor})
		if err != nil {
			return
		}
		replaced := !f.led.of(list.Journal) || list.Upto < after
		if len(list.Messages) > 0 || replaced {
			f.wake()
		}
		after = list.Upto
		if replaced && !attempt.Sleep(ctx, firstWait) { // Pending sees it and ends ctx
			return
		}
	}
}

func (f *source) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// ask asks until the keeper answers or ctx ends.
func (f *source) ask(ctx context.Context, q client.MessageQuery) (client.MessageList, error) {
	var list client.MessageList
	err := f.untilAnswered(ctx, func() (err error) {
		list, err = f.client.Messages(ctx, q)
		// One that comes back is to be heard of at once, not after a long wait.
		q.Wait = 0
		return err
	})
	if err != nil {
		return list, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.quietUntil = time.Time{}
	if list.QuietUntil != nil {
		f.quietUntil = *list.QuietUntil
	}
	return list, nil
}

// untilAnswered repeats a question until it is answered. Its error is ctx's.
func (f *source) untilAnswered(ctx context.Context, question func() error) error {
	err := attempt.Until(ctx, attempt.Backoff{First: firstWait, Most: maxWait}, question, func(_ int, err error) { f.away(err) })
	if err == nil {
		f.reached()
	}
	return err
}

// away says what keeps the keeper away, each cause once. A keeper that stops
// shows in several ways within a second; they are one cause.
func (f *source) away(err error) {
	cause, hint := "the keeper does not answer", ""
	switch p, refused := errors.AsType[*client.Problem](err); {
	case refused && p.Type == client.ProblemNotFound:
		cause, hint = "the keeper is too old to have messages for an agent", "update the keeper"
	case refused:
		cause, hint = "the keeper refuses", p.Hint
	case errors.Is(err, client.ErrNoPermission):
		cause, hint = "this user may not use the keeper's socket", "the keeper's [[control.allow]] lets others in"
	}
	f.mu.Lock()
	known := f.trouble == cause
	f.trouble = cause
	f.mu.Unlock()
	if known {
		return
	}
	line := f.log.Warn().Str("reason", err.Error())
	if hint != "" {
		line = line.Str("hint", hint)
	}
	line.Msg(cause + "; waiting")
}

func (f *source) reached() {
	f.mu.Lock()
	was := f.trouble
	f.trouble = ""
	f.mu.Unlock()
	if was != "" {
		f.log.Info().Msg("the keeper answers")
	}
}

func fromWire(w client.Message) notify.Message {
	m := notify.Message{
		ID: w.ID, Type: w.Type, Time: w.Time, Account: w.Account, Site: w.Site, Uname: w.Uname,
		Title: w.Title, Text: w.Text, Thread: w.Thread, Position: w.Position, Group: w.Group, Passing: w.Passing, Silent: w.Silent,
	}
	if w.Mid != nil {
		m.Mid = *w.Mid
	}
	if w.HoldUntil != nil {
		m.HoldUntil = *w.HoldUntil
	}
	for _, member := range w.Members {
		one := notify.Member{Account: member.Account, Site: member.Site, Uname: member.Uname, PageURL: member.PageURL}
		if member.Mid != nil {
			one.Mid = *member.Mid
		}
		m.Members = append(m.Members, one)
	}
	if l := w.Login; l != nil {
		m.Login = &notify.Login{ID: l.ID, URL: secret.New(l.URL), AppURL: secret.New(l.AppURL), PNG: l.QRPNG, PageURL: l.PageURL, ExpiresAt: l.ExpiresAt}
	}
	return m
}

// aboutLogins begins the types of an account's incident.
const aboutLogins = "login."

// begin finds what is open in a journal that is new here: of each account that
// needs a login the newest message, and each code that can be scanned.
func (f *source) begin(ctx context.Context) error {
	newest, journal, upto, err := f.survey(ctx)
	if err != nil {
		return err
	}
	var status client.Status
	if err := f.untilAnswered(ctx, func() (err error) { status, err = f.client.Status(ctx); return err }); err != nil {
		return err
	}
	var open []uint64
	for _, a := range status.Accounts {
		m, ok := newest[a.Name]
		ends := m.Type == client.EventLoginSucceeded
		if ok && !ends && (m.Login != nil || a.State == client.StateNeedsLogin || a.State == client.StateLoggingIn) {
			open = append(open, m.Position)
		}
	}
	f.led.begin(journal, upto, open)
	f.log.Debug().Uint64("position", upto).Int("open", len(open)).Msg("a journal that is new here")
	return nil
}

// survey reads the journal from its beginning to its end, and returns the
// newest message of each account's incident. Where the journal becomes another
// one on the way, it starts over.
func (f *source) survey(ctx context.Context) (newest map[string]client.Message, journal string, upto uint64, err error) {
	newest = map[string]client.Message{}
	for {
		list, err := f.ask(ctx, client.MessageQuery{After: upto})
		switch {
		case err != nil:
			return nil, "", 0, err
		case journal != "" && journal != list.Journal || list.Upto < upto:
			clear(newest)
			journal, upto = "", 0
			continue
		}
		for _, m := range list.Messages {
			if strings.HasPrefix(m.Type, aboutLogins) {
				newest[m.Account] = m
			}
		}
		journal = list.Journal
		if list.Upto == upto {
			return newest, journal, upto, nil
		}
		upto = list.Upto
	}
}
