package keeper

import (
	"context"
	"sync"

	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// Sending is whether this host is the one that sends messages. A keeper that is alone
// always is.
type Sending struct{ keeper *Keeper }

// Sending returns the keeper's part in the sending of messages.
func (s Shared) Sending() Sending { return Sending(s) }

// sending is the term of a host that sends.
type sending struct {
	mu sync.Mutex // guards term and end
	// term ends when this host does not send any more; nil while it does not.
	term context.Context
	end  context.CancelFunc
	// changed is fired with each change.
	changed store.Signal
}

// Set tells that this host has begun, or ceased, to be the one that sends messages.
// Whoever makes the cluster's membership has it call this, in the order of the changes.
func (s Sending) Set(sends bool) {
	t := &s.keeper.share.sending
	t.mu.Lock()
	switch {
	case sends && t.term == nil:
		t.term, t.end = context.WithCancel(context.Background())
	case !sends && t.term != nil:
		t.end()
		t.term, t.end = nil, nil
	}
	t.mu.Unlock()
	t.changed.Fire()
}

// Now reports whether this host sends at this moment.
func (s Sending) Now() bool {
	c := s.keeper.share.cluster
	return c == nil || c.Sends()
}

// Begin waits until this host is the one that sends, and returns a context that ends
// with a cause when it is not any more: nothing of it may be finished or written here.
// stop ends it as well. Begin reports false where ctx ends first.
func (s Sending) Begin(ctx context.Context, cause error) (term context.Context, stop context.CancelFunc, ok bool) {
	if s.keeper.share.cluster == nil {
		term, stop = context.WithCancel(ctx)
		return term, stop, ctx.Err() == nil
	}
	t := &s.keeper.share.sending
	for {
		changed := t.changed.Wait()
		t.mu.Lock()
		own := t.term
		t.mu.Unlock()
		if own != nil && s.Now() {
			term, cancel := context.WithCancelCause(ctx)
			forget := context.AfterFunc(own, func() { cancel(cause) })
			return term, func() { forget(); cancel(nil) }, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, false
		}
	}
}
