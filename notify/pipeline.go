package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// Source is where messages come from, in order. Positions only grow.
type Source interface {
	// Pending returns the messages after a position, oldest first, at most
	// limit of them, and the position up to which it looked: at least that of
	// the last message, and further where what follows holds no message. A
	// position older than all that is kept is no error; the oldest comes first.
	// What a position yields may change: a code that was used in the meantime
	// need not be given out, and is asked for anew before each time it is sent.
	Pending(ctx context.Context, after uint64, limit int) (msgs []Message, upto uint64, err error)
	// Changed returns a channel that is closed when there may be more than now.
	Changed() <-chan struct{}
}

// Ledger keeps how far each channel is, over restarts.
type Ledger interface {
	// Load returns what was saved last; found is false for a new channel.
	Load(channel string) (p Progress, found bool, err error)
	// Save stores the progress and what there is to tell about it in one
	// transaction: neither may be seen without the other.
	Save(channel string, p Progress, results []Result) error
}

// DefaultTimeout is the time that one try may take.
const DefaultTimeout = 30 * time.Second

// Config is one channel of a pipeline.
type Config struct {
	Name string
	// Type is the kind of channel, for people: "webhook" for example.
	Type    string
	Route   Route
	Channel Channel
	// Timeout limits one try; 0 means DefaultTimeout.
	Timeout time.Duration
	// Quiet returns when the quiet hours that hold at now end, and the zero
	// time where none hold. nil means never quiet.
	Quiet func(now time.Time) (until time.Time)
	// Hushed returns the threads of which the channel is not told codes for now, by
	// their accounts: somebody has asked there to be left alone. What else there is to
	// tell of them is told. nil means none.
	Hushed func(now time.Time) map[string]string
	// May reports whether the service may be called at this moment, and is asked right
	// before. Where it says no for good, the context of Run ends. nil means always.
	May func() bool
	// Fallback names the channel that takes over while this one fails; "" for
	// none. What that channel's own route wants is not handed over.
	Fallback string
	// Rate limits how often the service is called; zero means DefaultRate.
	Rate Rate
	// Group writes one message for several of one Group, which it gets in the
	// order in which they came; the pipeline sets its id. nil means that messages
	// are never grouped.
	Group func([]Message) Message
}

// ChannelStatus is how a channel has been doing.
type ChannelStatus struct {
	Name, Type string
	Route      Route
	// Pending is true while a message waits: for a retry, others of its group,
	// the rate or the end of quiet hours; RetryAt is when it is looked at again.
	Pending  bool
	RetryAt  time.Time
	Attempts int
	// Delivered and Failed are when a try over this service last arrived and last
	// did not, those for a channel that it took over for included.
	Delivered, Failed time.Time
	LastError         string
	// FailingSince is when the first try failed after the last delivery; zero
	// while the channel works.
	FailingSince time.Time
	// Fallback names the channel that takes over meanwhile, "" for none.
	Fallback string
}

// ErrAbandoned is the cause of a context that ends Run at once: somebody else goes on
// with what the ledger has. Nothing is left to a send in progress, and nothing is saved.
var ErrAbandoned = errors.New("the pipeline is another's")

// abandoned reports whether somebody else goes on.
func abandoned(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrAbandoned) }

// Pipeline brings the messages of a source to the channels that want them.
type Pipeline struct {
	workers []*worker
	running atomic.Bool
}

// NewPipeline checks the channels. It starts nothing.
func NewPipeline(src Source, led Ledger, log zerolog.Logger, channels ...Config) (*Pipeline, error) {
	if src == nil || led == nil {
		return nil, errors.New("a pipeline needs a source and a ledger")
	}
	p := &Pipeline{}
	for _, cfg := range channels {
		if err := p.check(cfg); err != nil {
			return nil, err
		}
		cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
		cfg.Rate = cmp.Or(cfg.Rate, DefaultRate)
		cfg.Route.Events = slices.Clone(cfg.Route.Events)
		cfg.Route.Accounts = slices.Clone(cfg.Route.Accounts)
		p.workers = append(p.workers, newWorker(cfg, src, led, log, p.find))
	}
	for _, w := range p.workers {
		if err := p.join(w); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Pipeline) check(cfg Config) error {
	switch {
	case cfg.Name == "":
		return errors.New("a channel has no name")
	case p.find(cfg.Name) != nil:
		return fmt.Errorf("two channels are called %q", cfg.Name)
	case cfg.Channel == nil:
		return fmt.Errorf("channel %q has nothing to send with", cfg.Name)
	case cfg.Timeout < 0:
		return fmt.Errorf("channel %q has a negative timeout", cfg.Name)
	}
	if err := cfg.Rate.check(); err != nil {
		return fmt.Errorf("channel %q has %w", cfg.Name, err)
	}
	return nil
}

func (p *Pipeline) find(name string) *worker {
	i := slices.IndexFunc(p.workers, func(w *worker) bool { return w.cfg.Name == name })
	if i < 0 {
		return nil
	}
	return p.workers[i]
}

// join resolves the channels that take over for w, in order. It is called once,
// when all channels are known.
func (p *Pipeline) join(w *worker) error {
	for at := w; at.cfg.Fallback != ""; {
		next := p.find(at.cfg.Fallback)
		switch {
		case next == nil:
			return fmt.Errorf("channel %q falls back on %q: %w", at.cfg.Name, at.cfg.Fallback, ErrNoChannel)
		case next == w:
			return fmt.Errorf("channel %q falls back on itself", w.cfg.Name)
		case slices.Contains(w.chain, next):
			return fmt.Errorf("the channels that %q falls back on run in a circle", w.cfg.Name)
		}
		w.chain = append(w.chain, next)
		at = next
	}
	return nil
}

// Run delivers until ctx ends, and returns when every channel has finished the
// send in progress. Such a send has a grace of 5 s, then it is cut; what was
// cut is sent again by the next Run, which goes on from what the ledger has by then. A
// context that ends with [ErrAbandoned] as its cause ends it at once. There is one Run at
// a time.
func (p *Pipeline) Run(ctx context.Context) error {
	if p.running.Swap(true) {
		return errors.New("the pipeline runs")
	}
	defer p.running.Store(false)
	var wg sync.WaitGroup
	for _, w := range p.workers {
		wg.Go(func() { w.run(ctx) })
	}
	wg.Wait()
	<-ctx.Done()
	return nil
}

// Status tells how each channel has been doing, in the order of NewPipeline.
func (p *Pipeline) Status() []ChannelStatus {
	all := make([]ChannelStatus, 0, len(p.workers))
	for _, w := range p.workers {
		all = append(all, w.snapshot())
	}
	return all
}

// Test sends a sample over a channel at once, past its route, its quiet hours and
// what waits for it. It counts as a delivery or a failure of the service, and a
// failure changes nothing for the messages that wait. It waits for a send in
// progress, and works whether or not the pipeline runs.
func (p *Pipeline) Test(ctx context.Context, name string, m Message) (Receipt, error) {
	w := p.find(name)
	if w == nil {
		return Receipt{}, fmt.Errorf("%w: %q", ErrNoChannel, name)
	}
	receipt, err := w.sender.send(ctx, m, "", 0)
	if err == nil {
		w.limiter.arrived(attempt.Wall())
		return receipt, nil
	}
	if ctx.Err() != nil && errors.Is(err, attempt.ErrCut) {
		return Receipt{}, context.Cause(ctx)
	}
	w.limiter.refused(attempt.Wall(), harmless(err, m))
	if text := harmless(err, m); text != err.Error() {
		return Receipt{}, errors.New(text)
	}
	return Receipt{}, err
}
