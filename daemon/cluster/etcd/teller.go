package etcd

import "sync"

// teller calls callbacks one after another, in the order in which it was told to, so
// that nobody who holds a lock waits for one.
type teller struct {
	mu      sync.Mutex // guards all below
	calls   []func()
	wake    chan struct{} // holds one
	closing bool
}

func newTeller() *teller { return &teller{wake: make(chan struct{}, 1)} }

// tell adds a call and does not wait for it.
func (t *teller) tell(call func()) { t.add(call, false) }

// finish has run return after the calls that there are.
func (t *teller) finish() { t.add(nil, true) }

func (t *teller) add(call func(), closing bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if call != nil {
		t.calls = append(t.calls, call)
	}
	t.closing = t.closing || closing
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *teller) run() {
	for range t.wake {
		t.mu.Lock()
		calls, closing := t.calls, t.closing
		t.calls = nil
		t.mu.Unlock()
		for _, call := range calls {
			call()
		}
		if closing {
			return
		}
	}
}
