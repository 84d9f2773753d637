package store

import "sync"

// waiters are those who wait for what is written.
type waiters struct{ changed, told Signal }

// Changed returns a channel that is closed by the next change of anything.
func (w *waiters) Changed() <-chan struct{} { return w.changed.Wait() }

// Told returns a channel that is closed by the next event. Most changes are none: a
// thousand who follow the journal need not look at each check.
func (w *waiters) Told() <-chan struct{} { return w.told.Wait() }

// wake wakes them after a change that came with events.
func (w *waiters) wake(events []Event) {
	w.changed.Fire()
	if len(events) > 0 {
		w.told.Fire()
	}
}

// Signal wakes whoever waits, and carries nothing: a waiter looks at what
// is committed, so a slow one misses nothing and delays nobody.
type Signal struct {
	mu sync.Mutex // guards ch
	ch chan struct{}
}

// Wait returns a channel that is closed by the next Fire. Take it before
// looking at the state, or a change in between is missed.
func (b *Signal) Wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

// Fire wakes those who wait.
func (b *Signal) Fire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
