package notify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// grace is what a send in progress gets when the pipeline is to stop.
	grace = 5 * time.Second
	// settle is what a send gets to come back after its context has ended,
	// before it counts as one that ignores its context.
	settle = time.Second
	// retractLimit is short: people wait for the messages behind it.
	retractLimit = 10 * time.Second
)

// errCut says that a try ended because the pipeline is stopping: it counts for
// nothing, and the message is sent again after the next start.
var errCut = errors.New("cut short by the shutdown")

// sender makes one try at a time, with a limit that holds even where the
// channel ignores its context: the try is then left behind, and the next one
// waits for it.
type sender struct {
	channel Channel
	timeout time.Duration
	log     zerolog.Logger
	// slot is held by the try that is in the channel, left behind or not.
	slot chan struct{}

	mu sync.Mutex // guards late
	// late is a message that was left behind and arrived all the same.
	late arrival
}

type arrival struct {
	id     string
	handle Handle
}

func newSender(channel Channel, timeout time.Duration, log zerolog.Logger) *sender {
	return &sender{channel: channel, timeout: timeout, log: log, slot: make(chan struct{}, 1)}
}

// call is one call of the channel.
type call func(ctx context.Context) (Receipt, error)

// try is a call on its way.
type try struct {
	id      string
	done    chan struct{} // closed when the call has come back
	receipt Receipt
	err     error

	mu         sync.Mutex // guards the two below; taken before sender.mu
	back, left bool
}

// send tries once, in the place of an earlier message where one is named. It
// returns errCut when ctx has ended before there was an answer, having waited
// for one for patience.
func (s *sender) send(ctx context.Context, m Message, earlier Handle, patience time.Duration) (Receipt, error) {
	if err := s.acquire(ctx); err != nil {
		return Receipt{}, err
	}
	if handle, ok := s.arrivedLate(m.ID); ok {
		<-s.slot
		return Receipt{Answer: "arrived late", Handle: handle}, nil
	}
	limit := s.timeout
	if m.Login != nil {
		// A slow connection must not deliver a code that died on the way.
		limit = min(limit, time.Until(m.Login.ExpiresAt))
	}
	if m.Expired(time.Now()) {
		<-s.slot
		return Receipt{}, ErrExpired
	}
	return s.run(ctx, limit, patience, m.ID, func(ctx context.Context) (Receipt, error) {
		if r, ok := s.channel.(Replacer); ok && earlier != "" {
			return r.Replace(ctx, m, earlier)
		}
		return s.channel.Send(ctx, m)
	})
}

// retract takes a message back, once.
func (s *sender) retract(ctx context.Context, earlier Handle) error {
	r, ok := s.channel.(Retractor)
	if !ok {
		return nil
	}
	if err := s.acquire(ctx); err != nil {
		return err
	}
	_, err := s.run(ctx, min(s.timeout, retractLimit), 0, "", func(ctx context.Context) (Receipt, error) {
		return Receipt{}, r.Retract(ctx, earlier)
	})
	return err
}

// run makes a call that holds the slot and lets go of it in the end. id names
// the message whose late arrival counts.
func (s *sender) run(ctx context.Context, limit, patience time.Duration, id string, do call) (Receipt, error) {
	life, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), limit, ErrTimeout)
	defer cancel()
	t := &try{id: id, done: make(chan struct{})}
	go s.carryOut(life, t, do)
	return s.await(ctx, life, cancel, t, patience)
}

// await waits for the answer of a try, and leaves it behind in the end.
func (s *sender) await(ctx, life context.Context, cancel func(), t *try, patience time.Duration) (Receipt, error) {
	failed := error(&SendError{Retry: true, Err: ErrTimeout})
	select {
	case <-t.done:
		return t.receipt, t.err
	case <-life.Done():
	case <-ctx.Done():
		failed = errCut
		awaitFor(t.done, patience)
		cancel()
	}
	awaitFor(t.done, settle)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.back {
		t.left = true
		return Receipt{}, failed
	}
	// A success counts even when it came after the end of the context.
	if t.err != nil && failed == errCut {
		return Receipt{}, errCut
	}
	return t.receipt, t.err
}

// carryOut makes the call, in a goroutine of its own.
func (s *sender) carryOut(ctx context.Context, t *try, do call) {
	defer func() {
		<-s.slot
		close(t.done)
	}()
	receipt, err := s.protected(ctx, do)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.back, t.receipt, t.err = true, receipt, err
	if t.left && err == nil && t.id != "" {
		s.mu.Lock()
		s.late = arrival{t.id, receipt.Handle}
		s.mu.Unlock()
	}
}

// protected turns a panic of the channel into an error of the channel.
func (s *sender) protected(ctx context.Context, do call) (receipt Receipt, err error) {
	defer func() {
		if r := recover(); r != nil {
			// The value may be a text with a secret in it; a runtime error is not.
			if re, ok := r.(runtime.Error); ok {
				err = fmt.Errorf("%w: %w", ErrPanicked, re)
			} else {
				err = fmt.Errorf("%w: %T", ErrPanicked, r)
			}
			s.log.Error().Err(err).Bytes("stack", debug.Stack()).Msg("a notification channel panicked")
		}
	}()
	return do(ctx)
}

// acquire takes the slot, which a sample or a try that was left behind may hold.
func (s *sender) acquire(ctx context.Context) error {
	timer := time.NewTimer(s.timeout)
	defer timer.Stop()
	select {
	case s.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errCut
	case <-timer.C:
		return &SendError{Retry: true, Err: ErrBusy}
	}
}

func (s *sender) arrivedLate(id string) (Handle, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late.id != id || id == "" {
		return "", false
	}
	handle := s.late.handle
	s.late = arrival{}
	return handle, true
}

func awaitFor(done <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
