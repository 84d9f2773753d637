package attempt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// ErrCut says that a try ended because its caller is stopping. It counts for
// nothing, and what was tried is tried again after the next start.
var ErrCut = errors.New("cut short by the shutdown")

// Guard turns panics into errors.
type Guard struct {
	// Err is what a panic counts as, Message the line that the log gets.
	Err     error
	Message string
	Log     zerolog.Logger
}

// Protect calls f.
func (g Guard) Protect(f func() error) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		// The value may be a text with a secret in it; a runtime error is not.
		if thrown, ok := v.(runtime.Error); ok {
			err = fmt.Errorf("%w: %w", g.Err, thrown)
		} else {
			err = fmt.Errorf("%w: %T", g.Err, v)
		}
		g.Log.Error().Err(err).Bytes("stack", debug.Stack()).Msg(g.Message)
	}()
	return f()
}

// Slot lets one try run at a time. A try that does not come back keeps it.
type Slot struct {
	Guard
	// Timeout is the error of a try that did not come back in time, Busy that of
	// one that was not made because the one before it still runs.
	Timeout, Busy error

	taken chan struct{}
}

// NewSlot makes a free slot.
func NewSlot(g Guard, timeout, busy error) *Slot {
	return &Slot{Guard: g, Timeout: timeout, Busy: busy, taken: make(chan struct{}, 1)}
}

// Take takes the slot, within a time. Zero does not wait at all.
func (s *Slot) Take(ctx context.Context, within time.Duration) error {
	select {
	case s.taken <- struct{}{}:
		return nil
	default:
	}
	if within <= 0 {
		return s.Busy
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case s.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ErrCut
	case <-timer.C:
		return s.Busy
	}
}

// Free gives back a slot that was taken and not used.
func (s *Slot) Free() { <-s.taken }

// Limits bound one try.
type Limits struct {
	// Most is how long it may take, Grace how much of that is left to it when
	// the caller stops meanwhile.
	Most, Grace time.Duration
	// Settle is what it gets to come back after its own context has ended. Then
	// it counts as one that ignores its context, and is left to itself.
	Settle time.Duration
}

// Do makes one try in a slot that the caller has taken; the slot is free again
// once f has returned, which may be long after Do. It returns [ErrCut] when ctx
// has ended and f did not come to an end of its own in the time of grace. A
// success that comes after Do has returned goes to late, while the slot is
// still taken; nil drops it.
func Do[T any](ctx context.Context, s *Slot, l Limits, f func(context.Context) (T, error), late func(T)) (T, error) {
	// The try outlives ctx, for the time of grace.
	life, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), l.Most, s.Timeout)
	defer cancel()
	var value T
	var err error
	// over is set by whoever is first: f, which has come back, or Do, which does
	// not wait for it any longer.
	var over atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer s.Free() // before done: the caller may make the next try at once
		var v T
		e := s.Protect(func() (err error) {
			v, err = f(life)
			return err
		})
		if !over.Swap(true) {
			value, err = v, e
		} else if e == nil && late != nil {
			late(v)
		}
	}()
	failed := s.Timeout
	select {
	case <-done:
		return value, err
	case <-life.Done():
	case <-ctx.Done():
		if within(done, l.Grace) {
			return value, err
		}
		failed = ErrCut
		cancel()
	}
	if !within(done, l.Settle) && !over.Swap(true) {
		var none T
		return none, failed
	}
	<-done
	if err != nil && failed == ErrCut {
		err = ErrCut
	}
	return value, err
}

func within(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
