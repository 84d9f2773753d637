package alert

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/channels"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// Channels are the notification channels of one configuration. On a reload others
// take their place; the journal and each channel's position in it stay, so nothing
// is lost or repeated.
type Channels struct {
	keeper   *keeper.Keeper
	pipeline *notify.Pipeline
	// open are those that hold a connection, inboxes where people write to them, and
	// reminders what they have put off there.
	open      []io.Closer
	inboxes   []inbox
	reminders []*reminders
	left      []leftOut
	// waiting is what they have yet to deliver.
	waiting *waiting
}

// leftOut is a channel that could not be made. The others go on without it.
type leftOut struct {
	entry config.Notify
	err   error
}

// New builds the channels of a configuration without starting them. One that cannot
// be made is left out, see [Channels.LeftOut].
func New(k *keeper.Keeper, c config.Config) (*Channels, error) {
	list := make([]notify.Config, 0, len(c.Notify))
	waiting, err := newWaiting(k.Store(), c.Notify)
	if err != nil {
		return nil, err
	}
	a := &Channels{keeper: k, waiting: waiting}
	// By the new configuration, which on a reload is not the keeper's own yet.
	language, err := catalog.New(keeper.Locale(c.Locale))
	if err != nil {
		return nil, err
	}
	source := messages{k}
	setup := notify.Setup{Version: k.Version(), OpenLabel: language.OpenLabel(), CodeLabel: language.Chat().NewCode(), MorningLabel: language.Chat().Morning()}
	counted := new(sync.Mutex)
	for _, entry := range c.Notify {
		channel, err := newChannel(entry, config.ReadSecret, setup)
		if err != nil {
			a.left = append(a.left, leftOut{entry, err})
			continue
		}
		if closer, ok := channel.(io.Closer); ok {
			a.open = append(a.open, closer)
		}
		var hushed func(time.Time) map[string]string
		if own, ok := channel.(interface {
			Commands() bool
			Inbox() string
			Listen(context.Context, notify.Inbox) error
		}); ok && own.Commands() {
			r := newReminders(k, entry.Name)
			a.reminders, hushed = append(a.reminders, r), r.hushed
			a.hear(own.Inbox(), own.Listen, chat{
				keeper: k, to: channel, channel: entry.Name, accounts: entry.Accounts, words: language.Chat(), reminders: r, mu: counted,
			})
		}
		list = append(list, notify.Config{
			Hushed: hushed,
			Name:   entry.Name, Type: entry.Type, Channel: channel,
			Route: notify.Route{Events: entry.Events, Accounts: entry.Accounts},
			Quiet: c.Login.QuietHours.Until, Group: source.group,
			Fallback: entry.Fallback, Rate: rateOf(entry, channel), May: k.Shared().Sending().Now,
		})
	}
	for i := range list {
		list[i].Fallback = a.fallback(list[i].Fallback)
	}
	a.pipeline, err = notify.NewPipeline(source, ledger{k.Store(), waiting}, *k.Log(), list...)
	return a, err
}

// hear adds a chat to the inbox that it shares with others. The first one's channel
// reads for all.
func (a *Channels) hear(name string, listen func(context.Context, notify.Inbox) error, c chat) {
	for i := range a.inboxes {
		if a.inboxes[i].name == name {
			a.inboxes[i].chats = append(a.inboxes[i].chats, c)
			return
		}
	}
	a.inboxes = append(a.inboxes, inbox{keeper: a.keeper, name: name, listen: listen, chats: []chat{c}})
}

// fallback is the channel that takes over in the place of one that is left out.
func (a *Channels) fallback(name string) string {
	for range a.left {
		i := slices.IndexFunc(a.left, func(l leftOut) bool { return l.entry.Name == name })
		if i < 0 {
			break
		}
		name = a.left[i].entry.Fallback
	}
	if slices.ContainsFunc(a.left, func(l leftOut) bool { return l.entry.Name == name }) {
		return ""
	}
	return name
}

// LeftOut are the channels that could not be made, by their names, and why. What
// they would have been told waits for them in the journal.
func (a *Channels) LeftOut() map[string]error {
	left := make(map[string]error, len(a.left))
	for _, l := range a.left {
		left[l.entry.Name] = l.err
	}
	return left
}

// Discard lets go of channels that were built and are not run.
func (a *Channels) Discard() {
	for _, c := range a.open {
		_ = c.Close()
	}
}

// Check makes a channel as New does, and lets go of it.
func Check(entry config.Notify, read setting.Reader) error {
	channel, err := newChannel(entry, read, notify.Setup{})
	if closer, ok := channel.(io.Closer); ok && err == nil {
		_ = closer.Close()
	}
	return err
}

// newChannel makes a channel of its configuration. It connects to nothing. Its
// error holds no secret.
func newChannel(c config.Notify, read setting.Reader, s notify.Setup) (notify.Channel, error) {
	channel, err := channels.New(c.Keys, read, s)
	if err != nil {
		return nil, err // a channel's own type that is nil would not be
	}
	return channel, nil
}

// rateOf is how much a channel may be sent: what the configuration says, what
// the service is known to allow, or what is usual.
func rateOf(entry config.Notify, channel notify.Channel) notify.Rate {
	if !entry.Rate.IsZero() {
		return notify.Rate(entry.Rate)
	}
	if limited, ok := channel.(interface {
		Rate() (messages int, per time.Duration)
	}); ok {
		messages, per := limited.Rate()
		return notify.Rate{Messages: messages, Per: per}
	}
	return notify.Rate{}
}

// Run delivers messages, and answers where people ask, until ctx ends; while another host
// does that, it waits.
func (a *Channels) Run(ctx context.Context) error {
	defer a.Discard()
	a.keeper.Store().Hold(a.waiting.waits)
	if !a.keeper.Shared().Alone() {
		var following sync.WaitGroup
		defer following.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		following.Go(func() { a.waiting.follow(ctx, a.keeper) })
	}
	for {
		term, stop, ok := a.keeper.Shared().Sending().Begin(ctx, notify.ErrAbandoned)
		if !ok {
			return nil
		}
		err := a.send(term)
		if stop(); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// send delivers and answers as long as this host is the one that does.
func (a *Channels) send(ctx context.Context) error {
	var chats sync.WaitGroup
	defer chats.Wait()
	for _, i := range a.inboxes {
		chats.Go(func() { i.run(ctx) })
	}
	for _, r := range a.reminders {
		chats.Go(func() { r.run(ctx) })
	}
	return a.pipeline.Run(ctx)
}

// Status returns how each channel has been doing.
func (a *Channels) Status() []client.Channel {
	list := []client.Channel{}
	elsewhere := !a.keeper.Shared().Sending().Now()
	for _, s := range a.pipeline.Status() {
		if elsewhere {
			s = a.kept(s)
		}
		list = append(list, client.Channel{
			Name: s.Name, Type: s.Type, Events: s.Route.Events, Accounts: s.Route.Accounts,
			Pending: s.Pending, RetryAt: account.Known(s.RetryAt), LastDelivered: account.Known(s.Delivered),
			LastFailed: account.Known(s.Failed), LastError: s.LastError,
			FailingSince: account.Known(s.FailingSince), Fallback: s.Fallback,
		})
	}
	for _, l := range a.left {
		list = append(list, client.Channel{
			Name: l.entry.Name, Type: l.entry.Type, Events: l.entry.Events, Accounts: l.entry.Accounts,
			LastError: leftOutText(l.err), Fallback: l.entry.Fallback,
		})
	}
	return list
}

// kept is how a channel has been doing on the host that sends.
func (a *Channels) kept(s notify.ChannelStatus) notify.ChannelStatus {
	own := notify.ChannelStatus{Name: s.Name, Type: s.Type, Route: s.Route, Fallback: s.Fallback}
	p, _, err := ledger{store: a.keeper.Store()}.Load(s.Name)
	if err != nil {
		return own
	}
	own.Delivered, own.Failed, own.LastError, own.FailingSince = p.Service.Delivered, p.Service.Failed, p.Service.LastError, p.Service.FailingSince
	return own
}

func leftOutText(err error) string { return "left out: " + err.Error() }

// sampleURL is what the sample's code says: it logs nobody in.
const sampleURL = "https://github.com/bilikeeper/bilikeeper#this-is-a-sample"

// Test sends a sample with a sample code, and returns what the service
// said to it.
func (a *Channels) Test(ctx context.Context, name string) (client.ChannelTest, error) {
	if err := a.LeftOut()[name]; err != nil {
		return client.ChannelTest{Name: name, Error: leftOutText(err)}, nil
	}
	png, err := qr.PNG(sampleURL)
	if err != nil {
		return client.ChannelTest{}, err
	}
	now := time.Now().UTC()
	title, text := a.keeper.Settings().Catalog.Sample()
	receipt, err := a.pipeline.Test(ctx, name, notify.Message{
		ID: "msg_test_" + account.NewID(), Type: client.EventLoginCode, Time: now, Account: "sample", Site: "web",
		Title: title, Text: text, Thread: "test",
		Login: &notify.Login{ID: "sample", URL: secret.New(sampleURL), PNG: png, ExpiresAt: now.Add(3 * time.Minute)},
	})
	result := client.ChannelTest{Name: name, Delivered: err == nil, Answer: receipt.Answer}
	switch {
	case errors.Is(err, notify.ErrNoChannel):
		names := []string{}
		for _, c := range a.pipeline.Status() {
			names = append(names, c.Name)
		}
		p := &client.Problem{Type: client.ProblemNoChannel, Title: "there is no such channel", Detail: "there is no notification channel " + name,
			Hint: "configured are: " + strings.Join(names, ", ")}
		if len(names) == 0 {
			p.Hint = "no [[notify]] is configured"
		}
		return client.ChannelTest{}, p
	case err != nil:
		result.Error = err.Error()
	}
	return result, nil
}
