package notify

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// lazySave is how far a position may move over entries that bring nothing for
// the channel before it is saved. Each save costs an fsync, and reading a few
// entries again after a crash costs nothing.
const lazySave = 256

// cursor is one channel's way through the source. All of it belongs to the
// goroutine in run, save what mu guards, and cfg, sender and gate, which other
// channels use that hand their messages over.
type cursor struct {
	cfg    Config
	src    Source
	led    Ledger
	log    zerolog.Logger
	sender *sender
	gate   *gate
	// chain are the channels that take over for this one, in order. find finds
	// any channel.
	chain []*cursor
	find  func(name string) *cursor
	// draw gives the numbers in [0, 1) that spread the retries.
	draw func() float64

	window   window
	progress Progress
	saved    uint64 // the position that the ledger has
	// owed is what the ledger has not taken yet; dirty that it has not taken
	// the progress.
	owed  []Result
	dirty bool

	mu     sync.Mutex // guards status
	status ChannelStatus
}

func newCursor(cfg Config, src Source, led Ledger, log zerolog.Logger, draw func() float64) *cursor {
	log = log.With().Str("channel", cfg.Name).Logger()
	return &cursor{
		cfg: cfg, src: src, led: led, log: log, draw: draw,
		sender: newSender(cfg.Channel, cfg.Timeout, log),
		gate:   &gate{rate: cfg.Rate},
		status: ChannelStatus{Name: cfg.Name, Type: cfg.Type, Route: cfg.Route, Fallback: cfg.Fallback},
	}
}

// wants reports whether a message is for the channel. That the channel itself
// fails is news for all others.
func (c *cursor) wants(m Message) bool {
	return c.cfg.Route.Wants(m) && !m.Silent && (m.About == "" || m.About != c.cfg.Name)
}

// run works through the source until ctx ends.
func (c *cursor) run(ctx context.Context) {
	if !c.start(ctx) {
		return
	}
	defer c.saveLast()
	c.retract(ctx)
	for ctx.Err() == nil {
		// Taken before the source is read: what comes in between is not missed.
		changed := c.src.Changed()
		fill := func() error { return c.window.fill(ctx, c.src, c.progress.Ahead) }
		if !c.persist(ctx, "the messages cannot be read", fill) {
			return
		}
		c.step(ctx, changed)
	}
}

// step does the next thing there is to do, or waits for one.
func (c *cursor) step(ctx context.Context, changed <-chan struct{}) {
	if len(c.window.msgs) > 0 {
		s := &scan{c: c, now: wall(), taken: map[uint64]bool{}, held: map[string]bool{}, waiting: map[string]bool{}}
		if do := s.look(); do != nil {
			do(ctx)
		} else {
			c.rest(ctx, s, changed)
		}
		return
	}
	c.progress.Position, c.progress.Ahead = max(c.progress.Position, c.window.upto), nil
	c.saveMoved()
	c.publish(false, time.Time{}, 0)
	select {
	case <-changed:
	case <-ctx.Done():
	}
}

// start loads the channel's progress. A new channel begins at the end: nobody
// wants last month's messages because a channel was added today. That end is
// saved at once, so that what comes from now on is not missed over a restart.
func (c *cursor) start(ctx context.Context) bool {
	var found bool
	ok := c.persist(ctx, "the channel's progress cannot be read", func() (err error) {
		c.progress, found, err = c.led.Load(c.cfg.Name)
		return err
	})
	if !ok {
		return false
	}
	if !found {
		ok := c.persist(ctx, "the messages cannot be read", func() error { return c.skipAll(ctx) })
		if !ok || !c.save(ctx) {
			return false
		}
	}
	c.gate.learn(c.progress.Service)
	for name, service := range c.progress.Others {
		if other := c.find(name); other != nil {
			other.gate.learn(service)
		}
	}
	c.saved = c.progress.Position
	c.window.reset(c.saved)
	c.publish(false, time.Time{}, 0)
	return true
}

// skipAll moves the position to the source's end.
func (c *cursor) skipAll(ctx context.Context) error {
	for {
		w := window{upto: c.progress.Position}
		if err := w.fill(ctx, c.src, nil); err != nil {
			return err
		}
		if w.upto == c.progress.Position {
			return nil
		}
		c.progress.Position = w.upto
	}
}

// rest waits until there may be something to do. Then the messages are read
// anew: newer ones may have taken the place of those that waited, and the
// source may have withdrawn some.
func (c *cursor) rest(ctx context.Context, s *scan, changed <-chan struct{}) {
	attempts := 0
	if s.first != nil {
		attempts = c.progress.trial(s.first.id).tries()
	}
	c.publish(true, s.until, attempts)
	d := tick
	if !s.until.IsZero() {
		d = min(d, s.until.Sub(s.now))
	}
	if s.released && c.window.changed {
		d = min(d, time.Until(c.window.began.Add(refreshEvery)))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-changed:
		c.window.waited, c.window.changed = true, true
	case <-timer.C:
		c.window.reset(c.progress.Position)
	case <-ctx.Done():
	}
}

// drop leaves out a message that is no longer worth sending.
func (c *cursor) drop(ctx context.Context, m Message, why error) {
	u := single(m)
	c.finish(ctx, u, Result{Outcome: OutcomeDropped, Attempts: c.progress.trial(u.id).tries(), Detail: why.Error()})
}

// expire ends a message whose code has died. It failed if it was tried at all.
func (c *cursor) expire(ctx context.Context, u unit) {
	t := c.progress.trial(u.id)
	if t.tries() == 0 {
		c.drop(ctx, u.members[0], ErrExpired)
		return
	}
	r := Result{Outcome: OutcomeFailed, Attempts: t.tries(), Detail: ErrExpired.Error()}
	c.finish(ctx, u, r, c.tell(u, t.Reason)...)
}

// giveUp ends a message that no channel takes.
func (c *cursor) giveUp(ctx context.Context, u unit) {
	t := c.progress.trial(u.id)
	c.finish(ctx, u, Result{Outcome: OutcomeFailed, Attempts: t.tries(), Detail: t.Reason}, c.tell(u, t.Reason)...)
}

// try sends a unit once and records how that went.
func (c *cursor) try(ctx context.Context, u unit, via *cursor) {
	if c.window.waited || c.window.aged && u.login() != nil {
		// While others were sent the code may have been scanned, and the source
		// would not give it out any more.
		c.window.reset(c.progress.Position)
		return
	}
	if !c.freeze(ctx, &u) || !via.gate.take(wall()) {
		return
	}
	attempts := c.progress.trial(u.id).tries()
	c.publish(true, time.Time{}, attempts)
	c.window.aged = true
	m := c.write(u)
	begun := time.Now()
	earlier := c.replaceable(m, via, begun)
	receipt, err := via.sender.send(ctx, m, earlier.Handle, grace)
	if earlier.Handle != "" && final(err) {
		// It may still be there, and be no message that can be changed: the new
		// one makes it outdated.
		earlier = Shown{}
		via.gate.spend(wall())
		receipt, err = via.sender.send(ctx, m, "", grace)
	}
	took := time.Since(begun)
	switch {
	case err == nil:
		via.gate.arrived(wall())
		c.remember(m, via, receipt.Handle, earlier)
		if m.Group != "" && m.Login == nil && c.cfg.Group != nil {
			c.progress.gathered(m.Group, wall())
		}
		c.log.Info().Str("message", m.ID).Str("type", m.Type).Int("attempt", attempts+1).Dur("took", took).
			Str("through", via.cfg.Name).Msg("message delivered")
		detail := receipt.Answer
		if via != c {
			detail = "through " + via.cfg.Name
			if receipt.Answer != "" {
				detail += ": " + receipt.Answer
			}
		}
		c.finish(ctx, u, Result{Outcome: OutcomeDelivered, Attempts: attempts + 1, Detail: detail, Took: took})
		c.retract(ctx)
	case errors.Is(err, errCut):
		// Not recorded: the message is sent again after the next start.
	case errors.Is(err, ErrExpired):
		c.expire(ctx, u)
	default:
		c.fail(ctx, u, m, via, err, took)
	}
}

// finish moves past a unit and saves what became of it, and what there is to
// tell beside.
func (c *cursor) finish(ctx context.Context, u unit, r Result, beside ...Result) {
	if c.overdue(wall()) {
		beside = append(beside, c.tell(u, c.gate.state().LastError)...)
	}
	r.MessageID = u.id
	for _, m := range u.members {
		beside = append(beside, c.result(m, r))
		c.settle(m)
		if ends(m) {
			c.progress.outdate(m.Account, m.Position)
		}
	}
	c.progress.Trials = slices.DeleteFunc(c.progress.Trials, func(t Trial) bool { return t.ID == u.id })
	c.progress.Sending = slices.DeleteFunc(c.progress.Sending, func(s Sending) bool { return s.ID == u.id })
	c.save(ctx, beside...)
}

// result is what became of one of the messages that went out as one.
func (c *cursor) result(m Message, r Result) Result {
	r.Type, r.Account, r.Position = m.Type, m.Account, m.Position
	return r
}

// settle notes that a message is dealt with, and moves on as far as all is.
func (c *cursor) settle(m Message) {
	c.window.remove(m.Position)
	p := &c.progress
	p.Ahead = append(p.Ahead, m.Position)
	reached := c.window.upto
	if len(c.window.msgs) > 0 {
		reached = c.window.msgs[0].Position - 1
	}
	for _, at := range p.Ahead {
		if at <= reached {
			p.Position = max(p.Position, at)
		}
	}
	if len(c.window.msgs) == 0 {
		p.Position = max(p.Position, reached)
	}
	p.Ahead = slices.DeleteFunc(p.Ahead, func(at uint64) bool { return at <= p.Position })
	slices.SortFunc(p.Ahead, func(a, b uint64) int { return cmp.Compare(a, b) })
}

// save stores the progress, again and again until it is stored: the message has
// gone out, and going on without a record would send it twice.
func (c *cursor) save(ctx context.Context, results ...Result) bool {
	c.owed, c.dirty = append(c.owed, results...), true
	return c.persist(ctx, "the channel's progress cannot be saved", c.saveOnce)
}

func (c *cursor) saveOnce() error {
	c.progress.Service = c.gate.state()
	c.progress.Others = nil
	for _, other := range c.chain {
		if s := other.gate.state(); s != (Service{}) {
			if c.progress.Others == nil {
				c.progress.Others = map[string]Service{}
			}
			c.progress.Others[other.cfg.Name] = s
		}
	}
	if err := c.led.Save(c.cfg.Name, c.progress, c.owed); err != nil {
		return err
	}
	c.saved, c.owed, c.dirty = c.progress.Position, nil, false
	return nil
}

// saveMoved stores a position that has moved far enough without a result.
// Failing is harmless: the entries are passed over again after a restart.
func (c *cursor) saveMoved() {
	if c.progress.Position >= c.saved+lazySave {
		c.saveOrWarn()
	}
}

// saveLast stores, once, what there is to store when the pipeline stops.
func (c *cursor) saveLast() {
	if c.dirty || c.progress.Position > c.saved {
		c.saveOrWarn()
	}
}

func (c *cursor) saveOrWarn() {
	if err := c.saveOnce(); err != nil {
		c.log.Warn().Str("reason", err.Error()).Msg("the channel's progress cannot be saved")
	}
}

// persist repeats an operation on the source or the ledger until it works, and
// reports false when ctx has ended before it did.
func (c *cursor) persist(ctx context.Context, trouble string, op func() error) bool {
	for n := 1; ; n++ {
		err := op()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if n == 1 {
			c.log.Error().Str("reason", err.Error()).Msg(trouble)
		}
		if !sleep(ctx, min(backoff(n, c.draw()), tick)) {
			return false
		}
	}
}

func (c *cursor) publish(pending bool, until time.Time, attempts int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Pending, c.status.RetryAt, c.status.Attempts = pending, until, attempts
}

func (c *cursor) snapshot() ChannelStatus {
	known := c.gate.state()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	s.Delivered, s.Failed, s.LastError, s.FailingSince = known.Delivered, known.Failed, known.LastError, known.FailingSince
	return s
}
