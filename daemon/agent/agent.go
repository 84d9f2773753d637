package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/desktop"
)

// channelName names the one channel, in the ledger and in the log.
const channelName = "desktop"

// ErrRunning says that the session has an agent already.
var ErrRunning = errors.New("another agent runs in this session")

// Options are what an agent needs to know.
type Options struct {
	// Client is the way to the keeper.
	Client *client.Client
	// State is the file that keeps what was shown.
	State string
	// Runtime is a private directory that lives as long as the session, for the
	// lock and the pictures of codes; "" where the system has none. The lock lies
	// beside State then, and there are no such pictures.
	Runtime string
	// OpenLabel names the button that shows a code.
	OpenLabel string
	Log       zerolog.Logger
	// Channel shows the messages; nil is the desktop.
	Channel notify.Channel
}

// Run shows messages until ctx ends, and returns nil then. It returns early
// only where it cannot run at all: [ErrRunning], [desktop.ErrUnsupported], a
// directory that cannot be written.
func Run(ctx context.Context, o Options) error {
	if o.Channel == nil {
		c, err := desktop.New(desktop.Config{
			OpenLabel: o.OpenLabel, PictureDir: o.Runtime,
			Trouble: func(err error) { o.Log.Warn().Err(err).Msg("a button did not work") },
		})
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		o.Channel = c
	}
	for _, dir := range []string{filepath.Dir(o.State), o.Runtime} {
		if dir == "" {
			continue
		}
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the agent's directory: %w", err)
		}
	}
	release, err := lock(filepath.Join(cmp.Or(o.Runtime, filepath.Dir(o.State)), "agent.lock"))
	if err != nil {
		return err
	}
	defer release()
	led := openLedger(o.State, o.Log)
	for ctx.Err() == nil {
		if err := follow(ctx, o, led); err != nil {
			return err
		}
	}
	return nil
}

// follow shows the messages of one journal, until ctx ends or another journal
// has taken its place.
func follow(ctx context.Context, o Options, led *ledger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	src := newSource(o, led, cancel)
	if !led.begun() {
		if src.begin(ctx) != nil {
			return nil // ctx has ended
		}
	}
	p, err := notify.NewPipeline(src, led, o.Log, notify.Config{
		Name: channelName, Type: "desktop", Channel: o.Channel, Group: gather, Quiet: src.quiet,
		Route: notify.Route{Events: catalog.Types(), Accounts: []string{notify.Any}},
	})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { src.watch(ctx, led.position()) })
	err = p.Run(ctx)
	cancel()
	wg.Wait()
	return err
}

// gather makes one message of several. The words are the keeper's, and what it
// would write for all of them is not known here, so the titles stand in a list.
func gather(list []notify.Message) notify.Message {
	var titles []string
	for _, m := range list {
		titles = append(titles, m.Title)
	}
	return notify.Message{Title: fmt.Sprintf("%s (+%d)", titles[0], len(list)-1), Text: strings.Join(titles, "\n")}
}

// OpenLabel is the button's text in the session's language.
func OpenLabel(env func(string) string) string {
	language := catalog.English
	if tag := cmp.Or(env("LC_ALL"), env("LC_MESSAGES"), env("LANG")); strings.HasPrefix(tag, "zh") {
		language = catalog.Chinese
	}
	w, err := catalog.New(language)
	if err != nil { // there are no words of a person's own that could be wrong
		return ""
	}
	return w.OpenLabel()
}
