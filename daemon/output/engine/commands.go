package engine

import (
	"context"
	"errors"
	"time"
)

// runHooks runs the commands where they are due for the content that was
// delivered, and returns when they will be.
func (w *worker) runHooks(ctx context.Context, j job, force bool) (time.Time, error) {
	h := &w.hooks
	switch {
	case len(w.out.OnChange) == 0 || w.progress.HookDigest == j.digest:
		*h = hookState{}
		return time.Time{}, nil
	case h.digest != j.digest:
		w.newContent(j)
	}
	now := wall()
	switch {
	case force:
		h.tries = 0
	case h.tries >= hookTries:
		w.publish(StateHook)
		return time.Time{}, nil
	case h.at.After(now) && h.at.Sub(now) <= max(w.out.Debounce, maxDelay):
		// The second: the clock was set back, and the time may be years away.
		if h.tries == 0 {
			w.publish(StatePending)
		} else {
			w.publish(StateHook)
		}
		return h.at, nil
	}
	return w.runOnce(ctx, j)
}

// newContent starts the tries over. Each change puts the commands off by the
// debounce, but a row of changes does not put them off for ever.
func (w *worker) newContent(j job) {
	now := wall()
	latest := w.hooks.latest
	if w.hooks.tries > 0 || latest.IsZero() {
		latest = now.Add(10 * w.out.Debounce)
	}
	w.hooks = hookState{digest: j.digest, at: earliest(now.Add(w.out.Debounce), latest), latest: latest}
}

func (w *worker) runOnce(ctx context.Context, j job) (time.Time, error) {
	if ctx.Err() != nil {
		return time.Time{}, ErrStopped
	}
	w.publish(StatePending)
	begun := time.Now()
	run := hook{commands: w.out.OnChange, timeout: w.out.HookTimeout, env: hookEnv(w.out, j.generation)}
	limit := time.Duration(len(run.commands)) * (run.timeout + settle)
	err := w.tries.do(ctx, limit, func(ctx context.Context) error { return run.run(ctx, w.redact) })
	took := time.Since(begun)
	if errors.Is(err, errCut) || ctx.Err() != nil && err != nil {
		// Not recorded: they are run again after the next start.
		return time.Time{}, ErrStopped
	}
	p := &w.progress
	p.HookAt, p.HookTook, p.HookExit, p.HookError, p.HookAttempts = wall(), took, 0, "", w.hooks.tries+1
	if err == nil {
		p.HookGeneration, p.HookDigest = j.generation, j.digest
		w.log.Info().Uint64("generation", j.generation).Dur("took", took).Msg("commands run")
		w.hooks = hookState{}
		w.save(ctx)
		w.publish(StateOK)
		return time.Time{}, nil
	}
	e := w.asError(err)
	e.Stage = StageHook
	return w.hookFailed(ctx, j, e, took), e
}

// hookFailed records a row of commands that failed. It never touches what was
// delivered.
func (w *worker) hookFailed(ctx context.Context, j job, e *Error, took time.Duration) time.Time {
	p, h := &w.progress, &w.hooks
	h.tries++
	gaveUp := h.tries >= hookTries
	h.at = p.HookAt.Add(backoff(h.tries, w.draw()))
	if gaveUp {
		h.at = time.Time{}
	}
	p.HookExit, p.HookError = e.Exit, e.Reason
	w.log.Warn().Uint64("generation", j.generation).Int("attempt", p.HookAttempts).Bool("given_up", gaveUp).Int("exit", e.Exit).
		Str("reason", e.Reason).Str("printed", e.Output).Msg("commands failed")
	var results []Result
	if p.HookAttempts == 1 || gaveUp {
		results = append(results, w.failure(j.generation, e, p.HookAttempts, gaveUp, took))
	}
	w.save(ctx, results...)
	w.publish(StateHook)
	return h.at
}

// save stores the record, again and again until it is stored: what was done has
// been done, and going on without a record would do it twice.
func (w *worker) save(ctx context.Context, results ...Result) {
	w.persist(ctx, "the output's record cannot be saved", func() error {
		return w.led.Save(w.out.Name, w.progress, results)
	})
}

// persist repeats an operation on the ledger until it works, and reports false
// when ctx has ended before it did.
func (w *worker) persist(ctx context.Context, trouble string, op func() error) bool {
	for n := 1; ; n++ {
		err := w.tries.protected(ctx, func(context.Context) error { return op() })
		if err == nil {
			return true
		}
		if n == 1 {
			w.log.Error().Str("reason", clip(err.Error(), maxReason)).Msg(trouble)
		}
		if ctx.Err() != nil || !sleep(ctx, min(backoff(n, w.draw()), tick)) {
			return false
		}
	}
}

func (w *worker) publish(state string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.State, w.status.Progress, w.status.HookRetryAt = state, w.progress, w.hooks.at
}

func (w *worker) snapshot() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}
