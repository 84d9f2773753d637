package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
	"github.com/bilikeeper/bilikeeper/internal/plain"
)

// content is a credential as it is delivered, and the hash that stands for it
// and for the place it goes to.
type content struct {
	generation uint64
	rendered   output.Rendered
	digest     string
}

// write writes a credential out. Where that does not work there is no content.
func (w *worker) write(c keeper.Credential) (content, *Error) {
	var r output.Rendered
	err := w.slot.Protect(func() (err error) {
		r, err = w.out.render(c)
		return err
	})
	if err != nil {
		e := &Error{Stage: StageRender, Reason: plain.Clip(w.redact(err.Error()), maxReason), permanent: true, err: err}
		return content{generation: c.Generation, digest: unwritableDigest(c.Generation)}, e
	}
	// Half of a SHA-256 is plenty to tell contents apart.
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q\n", w.out.kind(), w.out.place, w.out.address())
	sum.Write(r.Body)
	return content{c.Generation, r, hex.EncodeToString(sum.Sum(nil)[:16])}, nil
}

// act carries an action out and records what came of it. It returns when to
// look again if nothing changes, zero for never.
func (w *worker) act(ctx context.Context, a action, j job) (time.Time, error) {
	switch a.verb {
	case actDeliver:
		return w.deliver(ctx, j)
	case actRun:
		return w.runCommands(ctx, j)
	case actReject:
		return w.failed(ctx, j, j.unwritable, 0), j.unwritable
	case actNote:
		p := &w.progress
		p.Generation, p.Attempts, p.LastError, p.RetryAt = j.generation, 0, "", time.Time{}
		w.record(ctx, StateOK)
	case actRest:
		if a.state != "" {
			w.publish(a.state)
		}
	}
	return a.until, a.err
}

// deliver writes or sends a content.
func (w *worker) deliver(ctx context.Context, j job) (time.Time, error) {
	begun := time.Now()
	changed, err := w.try(ctx, w.out.Timeout, func(ctx context.Context) (bool, error) {
		return w.out.target.deliver(ctx, j.rendered)
	})
	took := time.Since(begun)
	w.memory.tried = j.generation
	switch {
	case err == nil:
		w.delivered(ctx, j, changed, took)
		return time.Time{}, nil
	case errors.Is(err, errCut):
		return time.Time{}, ErrStopped
	}
	e := w.asError(err)
	return w.failed(ctx, j, e, took), e
}

// delivered records a delivery. The record comes before the commands: where the
// process dies in between, they are due, and found to be, after the restart.
func (w *worker) delivered(ctx context.Context, j job, changed bool, took time.Duration) {
	p := &w.progress
	news := changed || p.Attempts > 0 || p.Generation != j.generation || p.Digest != j.digest
	n := p.Attempts + 1
	p.Generation, p.Digest, p.Attempts, p.RetryAt, p.LastError = j.generation, j.digest, 0, time.Time{}, ""
	w.memory.gaveUp = ""
	switch {
	case !news:
		w.publish(StateOK)
	case !changed:
		w.record(ctx, StateOK)
	default:
		p.WrittenAt = attempt.Wall()
		w.log.Info().Uint64("generation", j.generation).Dur("took", took).Msg("output written")
		w.record(ctx, StateOK, Result{
			Output: w.out.Name, Account: w.out.Account, Generation: j.generation, Outcome: OutcomeWritten,
			Stage: w.out.kind(), Attempts: n, Took: took,
		})
	}
}

// failed records a try that did not arrive, and returns when the next one is.
func (w *worker) failed(ctx context.Context, j job, e *Error, took time.Duration) time.Time {
	p, now, state := &w.progress, attempt.Wall(), StateRetrying
	p.Attempts++
	news := p.Attempts == 1 || p.LastError != e.Error() || e.permanent
	p.FailedAt, p.LastError, p.RetryAt = now, e.Error(), time.Time{}
	if e.permanent {
		w.memory.gaveUp, state = j.digest, StateFailed
	} else {
		p.RetryAt = now.Add(w.backoff.Asked(p.Attempts, e.after))
	}
	line := w.log.Debug() // said before; a directory that is missing for a day is one line
	var results []Result
	if news {
		line = w.log.Warn()
		results = append(results, w.failure(j.generation, e, p.Attempts, e.permanent, took))
	}
	line.Uint64("generation", j.generation).Int("attempt", p.Attempts).Bool("given_up", e.permanent).Str("reason", e.Error()).Msg("output failed")
	w.record(ctx, state, results...)
	return p.RetryAt
}

// runCommands runs the output's commands once.
func (w *worker) runCommands(ctx context.Context, j job) (time.Time, error) {
	if ctx.Err() != nil {
		return time.Time{}, ErrStopped
	}
	w.publish(StatePending)
	begun := time.Now()
	row := hook{commands: w.out.OnChange, timeout: w.out.HookTimeout, env: hookEnv(w.out, j.generation)}
	limit := time.Duration(len(row.commands)) * (row.timeout + settle)
	_, err := w.try(ctx, limit, func(ctx context.Context) (bool, error) { return true, row.run(ctx, w.redact) })
	took := time.Since(begun)
	if errors.Is(err, errCut) || ctx.Err() != nil && err != nil {
		// Not recorded: they are run again after the next start.
		return time.Time{}, ErrStopped
	}
	p, h := &w.progress, &w.memory.hooks
	p.HookAt, p.HookTook, p.HookExit, p.HookError, p.HookAttempts = attempt.Wall(), took, 0, "", h.tries+1
	if err != nil {
		e := w.asError(err)
		e.Stage = StageHook
		return w.commandsFailed(ctx, j, e, took), e
	}
	p.HookGeneration, p.HookDigest = j.generation, j.digest
	*h = hookState{}
	w.log.Info().Uint64("generation", j.generation).Dur("took", took).Msg("commands run")
	w.record(ctx, StateOK)
	return time.Time{}, nil
}

// commandsFailed records a row of commands that failed. It never touches what
// was delivered.
func (w *worker) commandsFailed(ctx context.Context, j job, e *Error, took time.Duration) time.Time {
	p, h := &w.progress, &w.memory.hooks
	h.tries++
	gaveUp := h.tries >= hookTries
	h.at = p.HookAt.Add(w.backoff.Delay(h.tries))
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
	w.record(ctx, StateHook, results...)
	return h.at
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
	return &Error{Stage: w.out.kind(), Reason: plain.Clip(w.redact(err.Error()), maxReason), err: err}
}
