package health

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// fresh is how long a write that arrived speaks for the next one: whoever asks
	// every few seconds must not wear the disk out.
	fresh = 30 * time.Second
	// longestWrite is how long a write may take.
	longestWrite = 10 * time.Second
)

// writes knows whether the vault takes a write. It tries one where none arrived
// lately; one at a time, however many ask.
type writes struct {
	probe func() error

	mu   sync.Mutex // guards what follows; the probe runs without it
	last time.Time  // when a write last arrived
	err  error      // what came of the last probe
	// begun and ended are of the probe under way, ended nil while there is none.
	begun time.Time
	ended chan struct{}
}

func (w *writes) arrived(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.err = now, nil
}

// check returns why no write arrives. A probe that hangs is not waited for longer
// than a write may take since it began, and no other one is begun beside it.
func (w *writes) check(ctx context.Context) error {
	w.mu.Lock()
	if !w.last.IsZero() && w.err == nil && time.Since(w.last) < fresh {
		w.mu.Unlock()
		return nil
	}
	if w.ended == nil {
		w.begun, w.ended = time.Now(), make(chan struct{})
		go w.try()
	}
	begun, ended := w.begun, w.ended
	w.mu.Unlock()
	limit := time.NewTimer(time.Until(begun.Add(longestWrite)))
	defer limit.Stop()
	select {
	case <-ended:
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.err
	case <-limit.C:
		return fmt.Errorf("has not answered a write for %s", time.Since(begun).Round(time.Second))
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writes) try() {
	err := w.probe()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err = err; err == nil {
		w.last = time.Now()
	}
	close(w.ended)
	w.ended = nil
}
