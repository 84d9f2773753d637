package notify

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// lazySave is how far a position may move over entries that bring nothing for
// the channel before it is saved. Each save costs an fsync, and reading a few
// entries again after a crash costs nothing.
const lazySave = 256

// worker is one channel's way through the source. All of it belongs to the
// goroutine in run, save what mu guards, and cfg, sender and limiter, which
// other channels use that hand their messages over.
type worker struct {
	cfg     Config
	src     Source
	led     Ledger
	log     zerolog.Logger
	sender  *sender
	limiter *limiter
	backoff attempt.Backoff
	// chain are the channels that take over for this one, in order. find finds
	// any channel.
	chain []*worker
	find  func(name string) *worker

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

func newWorker(cfg Config, src Source, led Ledger, log zerolog.Logger, find func(string) *worker) *worker {
	log = log.With().Str("channel", cfg.Name).Logger()
	return &worker{
		cfg: cfg, src: src, led: led, log: log, find: find, backoff: backoff(),
		sender:  newSender(cfg.Channel, cfg.Timeout, log),
		limiter: &limiter{rate: cfg.Rate},
		status:  ChannelStatus{Name: cfg.Name, Type: cfg.Type, Route: cfg.Route, Fallback: cfg.Fallback},
	}
}

// run works through the source until ctx ends.
func (w *worker) run(ctx context.Context) {
	if !w.start(ctx) {
		return
	}
	defer w.saveMoved(ctx, 1)
	w.retract(ctx)
	for ctx.Err() == nil {
		// Taken before the source is read: what comes in between is not missed.
		changed := w.src.Changed()
		if !attempt.Persist(ctx, w.log, "the messages cannot be read", func() error { return w.read(ctx) }) {
			return
		}
		now := attempt.Wall()
		if a := plan(&w.window, &w.progress, w.limits(now), now); a.verb == actWait {
			w.wait(ctx, a, changed)
		} else {
			w.act(ctx, a)
		}
	}
}

// start loads the channel's progress. A new channel begins at the end: nobody
// wants last month's messages because a channel was added today. That end is
// saved at once, so that what comes from now on is not missed over a restart.
func (w *worker) start(ctx context.Context) bool {
	w.progress, w.owed, w.dirty = Progress{}, nil, false // what an earlier run has left
	var found bool
	ok := attempt.Persist(ctx, w.log, "the channel's progress cannot be read", func() (err error) {
		w.progress, found, err = w.led.Load(w.cfg.Name)
		return err
	})
	if !ok {
		return false
	}
	if !found {
		ok := attempt.Persist(ctx, w.log, "the messages cannot be read", func() error { return w.skipAll(ctx) })
		if !ok || !w.save(ctx) {
			return false
		}
	}
	w.limiter.learn(w.progress.Service)
	for name, service := range w.progress.Others {
		if other := w.find(name); other != nil {
			other.limiter.learn(service)
		}
	}
	w.saved = w.progress.Position
	w.window.reset(w.saved)
	w.publish(false, time.Time{}, 0)
	return true
}

// skipAll moves the position to the source's end.
func (w *worker) skipAll(ctx context.Context) error {
	for {
		at := window{upto: w.progress.Position}
		if err := at.fill(ctx, w.src, nil); err != nil {
			return err
		}
		if at.upto == w.progress.Position {
			return nil
		}
		w.progress.Position = at.upto
	}
}

// read reads on in the source, and moves on where it yields nothing.
func (w *worker) read(ctx context.Context) error {
	err := w.window.fill(ctx, w.src, w.progress.Ahead)
	if err == nil && len(w.window.msgs) == 0 {
		w.progress.advance(w.window.upto)
		w.saveMoved(ctx, lazySave)
	}
	return err
}

// limits is what holds at the channels now.
func (w *worker) limits(now time.Time) limits {
	l := limits{own: w.limit(now), groups: w.cfg.Group != nil}
	if w.cfg.Hushed != nil {
		l.own.hushed = w.cfg.Hushed(now)
	}
	for _, other := range w.chain {
		l.others = append(l.others, other.limit(now))
	}
	return l
}

func (w *worker) limit(now time.Time) limit {
	l := limit{
		name: w.cfg.Name, route: w.cfg.Route,
		rests: w.limiter.rests(now), full: w.limiter.full(now), failing: w.limiter.state().FailingSince,
	}
	if w.cfg.Quiet != nil {
		if until := w.cfg.Quiet(now); until.After(now) {
			l.quiet = until
		}
	}
	return l
}

// wait waits until there may be something to do. Then the messages are read
// anew: newer ones may have taken the place of those that waited, and the
// source may have withdrawn some.
func (w *worker) wait(ctx context.Context, a action, changed <-chan struct{}) {
	pending := len(w.window.msgs) > 0
	w.publish(pending, a.until, w.progress.trial(a.batch.id).tries())
	var due <-chan time.Time
	if pending {
		d := attempt.Tick
		if at := attempt.Earlier(a.until, a.again); !at.IsZero() {
			d = min(d, time.Until(at))
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-changed:
		w.window.changed = pending
	case <-due:
		w.window.reset(w.progress.Position)
	case <-ctx.Done():
	}
}

// save stores the progress, again and again until it is stored: the message has
// gone out, and going on without a record would send it twice.
func (w *worker) save(ctx context.Context, results ...Result) bool {
	w.owed, w.dirty = append(w.owed, results...), true
	if abandoned(ctx) {
		return false
	}
	return attempt.Persist(ctx, w.log, "the channel's progress cannot be saved", w.saveOnce)
}

func (w *worker) saveOnce() error {
	w.progress.Service = w.limiter.state()
	w.progress.Others = nil
	for _, other := range w.chain {
		if s := other.limiter.state(); s != (Service{}) {
			if w.progress.Others == nil {
				w.progress.Others = map[string]Service{}
			}
			w.progress.Others[other.cfg.Name] = s
		}
	}
	if err := w.led.Save(w.cfg.Name, w.progress, w.owed); err != nil {
		return err
	}
	w.saved, w.owed, w.dirty = w.progress.Position, nil, false
	return nil
}

// saveMoved stores, once, what has changed without a result, or could not be
// stored before the pipeline was stopped: a position that has moved by so much,
// what became of a sample.
// Failing is harmless: the entries are passed over again after a restart.
func (w *worker) saveMoved(ctx context.Context, by uint64) {
	if abandoned(ctx) || !w.dirty && w.progress.Position < w.saved+by && w.progress.Service == w.limiter.state() {
		return
	}
	if err := w.saveOnce(); err != nil {
		w.log.Warn().Str("reason", err.Error()).Msg("the channel's progress cannot be saved")
	}
}

func (w *worker) publish(pending bool, until time.Time, attempts int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.Pending, w.status.RetryAt, w.status.Attempts = pending, until, attempts
}

func (w *worker) snapshot() ChannelStatus {
	known := w.limiter.state()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status
	s.Delivered, s.Failed, s.LastError, s.FailingSince = known.Delivered, known.Failed, known.LastError, known.FailingSince
	return s
}
