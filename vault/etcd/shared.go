package etcd

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// shared is what the parts of an open vault have in common: the way to etcd, the mirror,
// and who is told of what.
type shared struct {
	o       Options
	client  *clientv3.Client
	copy    *copyFile
	sealed  sealed
	reach   reach
	kick    chan struct{} // has the watch begin anew
	figures figures
	followers

	// mu guards the mirror, what is local, and what follows. Transactions hold it while
	// they run, and nobody while anything is asked or written.
	mu     sync.RWMutex
	mirror *mirror
	local  local
	// unwritten is when the oldest change came that the copy has not yet.
	unwritten time.Time
	flight    *flight
	moved     chan struct{} // closed by the next revision
	closed    bool

	waking  sync.Mutex    // guards changed
	changed chan struct{} // closed by the next entry

	newest atomic.Uint64
	dead   atomic.Pointer[fault.Error]
	failed chan struct{}
	ctx    context.Context // of what goes on in the background
	cancel context.CancelFunc
}

// flight is a batch on its way to etcd. Whoever learns first that it has arrived finishes
// it: most often the watch.
type flight struct {
	nonce string
	b     *batch
	ran   []*update
	err   error // of what is local; read when told is closed

	told chan struct{} // closed once everybody was told
}

// key is the whole key in etcd of a name.
func (v *shared) key(name string) string { return v.o.Prefix + "/" + name }

// Failed implements [vault.Vault].
func (v *shared) Failed() <-chan struct{} { return v.failed }

// Err implements [vault.Vault].
func (v *shared) Err() error {
	if dead := v.dead.Load(); dead != nil {
		return dead
	}
	return nil
}

// kill makes every later change return why.
func (v *shared) kill(op string, outcome error) {
	if v.dead.CompareAndSwap(nil, &fault.Error{Op: op, Path: v.o.place(), Err: outcome}) {
		close(v.failed)
	}
}

// revision is how far the mirror has come.
func (v *shared) revision() int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.mirror.rev
}

func (v *shared) closing() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.closed
}

// await returns when the mirror has come to a revision.
func (v *shared) await(ctx context.Context, rev int64) error {
	again := time.NewTicker(asked)
	defer again.Stop()
	for {
		v.mu.RLock()
		now, moved := v.mirror.rev, v.moved
		v.mu.RUnlock()
		if now >= rev {
			return nil
		}
		select {
		case <-moved:
		case <-again.C:
			v.followAnew()
		case <-v.failed:
			return v.Err()
		case <-ctx.Done():
			return fault.New("read", v.o.place(), fault.Join(fault.ErrUnavailable, errors.New("the watch has not come that far")))
		}
	}
}

// followAnew has the watch begin anew, in case it hangs.
func (v *shared) followAnew() {
	select {
	case v.kick <- struct{}{}:
	default:
	}
}

// applied changes the mirror, and tells who waits: first the caller of what arrived, then
// those who follow, then those who wait for the journal.
func (v *shared) applied(rev int64, events []event, anew bool) {
	v.mu.Lock()
	v.mirror.apply(rev, events, anew)
	fresh, touched := v.mirror.fresh, v.mirror.touched
	v.mirror.fresh, v.mirror.touched = nil, nil
	if v.unwritten.IsZero() && len(v.mirror.dirty) > 0 {
		v.unwritten = time.Now()
	}
	var arrived *flight
	if f := v.flight; f != nil && slices.ContainsFunc(events, func(e event) bool { return markSays(e, markCommitted, f.nonce) }) {
		arrived, v.flight = f, nil
	}
	newest := v.mirror.head.newest
	grew := newest > v.newest.Load()
	v.newest.Store(newest)
	v.mu.Unlock()
	if arrived != nil {
		v.finish(arrived)
	}
	v.tell(touched)
	if grew {
		v.wake(false)
	}
	v.mu.Lock()
	close(v.moved)
	v.moved = make(chan struct{})
	v.mu.Unlock()
	if arrived != nil {
		close(arrived.told)
	}
	v.copy.soon()
	v.figures.refused.Add(uint64(len(fresh)))
	for _, text := range fresh {
		v.o.Refused(text)
	}
}

// wake wakes those who wait for the journal, for the last time at the end.
func (v *shared) wake(end bool) {
	v.waking.Lock()
	defer v.waking.Unlock()
	select {
	case <-v.changed: // it is the end already
		return
	default:
	}
	close(v.changed)
	if !end {
		v.changed = make(chan struct{})
	}
}

// finish does what follows once a batch is in etcd. It is called once.
func (v *shared) finish(f *flight) {
	v.local.lane.Lock()
	defer v.local.lane.Unlock()
	f.err = v.commitLocal(f.b)
	v.mu.Lock()
	v.local.busy = nil
	v.mu.Unlock()
	if f.err == nil {
		for _, u := range f.ran {
			u.kept()
		}
	}
	v.tell(f.b.localTouched())
}

// land takes what was sent out of the way, and finishes it where it is in etcd. It
// reports whether it is.
func (v *shared) land(f *flight, committed bool) bool {
	v.mu.Lock()
	mine := v.flight == f
	v.flight = nil
	v.mu.Unlock()
	switch {
	case !mine:
		<-f.told
		return true
	case committed:
		v.finish(f)
	default:
		v.mu.Lock()
		v.local.busy = nil
		v.mu.Unlock()
	}
	return committed
}
