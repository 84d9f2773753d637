package notify

import (
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
	// Head names the message that is being tried again, Since is when its first
	// try failed and Attempts how many have.
	Head     string    `json:"head,omitempty"`
	Attempts int       `json:"attempts,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	// RetryAt is the time before which the service is left alone. It outlives
	// the message that it was set for.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// Delivered and Failed are when a try last arrived and last did not.
	Delivered time.Time `json:"delivered,omitzero"`
	Failed    time.Time `json:"failed,omitzero"`
	// LastError is the text of the last failure; a delivery clears it.
	LastError string `json:"last_error,omitempty"`
	// Shown are the messages with a code that people still see, oldest first,
	// where the channel can replace or retract them.
	Shown []Shown `json:"shown,omitempty"`
}

// The outcomes of a message on a channel. Names are on the wire.
const (
	OutcomeDelivered = "delivered"
	OutcomeFailed    = "failed"  // tried, and given up
	OutcomeDropped   = "dropped" // never tried, or overtaken by a newer message
)

// Result is how a message ended on a channel. It holds no secret.
type Result struct {
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
}

// ChannelStatus is how a channel has been doing.
type ChannelStatus struct {
	Name, Type string
	Route      Route
	// Pending is true while a message waits, for a retry or for the end of
	// quiet hours; RetryAt is when it is looked at again.
	Pending  bool
	RetryAt  time.Time
	Attempts int
	// Delivered and Failed are when a try last arrived and last did not.
	Delivered, Failed time.Time
	LastError         string
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
		if cfg.Timeout == 0 {
			cfg.Timeout = DefaultTimeout
		}
		cfg.Route.Events = slices.Clone(cfg.Route.Events)
		cfg.Route.Accounts = slices.Clone(cfg.Route.Accounts)
		p.cursors = append(p.cursors, newCursor(cfg, src, led, log, rand.Float64))
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
