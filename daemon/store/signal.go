package store

import "sync"

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
