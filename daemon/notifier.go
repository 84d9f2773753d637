package daemon

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// notifier runs the notification channels, and replaces them on a reload. The
// journal and each channel's place in it stay, so nothing is lost or repeated.
type notifier struct {
	keeper *Keeper

	mu       sync.Mutex // guards what follows
	pipeline *notify.Pipeline
	// open are the channels that hold a connection.
	open    []io.Closer
	stop    context.CancelFunc
	stopped chan struct{}
}

// newNotifier builds the channels without starting them.
func newNotifier(k *Keeper) (*notifier, error) {
	n := &notifier{keeper: k}
	var err error
	n.pipeline, n.open, err = n.build(k.settings.Load().Config)
	return n, err
}

func (n *notifier) build(c config.Config) (*notify.Pipeline, []io.Closer, error) {
	list := make([]notify.Config, 0, len(c.Notify))
	var open []io.Closer
	look := appearance{version: n.keeper.version, open: openLabel(c)}
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
			Quiet: c.Login.QuietHours.Until,
		})
	}
	p, err := notify.NewPipeline(messages{n.keeper}, ledger{n.keeper}, n.keeper.log, list...)
	return p, open, err
}

// start runs the channels until the context ends or they are replaced.
func (n *notifier) start(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.startLocked(ctx)
}

func (n *notifier) startLocked(ctx context.Context) {
	ctx, n.stop = context.WithCancel(ctx)
	done := make(chan struct{})
	n.stopped = done
	p, open := n.pipeline, n.open
	go func() {
		defer close(done)
		defer func() {
			for _, c := range open {
				_ = c.Close()
			}
		}()
		if err := p.Run(ctx); err != nil {
			n.keeper.log.Error().Err(err).Msg("the notifications stopped")
		}
	}()
}

// replace puts the channels of a new configuration in the place of the old
// ones. On an error the old ones go on.
func (n *notifier) replace(ctx context.Context, c config.Config) error {
	next, open, err := n.build(c)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stop()
	<-n.stopped
	n.pipeline, n.open = next, open
	n.startLocked(ctx)
	return nil
}

// wait returns when the channels have stopped.
func (n *notifier) wait() {
	n.mu.Lock()
	stopped := n.stopped
	n.mu.Unlock()
	<-stopped
}

func (n *notifier) current() *notify.Pipeline {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pipeline
}

// Channels returns how each channel has been doing.
func (n *notifier) Channels() []client.Channel {
	list := []client.Channel{}
	for _, s := range n.current().Status() {
		list = append(list, client.Channel{
			Name: s.Name, Type: s.Type, Events: s.Route.Events, Accounts: s.Route.Accounts,
			Pending: s.Pending, RetryAt: known(s.RetryAt), LastDelivered: known(s.Delivered),
			LastFailed: known(s.Failed), LastError: s.LastError,
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
	receipt, err := n.current().Test(ctx, name, notify.Message{
		ID: "msg_test_" + newID(), Type: client.EventLoginCode, Time: now, Account: "sample", Site: "web",
		Title: "bilikeeper: a test message", Thread: "test",
		Text:  "If you can read this and see a picture, codes will reach you here. The code on it is a sample and logs nobody in.",
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
