package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/output"
)

// worker is one output's way through the changes. All of it belongs to the
// goroutine in run, save what mu guards.
type worker struct {
	out prepared
	src Source
	led Ledger
	log zerolog.Logger
	// draw gives the numbers in [0, 1) that spread the retries.
	draw  func() float64
	tries attempts

	progress Progress
	// gaveUp is the digest of which a delivery will not be tried again by itself.
	gaveUp string
	// tried is the generation that was last tried, since the start.
	tried uint64
	// hooks is how the commands of the current content stand.
	hooks hookState
	// before is the credential that was in use before the current one. It may
	// live for a while, so it is hidden in what commands print as well.
	current, before output.Credential

	// orders are RunNow's, each with the way for its answer.
	orders chan chan error
	// stopped is closed when run has returned.
	stopped chan struct{}

	mu     sync.Mutex // guards status
	status Status
}

// hookState is kept in memory alone: a restart gives a row of commands that had
// failed another three tries.
type hookState struct {
	digest string // the content that the rest is about
	tries  int
	// at is before when the commands are not run: a retry's time, or the end of
	// the debounce; latest is when they are run although changes go on.
	at, latest time.Time
}

func newWorker(p prepared, src Source, led Ledger, log zerolog.Logger, draw func() float64) *worker {
	log = log.With().Str("output", p.Name).Logger()
	w := &worker{
		out: p, src: src, led: led, log: log, draw: draw, tries: newAttempts(log),
		orders: make(chan chan error), stopped: make(chan struct{}),
	}
	w.status = Status{Name: p.Name, Account: p.Account, Format: p.Format, Kind: p.kind(), Place: p.place, State: StatePending}
	return w
}

func (p prepared) kind() string {
	switch {
	case p.Push != nil:
		return StagePush
	case p.Path != "":
		return StageFile
	}
	return StageHook
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
		changed := w.src.Changed()
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
		timer := time.NewTimer(max(0, min(next.Sub(wall()), tick)))
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

// sweep removes what a crash left beside the file.
func (w *worker) sweep(ctx context.Context) {
	f, ok := w.out.target.(*file)
	if !ok {
		return
	}
	// A directory that cannot be read is told of by the write.
	_ = w.tries.do(ctx, w.out.Timeout, func(context.Context) error {
		removed, err := f.sweep()
		if len(removed) > 0 {
			w.log.Info().Strs("files", removed).Msg("removed what an interrupted write had left")
		}
		return err
	})
}

// settled asks the target, which may be on a file system that does not answer.
func (w *worker) settled(ctx context.Context) bool {
	var yes atomic.Bool
	err := w.tries.do(ctx, w.out.Timeout, func(context.Context) error {
		yes.Store(w.out.target.settled())
		return nil
	})
	return err == nil && yes.Load()
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
	case err := <-answer:
		return w.snapshot(), err
	case <-w.stopped:
		// Answered at the last moment, perhaps.
		select {
		case err := <-answer:
			return w.snapshot(), err
		default:
			return w.snapshot(), ErrStopped
		}
	case <-ctx.Done():
		return w.snapshot(), context.Cause(ctx)
	}
}

// job is a credential, written out.
type job struct {
	generation uint64
	rendered   output.Rendered
	digest     string
}

// step does what is due and returns when to look again if nothing changes; zero
// is never. The error is that of this step.
func (w *worker) step(ctx context.Context, force bool) (time.Time, error) {
	var c output.Credential
	var alive bool
	err := w.tries.protected(ctx, func(ctx context.Context) (err error) {
		c, alive, err = w.src.Credential(ctx, w.out.Account)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return time.Time{}, ErrStopped
	case err != nil:
		w.log.Error().Str("reason", clip(err.Error(), maxReason)).Msg("the credential cannot be read")
		return wall().Add(backoff(4, w.draw())), err
	case !alive:
		w.publish(StateWaiting)
		return time.Time{}, ErrNoCredential
	}
	w.know(c)
	j, err := w.prepare(c)
	if err != nil {
		return w.cannotRender(ctx, c, err)
	}
	next, err := w.deliver(ctx, j, force)
	if w.progress.Digest != j.digest {
		return next, err
	}
	at, hookErr := w.runHooks(ctx, j, force)
	if err == nil {
		err = hookErr
	}
	return earliest(next, at), err
}

// know remembers which secrets are about.
func (w *worker) know(c output.Credential) {
	if c.Generation != w.current.Generation {
		w.before = w.current
	}
	w.current = c
}

func (w *worker) redact(text string) string { return w.before.Redact(w.current.Redact(text)) }

func (w *worker) prepare(c output.Credential) (job, error) {
	var r output.Rendered
	err := w.tries.protected(context.Background(), func(context.Context) (err error) {
		r, err = w.out.render(c)
		return err
	})
	// Half of a SHA-256 is plenty to tell contents apart.
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q\n", w.out.kind(), w.out.place, w.out.address())
	sum.Write(r.Body)
	return job{c.Generation, r, hex.EncodeToString(sum.Sum(nil)[:16])}, err
}

// address is the whole of where a push goes; another path is another place.
func (p prepared) address() string {
	if p.Push == nil {
		return ""
	}
	return p.Push.Preset + " " + p.Push.Method + " " + p.Push.URL + " " + p.Push.ContentType
}

// cannotRender records that there is nothing to deliver. The same credential
// will not render any better later.
func (w *worker) cannotRender(ctx context.Context, c output.Credential, err error) (time.Time, error) {
	e := &Error{Stage: StageRender, Reason: clip(w.redact(err.Error()), maxReason), permanent: true, err: err}
	digest := fmt.Sprintf("generation %d", c.Generation)
	if w.gaveUp == digest && w.progress.LastError == e.Error() {
		w.publish(StateFailed)
		return time.Time{}, e
	}
	w.failed(ctx, job{generation: c.Generation, digest: digest}, e, 0)
	return time.Time{}, e
}

// deliver writes or sends what is not there yet.
func (w *worker) deliver(ctx context.Context, j job, force bool) (time.Time, error) {
	same := j.digest == w.progress.Digest
	switch {
	case force:
	case same && w.settled(ctx):
		return time.Time{}, w.upToDate(ctx, j)
	case w.gaveUp == j.digest:
		w.publish(StateFailed)
		return time.Time{}, nil
	default:
		if at := w.heldUntil(j, wall()); !at.IsZero() {
			w.publish(StateRetrying)
			return at, nil
		}
	}
	begun := time.Now()
	var changed atomic.Bool
	err := w.tries.do(ctx, w.out.Timeout, func(ctx context.Context) error {
		news, err := w.out.target.deliver(ctx, j.rendered)
		changed.Store(news)
		return err
	})
	took := time.Since(begun)
	w.tried = j.generation
	switch {
	case err == nil:
		w.written(ctx, j, changed.Load(), took)
		return time.Time{}, nil
	case errors.Is(err, errCut):
		return time.Time{}, ErrStopped
	}
	e := w.asError(err)
	return w.failed(ctx, j, e, took), e
}

// upToDate takes note of a credential that is written out as the one before.
func (w *worker) upToDate(ctx context.Context, j job) error {
	if w.progress.Generation != j.generation || w.progress.Attempts > 0 {
		w.progress.Generation, w.progress.Attempts, w.progress.LastError, w.progress.RetryAt = j.generation, 0, "", time.Time{}
		w.save(ctx)
	}
	w.publish(StateOK)
	return nil
}

// heldUntil is when the next try may be made, zero where that is now.
func (w *worker) heldUntil(j job, now time.Time) time.Time {
	switch {
	case !w.progress.RetryAt.After(now):
		return time.Time{}
	case now.Before(w.progress.FailedAt):
		// The clock was set back, and the time may be years away.
		return time.Time{}
	case w.out.kind() == StageFile && w.tried != j.generation:
		// A disk need not be left alone; that a credential is new need not wait.
		return time.Time{}
	}
	return w.progress.RetryAt
}

// written records a delivery. The record comes before the commands: where the
// process dies in between, they are due, and found to be, after the restart.
func (w *worker) written(ctx context.Context, j job, changed bool, took time.Duration) {
	p := &w.progress
	news := changed || p.Attempts > 0 || p.Generation != j.generation || p.Digest != j.digest
	n := p.Attempts + 1
	p.Generation, p.Digest, p.Attempts, p.RetryAt, p.LastError = j.generation, j.digest, 0, time.Time{}, ""
	w.gaveUp = ""
	if !news {
		w.publish(StateOK)
		return
	}
	var results []Result
	if changed {
		p.WrittenAt = wall()
		results = append(results, Result{
			Output: w.out.Name, Account: w.out.Account, Generation: j.generation, Outcome: OutcomeWritten,
			Stage: w.out.kind(), Attempts: n, Took: took,
		})
		w.log.Info().Uint64("generation", j.generation).Dur("took", took).Msg("output written")
	}
	w.save(ctx, results...)
	w.publish(StateOK)
}

// failed records a try that did not arrive, and returns when the next one is.
func (w *worker) failed(ctx context.Context, j job, e *Error, took time.Duration) time.Time {
	p, now := &w.progress, wall()
	p.Attempts++
	first := p.Attempts == 1 || p.LastError != e.Error()
	p.FailedAt, p.LastError, p.RetryAt = now, e.Error(), time.Time{}
	if e.permanent {
		w.gaveUp = j.digest
	} else {
		p.RetryAt = now.Add(max(backoff(p.Attempts, w.draw()), e.after))
	}
	line := w.log.Debug() // said before; a directory that is missing for a day is one line
	if first || e.permanent {
		line = w.log.Warn()
	}
	line.Uint64("generation", j.generation).Int("attempt", p.Attempts).Bool("given_up", e.permanent).Str("reason", e.Error()).Msg("output failed")
	var results []Result
	if first || e.permanent {
		results = append(results, w.failure(j.generation, e, p.Attempts, e.permanent, took))
	}
	w.save(ctx, results...)
	w.publish(StateRetrying)
	if e.permanent {
		w.publish(StateFailed)
	}
	return p.RetryAt
}

func (w *worker) failure(generation uint64, e *Error, attempts int, gaveUp bool, took time.Duration) Result {
	return Result{
		Output: w.out.Name, Account: w.out.Account, Generation: generation, Outcome: OutcomeFailed, Stage: e.Stage,
		Attempts: attempts, GaveUp: gaveUp, Detail: e.Reason, Exit: e.Exit, Took: took,
	}
}

// asError makes an Error of whatever a try returned. All that is not one
// already is a sentinel of this package.
func (w *worker) asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Stage: w.out.kind(), Reason: clip(w.redact(err.Error()), maxReason), err: err}
}
