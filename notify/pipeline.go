package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
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

// Progress is how far a channel is. Its JSON is what a ledger stores.
type Progress struct {
	// Position is the place in the source up to which all is dealt with.
	Position uint64 `json:"position"`
	// Ahead are the places after Position that are dealt with too: what was held
	// was overtaken by others.
	Ahead []uint64 `json:"ahead,omitempty"`
	// Trials are the messages that were tried and have not ended.
	Trials []Trial `json:"trials,omitempty"`
	// Sending are the messages whose composition must not change any more.
	Sending []Sending `json:"sending,omitempty"`
	// Gathered is when messages of a Group went out lately.
	Gathered map[string][]time.Time `json:"gathered,omitempty"`
	// Service is what is known of the channel's own service, Others of those
	// that take over for it.
	Service
	Others map[string]Service `json:"others,omitempty"`
	// Told is the beginning of the bout of failures that was told of last.
	Told time.Time `json:"told,omitzero"`
	// Shown are the messages with a code that people still see, oldest first,
	// where the channel can replace or retract them.
	Shown []Shown `json:"shown,omitempty"`
}

// The outcomes of a message on a channel. Names are on the wire.
const (
	OutcomeDelivered = "delivered"
	OutcomeFailed    = "failed"  // tried, and given up
	OutcomeDropped   = "dropped" // never tried, or overtaken by a newer message
	// OutcomeFailing is told once per bout of failures, beside what became of the
	// message at hand.
	OutcomeFailing = "failing"
)

// Result is how a message ended on a channel. It holds no secret.
type Result struct {
	// MessageID is what the message went out under: each member of a grouped one
	// has a result with the group's id and its own type, account and position.
	MessageID string
	Type      string
	Account   string
	Position  uint64
	// Outcome is one of the Outcome… words.
	Outcome  string
	Attempts int
	// Detail is what the service answered, or why the message did not arrive.
	Detail string
	Took   time.Duration
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

// Pipeline brings the messages of a source to the channels that want them.
type Pipeline struct {
	cursors []*cursor
	started atomic.Bool
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
		p.cursors = append(p.cursors, newCursor(cfg, src, led, log, rand.Float64))
	}
	for _, c := range p.cursors {
		if err := p.join(c); err != nil {
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

func (p *Pipeline) find(name string) *cursor {
	i := slices.IndexFunc(p.cursors, func(c *cursor) bool { return c.cfg.Name == name })
	if i < 0 {
		return nil
	}
	return p.cursors[i]
}

// Run delivers until ctx ends, and returns when every channel has finished the
// send in progress. Such a send has a grace of 5 s, then it is cut; what was
// cut is sent again by the next Run. A pipeline runs once.
func (p *Pipeline) Run(ctx context.Context) error {
	if p.started.Swap(true) {
		return errors.New("the pipeline has run before")
	}
	var wg sync.WaitGroup
	for _, c := range p.cursors {
		wg.Go(func() { c.run(ctx) })
	}
	wg.Wait()
	<-ctx.Done()
	return nil
}

// Status tells how each channel has been doing, in the order of NewPipeline.
func (p *Pipeline) Status() []ChannelStatus {
	all := make([]ChannelStatus, 0, len(p.cursors))
	for _, c := range p.cursors {
		all = append(all, c.snapshot())
	}
	return all
}

// Test sends a sample over a channel at once, past its route, its quiet hours
// and its cursor. It waits for a send in progress, and works whether or not the
// pipeline runs.
func (p *Pipeline) Test(ctx context.Context, name string, m Message) (Receipt, error) {
	c := p.find(name)
	if c == nil {
		return Receipt{}, fmt.Errorf("%w: %q", ErrNoChannel, name)
	}
	receipt, err := c.sender.send(ctx, m, "", 0)
	if err == nil {
		return receipt, nil
	}
	if ctx.Err() != nil && errors.Is(err, errCut) {
		return Receipt{}, context.Cause(ctx)
	}
	if text := harmless(err, m); text != err.Error() {
		return Receipt{}, errors.New(text)
	}
	return Receipt{}, err
}
