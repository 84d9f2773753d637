package keeper

import (
	"sync"
	"time"
)

// linger is how long a goroutine that has done its work waits for more. While many are
// at work that saves a tenth of it: a stack that has grown once need not grow again.
const linger = 100 * time.Millisecond

// owners are the goroutines that have an account, or are about to.
type owners struct {
	// resumed is closed when all accounts were read and their plans are up to the
	// present. No account's work begins before.
	resumed chan struct{}
	// more has a goroutine that lingers take up what is to be done. It is closed by wait.
	more chan func()

	mu    sync.Mutex // guards what follows
	count int
	over  bool
	ended chan struct{} // closed when the last one ends after over
}

// begin starts one; false where none may begin any more.
func (o *owners) begin(work func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return false
	}
	o.count++
	select {
	case o.more <- work:
	default:
		go o.run(work)
	}
	return true
}

// run works, and lingers.
func (o *owners) run(work func()) {
	over := time.NewTimer(linger)
	defer over.Stop()
	for ok := true; ok; {
		o.one(work)
		over.Reset(linger)
		select {
		case work, ok = <-o.more:
		case <-over.C:
			ok = false
		}
	}
}

func (o *owners) one(work func()) {
	defer o.end()
	work()
}

// own runs an account's work in a goroutine of its own, once all are resumed.
func (o *owners) own(work func()) bool {
	return o.begin(func() {
		<-o.resumed
		work()
	})
}

// Resumed is closed when all accounts were read and their plans are up to the present.
func (o *owners) Resumed() <-chan struct{} { return o.resumed }

// Resting reports whether nothing is done for any account.
func (o *owners) Resting() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count == 0
}

func (o *owners) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count--; o.over && o.count == 0 {
		close(o.ended)
	}
}

// wait lets none begin any more, and returns when all have ended.
func (o *owners) wait() {
	o.mu.Lock()
	o.over, o.ended = true, make(chan struct{})
	close(o.more)
	if o.count == 0 {
		close(o.ended)
	}
	o.mu.Unlock()
	<-o.ended
}
