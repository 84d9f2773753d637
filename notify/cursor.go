package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// lazySave is how far a position may move over entries that bring nothing for
// the channel before it is saved. Each save costs an fsync, and reading a few
// entries again after a crash costs nothing.
const lazySave = 256

// cursor is one channel's way through the source. All of it belongs to the
// goroutine in run, save what mu guards.
type cursor struct {
	cfg    Config
	src    Source
	led    Ledger
	log    zerolog.Logger
	sender *sender
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
		status: ChannelStatus{Name: cfg.Name, Type: cfg.Type, Route: cfg.Route},
	}
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
		if !c.persist(ctx, "the messages cannot be read", func() error { return c.window.fill(ctx, c.src) }) {
			return
		}
		if len(c.window.msgs) > 0 {
			c.step(ctx, c.window.msgs[0])
			continue
		}
		c.progress.Position = c.window.position(c.progress.Position)
		c.saveMoved()
		c.publish(false, time.Time{})
		select {
		case <-changed:
		case <-ctx.Done():
		}
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
	c.saved = c.progress.Position
	c.window.reset(c.saved)
	c.publish(false, time.Time{})
	return true
}

// skipAll moves the position to the source's end.
func (c *cursor) skipAll(ctx context.Context) error {
	for {
		w := window{upto: c.progress.Position}
		if err := w.fill(ctx, c.src); err != nil {
			return err
		}
		if w.upto == c.progress.Position {
			return nil
		}
		c.progress.Position = w.upto
	}
}

// step deals with the message at the head of the window.
func (c *cursor) step(ctx context.Context, m Message) {
	switch now := wall(); {
	case !c.cfg.Route.Wants(m):
		c.pass(ctx, m)
	case superseded(m, c.window.msgs[1:]):
		c.finish(ctx, m, Result{Outcome: OutcomeDropped, Attempts: c.attempts(m), Detail: ErrSuperseded.Error()})
	case m.Expired(now):
		c.expire(ctx, m)
	default:
		until := c.heldUntil(now)
		switch {
		case !until.IsZero():
			c.hold(ctx, now, until)
		case m.Login != nil && c.window.aged:
			// While others were sent the code may have been scanned, and the
			// source would not give it out any more.
			c.window.reset(c.progress.Position)
		default:
			c.try(ctx, m)
		}
	}
}

// pass leaves out a message that the channel does not want. It may be the end
// of a code that the channel has shown all the same.
func (c *cursor) pass(ctx context.Context, m Message) {
	c.window.pop()
	c.progress.Position = c.window.position(m.Position)
	if !ends(m) || !c.progress.outdate(m.Account, "") {
		c.saveMoved()
		return
	}
	c.save(ctx)
	c.retract(ctx)
}

// expire ends a message whose code has died. It failed if it was tried at all.
func (c *cursor) expire(ctx context.Context, m Message) {
	r := Result{Outcome: OutcomeDropped, Attempts: c.attempts(m), Detail: ErrExpired.Error()}
	if r.Attempts > 0 {
		r.Outcome = OutcomeFailed
	}
	c.finish(ctx, m, r)
}

// heldUntil is when the next try may be made, zero where that is now.
func (c *cursor) heldUntil(now time.Time) time.Time {
	until := c.progress.RetryAt
	if now.Before(c.progress.Failed) {
		// The clock was set back since this was written, and until may be years
		// away. One try too early does less harm.
		until = time.Time{}
	}
	if c.cfg.Quiet != nil {
		if quiet := c.cfg.Quiet(now); quiet.After(until) {
			until = quiet
		}
	}
	if !until.After(now) {
		return time.Time{}
	}
	return until
}

// hold waits, and has the messages read anew then: newer ones may have taken
// the place of those that waited.
func (c *cursor) hold(ctx context.Context, now, until time.Time) {
	c.publish(true, until)
	sleep(ctx, min(until.Sub(now), tick))
	c.window.reset(c.progress.Position)
}

// try sends the head once and records how that went.
func (c *cursor) try(ctx context.Context, m Message) {
	c.publish(true, time.Time{})
	c.window.aged = true
	begun := time.Now()
	earlier := c.replaceable(m, begun)
	receipt, err := c.sender.send(ctx, m, earlier.Handle, grace)
	if earlier.Handle != "" && final(err) {
		// It may still be there, and be no message that can be changed: the new
		// one makes it outdated.
		earlier = Shown{}
		receipt, err = c.sender.send(ctx, m, "", grace)
	}
	took := time.Since(begun)
	switch {
	case err == nil:
		c.remember(m, receipt.Handle, earlier)
		c.progress.Delivered, c.progress.RetryAt, c.progress.LastError = wall(), time.Time{}, ""
		n := c.attempts(m) + 1
		c.log.Info().Str("message", m.ID).Str("type", m.Type).Int("attempt", n).Dur("took", took).Msg("message delivered")
		c.finish(ctx, m, Result{Outcome: OutcomeDelivered, Attempts: n, Detail: receipt.Answer, Took: took})
		c.retract(ctx)
	case errors.Is(err, errCut):
		// Not recorded: the message is sent again after the next start.
	case errors.Is(err, ErrExpired):
		c.expire(ctx, m)
	default:
		c.fail(ctx, m, err, took)
	}
}

// fail records a try that did not arrive, and gives up where no other follows.
func (c *cursor) fail(ctx context.Context, m Message, err error, took time.Duration) {
	now, text, n := wall(), harmless(err, m), c.attempts(m)+1
	if n == 1 {
		c.progress.Since = now
	}
	v := judge(m, err, n, c.progress.Since, now, c.draw())
	line := c.log.Warn()
	if text == c.progress.LastError && !v.giveUp {
		line = c.log.Debug() // said before; a service that is down for a day is one line
	}
	if !v.giveUp {
		line.Time("retry_at", v.retryAt)
	}
	line.Str("message", m.ID).Str("type", m.Type).Int("attempt", n).Bool("given_up", v.giveUp).
		Str("reason", text).Msg("message not delivered")
	c.progress.Failed, c.progress.LastError, c.progress.RetryAt = now, text, v.retryAt
	if v.giveUp {
		c.finish(ctx, m, Result{Outcome: OutcomeFailed, Attempts: n, Detail: text, Took: took})
		return
	}
	c.progress.Head, c.progress.Attempts = m.ID, n
	c.save(ctx)
	c.window.reset(c.progress.Position)
}

// attempts is how often the message was tried before. A head that has changed
// starts anew, but the service is still left alone until RetryAt.
func (c *cursor) attempts(m Message) int {
	if c.progress.Head != m.ID {
		return 0
	}
	return c.progress.Attempts
}

// finish moves past the head and saves what became of it.
func (c *cursor) finish(ctx context.Context, m Message, r Result) {
	r.MessageID, r.Type, r.Account, r.Position = m.ID, m.Type, m.Account, m.Position
	c.window.pop()
	c.progress.Position = c.window.position(m.Position)
	c.progress.Head, c.progress.Attempts, c.progress.Since = "", 0, time.Time{}
	if ends(m) {
		c.progress.outdate(m.Account, "")
	}
	c.save(ctx, r)
}

// save stores the progress, again and again until it is stored: the message has
// gone out, and going on without a record would send it twice.
func (c *cursor) save(ctx context.Context, results ...Result) bool {
	c.owed, c.dirty = append(c.owed, results...), true
	return c.persist(ctx, "the channel's progress cannot be saved", c.saveOnce)
}

func (c *cursor) saveOnce() error {
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

func (c *cursor) publish(pending bool, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.status
	s.Pending, s.RetryAt, s.Attempts = pending, until, c.progress.Attempts
	s.Delivered, s.Failed, s.LastError = c.progress.Delivered, c.progress.Failed, c.progress.LastError
}

func (c *cursor) snapshot() ChannelStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}
