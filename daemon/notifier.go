package daemon

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// notifier runs the notification channels, and replaces them on a reload. The
// journal and each channel's place in it stay, so nothing is lost or repeated.
type notifier struct {
	*runner[pipeline]
	keeper *Keeper
}

// pipeline are channels, and those of them that hold a connection.
type pipeline struct {
	*notify.Pipeline
	open []io.Closer
}

// Run implements part.
func (p pipeline) Run(ctx context.Context) error {
	defer func() {
		for _, c := range p.open {
			_ = c.Close()
		}
	}()
	return p.Pipeline.Run(ctx)
}

// newNotifier builds the channels without starting them.
func newNotifier(k *Keeper) (*notifier, error) {
	n := &notifier{keeper: k}
	p, open, err := n.build(k.settings.Load().Config)
	n.runner = newRunner(k.log, "notifications", pipeline{p, open})
	return n, err
}

func (n *notifier) build(c config.Config) (*notify.Pipeline, []io.Closer, error) {
	list := make([]notify.Config, 0, len(c.Notify))
	var open []io.Closer
	// By the new configuration, which on a reload is not the keeper's own yet.
	language, err := catalog.New(locale(c.Locale))
	if err != nil {
		return nil, nil, err
	}
	source := messages{n.keeper}
	look := appearance{version: n.keeper.version, open: language.OpenLabel()}
	for _, entry := range c.Notify {
		channel, err := newChannel(entry, look)
		if err != nil {
			return nil, nil, err
		}
		if closer, ok := channel.(io.Closer); ok {
			open = append(open, closer)
		}
		list = append(list, notify.Config{
			Name: entry.Name, Type: entry.Type, Channel: channel,
			Route: notify.Route{Events: entry.Events, Accounts: entry.Accounts},
			Quiet: c.Login.QuietHours.Until, Group: source.group,
			Fallback: entry.Fallback, Rate: rateOf(entry, channel),
		})
	}
	p, err := notify.NewPipeline(source, ledger{n.keeper}, n.keeper.log, list...)
	return p, open, err
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

// replace puts the channels of a new configuration in the place of the old
// ones. On an error the old ones go on.
func (n *notifier) replace(ctx context.Context, c config.Config) error {
	next, open, err := n.build(c)
	if err != nil {
		return err
	}
	n.put(ctx, pipeline{next, open})
	return nil
}

// Channels returns how each channel has been doing.
func (n *notifier) Channels() []client.Channel {
	list := []client.Channel{}
	for _, s := range n.current().Status() {
		list = append(list, client.Channel{
			Name: s.Name, Type: s.Type, Events: s.Route.Events, Accounts: s.Route.Accounts,
			Pending: s.Pending, RetryAt: known(s.RetryAt), LastDelivered: known(s.Delivered),
			LastFailed: known(s.Failed), LastError: s.LastError,
			FailingSince: known(s.FailingSince), Fallback: s.Fallback,
		})
	}
	return list
}

// sampleURL is what the sample's code says: it logs nobody in.
const sampleURL = "https://github.com/bilikeeper/bilikeeper#this-is-a-sample"

// TestChannel sends a sample with a sample code, and returns what the service
// said to it.
func (n *notifier) TestChannel(ctx context.Context, name string) (client.ChannelTest, error) {
	png, err := qr.PNG(sampleURL)
	if err != nil {
		return client.ChannelTest{}, err
	}
	now := time.Now().UTC()
	title, text := n.keeper.words().Sample()
	receipt, err := n.current().Test(ctx, name, notify.Message{
		ID: "msg_test_" + newID(), Type: client.EventLoginCode, Time: now, Account: "sample", Site: "web",
		Title: title, Text: text, Thread: "test",
		Login: &notify.Login{ID: "sample", URL: secret.New(sampleURL), PNG: png, ExpiresAt: now.Add(3 * time.Minute)},
	})
	result := client.ChannelTest{Name: name, Delivered: err == nil, Answer: receipt.Answer}
	switch {
	case errors.Is(err, notify.ErrNoChannel):
		names := []string{}
		for _, c := range n.current().Status() {
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
