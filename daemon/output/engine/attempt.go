package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"
)

// attempts makes one try at a time, with a limit that holds even where the
// operating system does not let go of it, as a network file system may. Such a
// try is left behind, and the next one is refused until it has come back.
type attempts struct {
	log zerolog.Logger
	// slot is held by the try that runs, left behind or not.
	slot chan struct{}
}

func newAttempts(log zerolog.Logger) attempts {
	return attempts{log: log, slot: make(chan struct{}, 1)}
}

// do runs f within the limit. It returns errCut when ctx has ended before there
// was an answer, having waited for one for a while.
func (a attempts) do(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	select {
	case a.slot <- struct{}{}:
	default:
		return ErrBusy
	}
	// The try outlives ctx, for the time of grace.
	life, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), limit, ErrTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := a.protected(life, f)
		<-a.slot
		done <- err
	}()
	failed := ErrTimeout
	select {
	case err := <-done:
		return err
	case <-life.Done():
	case <-ctx.Done():
		failed = errCut
		if err, ok := await(done, grace); ok {
			return err
		}
		cancel()
	}
	err, ok := await(done, settle)
	if !ok || err != nil && failed == errCut {
		return failed
	}
	return err
}

// await waits for an answer for a while.
func await(done <-chan error, d time.Duration) (answer error, ok bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case err := <-done:
		return err, true
	case <-timer.C:
		return nil, false
	}
}

// protected turns a panic into an error.
func (a attempts) protected(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		// The value may be a text with a secret in it; a runtime error is not.
		if re, ok := errors.AsType[runtime.Error](asError(r)); ok {
			err = fmt.Errorf("%w: %w", ErrPanicked, re)
		} else {
			err = fmt.Errorf("%w: %T", ErrPanicked, r)
		}
		a.log.Error().Err(err).Bytes("stack", debug.Stack()).Msg("an output panicked")
	}()
	return f(ctx)
}

func asError(v any) error {
	err, _ := v.(error)
	return err
}
