package keeper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/vault"
)

const (
	// longestStop bounds a stop. What is under way at the site or in a command has
	// limits of its own that are shorter.
	longestStop = 90 * time.Second
	// diskStop is how long a stop waits for a disk that does not answer.
	diskStop = 10 * time.Second
)

// ErrStuck: a stop did not come to an end. What was to be kept is as it is after a
// crash: the vault is opened again with all that it had acknowledged.
var ErrStuck = errors.New("stopped without waiting any longer")

// RunBounded calls run, which ends after ctx does, and waits for it no longer than a
// stop may take: without a service manager nobody else would end it. The error is
// run's, or ErrStuck. open holds the vault while one is open.
func RunBounded(ctx context.Context, open *atomic.Pointer[vault.File], run func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return stopping{ended, open}.wait()
	}
}

// stopping is a keeper that was asked to end.
type stopping struct {
	ended <-chan error
	vault *atomic.Pointer[vault.File] // nil in it where none is open
}

// wait returns how the keeper ended, or ErrStuck where it does not.
func (s stopping) wait() error {
	over := time.NewTimer(longestStop)
	defer over.Stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	answered := time.Now()
	answer := s.ask()
	for {
		select {
		case err := <-s.ended:
			return err
		case <-answer:
			answer, answered = nil, time.Now()
		case <-look.C:
			if time.Since(answered) >= diskStop || s.committing() >= diskStop {
				return fmt.Errorf("%w: the vault's disk has not answered for %s", ErrStuck, diskStop)
			}
			if answer == nil {
				answer = s.ask()
			}
		case <-over.C:
			return fmt.Errorf("%w: what was under way is not over after %s", ErrStuck, longestStop)
		}
	}
}

// ask returns a channel that is closed once the vault's disk has answered.
func (s stopping) ask() <-chan struct{} {
	answer := make(chan struct{})
	if v := s.vault.Load(); v != nil {
		go func() {
			defer close(answer)
			v.Disk().Respond()
		}()
	}
	return answer
}

func (s stopping) committing() time.Duration {
	if v := s.vault.Load(); v != nil {
		return v.Disk().Committing()
	}
	return 0
}

// RunAgain calls once, which keeps until ctx ends and calls ready when it does. A disk
// that fails in the middle of a commit leaves open what is on it. Only opening the
// vault anew tells, so everything is stopped and begun again from what is there. That
// is tried for some minutes; then it is the service manager's turn.
func RunAgain(ctx context.Context, log zerolog.Logger, ready func(), once func(ready func()) error) error {
	ran := false
	first := sync.OnceFunc(func() {
		ran = true
		if ready != nil {
			ready()
		}
	})
	for pause := time.Second; ; pause *= 2 {
		err := once(first)
		if !ran || !errors.Is(err, vault.ErrStorage) || ctx.Err() != nil || pause > time.Minute {
			return err
		}
		log.Error().Err(err).Dur("retry_in", pause).Msg("beginning again from what is on the disk")
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}
