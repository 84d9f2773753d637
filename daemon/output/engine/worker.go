package engine

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
	"github.com/bilikeeper/bilikeeper/internal/plain"
)

// grace is what a try gets when the engine is to stop, settle what it gets to
// come back once its time is up.
const (
	grace  = 5 * time.Second
	settle = 2 * time.Second
)

// worker is one output's way through the changes. All of it belongs to the
// goroutine in run, save what mu guards.
type worker struct {
	out    prepared
	keeper *keeper.Keeper
	led    Ledger
	log    zerolog.Logger
	// slot is held by a try that the operating system does not let go of, as on a
	// network file system; the next one is refused until it has come back.
	slot    *attempt.Slot
	backoff attempt.Backoff

	progress Progress
	memory   memory
	// before is the credential that was in use before the current one. It may
	// live for a while, so it is hidden in what commands print as well.
	current, before keeper.Credential

	// orders are RunNow's, each with the way for its answer.
	orders chan chan error
	// stopped is closed when run has returned.
	stopped chan struct{}

	mu     sync.Mutex // guards status
	status Status
}

func newWorker(p prepared, k *keeper.Keeper, led Ledger, log zerolog.Logger) *worker {
	log = log.With().Str("output", p.Name).Logger()
	return &worker{
		out: p, keeper: k, led: led, log: log,
		slot:    attempt.NewSlot(attempt.Guard{Err: ErrPanicked, Message: "an output panicked", Log: log}, ErrTimeout, ErrBusy),
		backoff: attempt.Backoff{First: firstDelay, Most: maxDelay, MostAsked: maxSilence, Spread: 0.2},
		orders:  make(chan chan error), stopped: make(chan struct{}),
		status: Status{Name: p.Name, Account: p.Account, Format: p.Format, Kind: p.kind(), Place: p.place, State: StatePending},
	}
}

// run works until ctx ends.
func (w *worker) run(ctx context.Context) {
	defer close(w.stopped)
	ok := w.persist(ctx, "the output's record cannot be read", func() (err error) {
		w.progress, _, err = w.led.Load(w.out.Name)
		return err
	})
	if !ok {
		return
	}
	w.publish(StatePending)
	w.sweep(ctx)
	var done chan error
	for ctx.Err() == nil {
		// Taken before the credential is read: what comes in between is not missed.
		changed := w.keeper.Store().Changed()
		next, err := w.step(ctx, done != nil)
		if done != nil {
			done <- err
		}
		done = w.wait(ctx, changed, next)
	}
	if done != nil {
		done <- ErrStopped
	}
}

// wait returns when there is something to do, with the answer's way where that
// is an order. It may return before the time that was asked for.
func (w *worker) wait(ctx context.Context, changed <-chan struct{}, next time.Time) chan error {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(max(0, min(next.Sub(attempt.Wall()), attempt.Tick)))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-changed:
	case <-due:
	case <-ctx.Done():
	case answer := <-w.orders:
		return answer
	}
	return nil
}

// runNow hands an order to run and waits.
func (w *worker) runNow(ctx context.Context) (Status, error) {
	answer := make(chan error, 1)
	select {
	case w.orders <- answer:
	case <-w.stopped:
		return w.snapshot(), ErrStopped
	case <-ctx.Done():
		return w.snapshot(), context.Cause(ctx)
	}
	select {
	case err := <-answer: // run answers each order that it took, also when it stops
		return w.snapshot(), err
	case <-ctx.Done():
		return w.snapshot(), context.Cause(ctx)
	}
}

// step does what is due and returns when to look again if nothing changes; zero
// is never. The error is that of this step.
func (w *worker) step(ctx context.Context, force bool) (time.Time, error) {
	j, err := w.look(ctx, force)
	switch {
	case ctx.Err() != nil:
		return time.Time{}, ErrStopped
	case err != nil:
		w.log.Error().Str("reason", plain.Clip(err.Error(), maxReason)).Msg("the credential cannot be read")
		return attempt.Wall().Add(w.backoff.Delay(4)), err
	}
	next, err := w.act(ctx, planDelivery(w.out, w.progress, w.memory, j, attempt.Wall()), j)
	if !j.alive || w.progress.Digest != j.digest {
		return next, err
	}
	var a action
	w.memory.hooks, a = planCommands(w.out, w.progress, w.memory.hooks, j, attempt.Wall())
	at, hookErr := w.act(ctx, a, j)
	if err == nil {
		err = hookErr
	}
	return attempt.Earlier(next, at), err
}

// look finds out what there is to deliver.
func (w *worker) look(ctx context.Context, force bool) (job, error) {
	var c keeper.Credential
	err := w.slot.Protect(func() error {
		c = w.keeper.Credentials().Held(w.out.Account)
		return nil
	})
	j := job{force: force, alive: c.Alive}
	if err != nil || !j.alive || ctx.Err() != nil {
		return j, err
	}
	if c.Generation != w.current.Generation {
		w.before = w.current
	}
	w.current = c
	j.content, j.unwritable = w.write(c)
	if j.digest == w.progress.Digest && !force {
		// The target may be on a file system that does not answer.
		settled, err := w.try(ctx, w.out.Timeout, func(context.Context) (bool, error) { return w.out.target.settled(), nil })
		j.settled = settled && err == nil
	}
	return j, nil
}

func (w *worker) redact(text string) string {
	return output.Redact(w.before, output.Redact(w.current, text))
}

// sweep removes what a crash left beside the file.
func (w *worker) sweep(ctx context.Context) {
	f, ok := w.out.target.(*file)
	if !ok {
		return
	}
	// A directory that cannot be read is told of by the write.
	_, _ = w.try(ctx, w.out.Timeout, func(context.Context) (bool, error) {
		removed, err := f.sweep()
		if len(removed) > 0 {
			w.log.Info().Strs("files", removed).Msg("removed what an interrupted write had left")
		}
		return true, err
	})
}

// try makes one try within a limit.
func (w *worker) try(ctx context.Context, limit time.Duration, f func(context.Context) (bool, error)) (bool, error) {
	if err := w.slot.Take(ctx, 0); err != nil {
		return false, err
	}
	return attempt.Do(ctx, w.slot, attempt.Limits{Most: limit, Grace: grace, Settle: settle}, f, nil)
}

// record stores the record, again and again until it is stored, and shows it:
// what was done has been done, and going on without a record would do it twice.
func (w *worker) record(ctx context.Context, state string, results ...Result) {
	w.persist(ctx, "the output's record cannot be saved", func() error {
		return w.led.Save(w.out.Name, w.progress, results)
	})
	w.publish(state)
}

func (w *worker) persist(ctx context.Context, trouble string, op func() error) bool {
	return attempt.Persist(ctx, w.log, trouble, func() error { return w.slot.Protect(op) })
}

func (w *worker) publish(state string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.State, w.status.Progress, w.status.HookRetryAt = state, w.progress, w.memory.hooks.at
}

func (w *worker) snapshot() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}
