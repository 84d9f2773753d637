package etcd

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

const (
	// patience is how long a change is tried again where other hosts were quicker.
	patience = 30 * time.Second
	// firstPause and lastPause bound the time between two tries.
	firstPause = time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// update is a change on its way.
type update struct {
	op string
	fn func(*tx) error

	t    *tx
	err  error
	done chan struct{} // closed when its end is known
	// tries is how often others were quicker.
	tries int
	// panicked is set where fn panicked: its caller runs it again, and gets the panic
	// where it belongs.
	panicked bool
}

// queue is what waits to share a transaction, in the order in which it came.
type queue struct {
	mu      sync.Mutex // guards what follows
	waiting []*update
	ended   bool
	wake    chan struct{}
}

// enter reports false where nothing more is taken.
func (q *queue) enter(u *update) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return false
	}
	q.waiting = append(q.waiting, u)
	q.signal()
	return true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.signal()
}

func (q *queue) take() (list []*update, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	list, q.waiting = q.waiting, nil
	return list, q.ended
}

// writer puts updates into etcd.
type writer struct {
	*shared
	queue queue
	mark  mark
	// worked is closed when the last update is over.
	worked chan struct{}
}

func (v *writer) update(op string, fn func(*tx) error) error {
	u := &update{op: op, fn: fn, done: make(chan struct{})}
	if err := v.Err(); err != nil {
		return err
	}
	if !v.queue.enter(u) {
		return fault.New(op, v.o.place(), fault.ErrClosed)
	}
	<-u.done
	if u.panicked {
		v.mu.RLock()
		defer v.mu.RUnlock()
		b := newBatch(v.shared)
		t := &tx{v: v.shared, m: b.m, b: b}
		defer func() { t.over = true }()
		if err := fn(t); err != nil {
			return err
		}
		return fault.New(op, v.o.place(), errPanicked)
	}
	return u.err
}

var errPanicked = errors.New("its function panicked")

// kept calls who wanted to be called once it is kept.
func (u *update) kept() {
	if u.err == nil && !u.panicked {
		for _, fn := range u.t.committed {
			fn()
		}
	}
}

func (u *update) end(err error) {
	u.err = err
	close(u.done)
}

// work carries out what is in the queue until the vault is closed.
func (v *writer) work() {
	defer close(v.worked)
	for {
		list, ended := v.queue.take()
		if len(list) == 0 {
			if ended {
				return
			}
			<-v.queue.wake
			continue
		}
		for deadline := time.Now().Add(patience); len(list) > 0; {
			list = v.some(list, deadline)
		}
	}
}

// some carries out the first of a list, as many as go into one transaction, and returns
// those that are left. Those of which others were quicker are among them.
func (v *writer) some(list []*update, deadline time.Time) []*update {
	if _, away := v.reach.state(); away != nil || v.Err() != nil {
		v.withoutEtcd(list)
		return nil
	}
	v.local.lane.Lock()
	b, ran := v.run(list, false)
	left := list[len(ran):]
	switch {
	case len(ran) == 0: // the first alone is too much
		v.local.lane.Unlock()
		list[0].end(tooLarge(v.o.place()))
		return list[1:]
	case !b.remote():
		err := v.alone(b, ran)
		v.local.lane.Unlock()
		endAll(ran, err)
		return left
	}
	v.mu.Lock()
	v.local.busy = map[place]bool{}
	for at := range b.local {
		v.local.busy[at] = true
	}
	v.mu.Unlock()
	v.local.lane.Unlock()
	came := v.send(b, ran)
	v.mu.Lock()
	v.local.busy = nil
	v.mu.Unlock()
	return v.ended(ran, left, came, deadline)
}

// alone keeps what needs nothing of etcd. The caller holds the lane.
func (v *writer) alone(b *batch, ran []*update) error {
	if err := v.commitLocal(b); err != nil {
		return err
	}
	for _, u := range ran {
		u.kept()
	}
	v.tell(b.localTouched())
	return nil
}

// ended ends those that ran by what came of it.
func (v *writer) ended(ran, left []*update, came outcome, deadline time.Time) []*update {
	switch {
	case came.committed:
		v.figures.commits.Add(1)
		endAll(ran, came.local)
		return left
	case came.err != nil && len(ran) > 1 && !errors.Is(came.err, fault.ErrUnavailable) && !errors.Is(came.err, fault.ErrClosed) && v.Err() == nil:
		// One may be the reason for all: each by itself.
		for _, u := range ran {
			for one := []*update{u}; len(one) > 0; {
				one = v.some(one, deadline)
			}
		}
		return left
	case came.err != nil:
		endAll(ran, came.err)
		return left
	}
	v.figures.conflicts.Add(1)
	again := slices.DeleteFunc(ran, func(u *update) bool {
		lost := slices.ContainsFunc(u.t.guards, func(owner string) bool { return came.lost[owner] })
		if lost {
			u.end(fault.New(u.op, v.o.place(), fault.ErrNotOwner))
		}
		return lost
	})
	if time.Now().After(deadline) {
		endAll(again, fault.New("write", v.o.place(), fault.Join(fault.ErrUnavailable, errors.New("other hosts were quicker, again and again"))))
		return left
	}
	tries := 0
	for _, u := range again {
		u.tries++
		tries = max(tries, u.tries)
	}
	if tries > 0 {
		pause(v.ctx, min(firstPause<<min(tries, 16), lastPause))
	}
	return append(again, left...)
}

// endAll ends those that shared a transaction. Where it came to nothing, that counts for
// all: an error that one had by itself may come from what another did in vain.
func endAll(ran []*update, err error) {
	for _, u := range ran {
		switch {
		case u.panicked:
			close(u.done)
		case err != nil:
			u.end(err)
		default:
			u.end(u.err)
		}
	}
}

// run runs the first of a list on the mirror, one after the other, each undone alone
// where it fails, as long as they go into one transaction.
func (v *writer) run(list []*update, alone bool) (b *batch, ran []*update) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	b = newBatch(v.shared)
	b.alone = alone
	for i, u := range list {
		u.within(v.shared, b)
		if b.remote() && b.large() {
			b.takeBack()
			// What it read is in the way, too, so that the others run once more.
			if i > 0 {
				again := newBatch(v.shared)
				again.alone = alone
				for _, u := range list[:i] {
					u.within(v.shared, again)
					again.undo = nil
				}
				again.prepare()
				return again, list[:i]
			}
			return b, nil
		}
		b.undo = nil
	}
	b.prepare()
	return b, list
}

// within runs a change on what those before it did.
func (u *update) within(v *shared, b *batch) {
	t := &tx{v: v, m: b.m, b: b}
	u.t, u.panicked = t, false
	returned := false
	defer func() {
		t.over = true
		if !returned {
			_ = recover()
			u.panicked, u.err = true, errPanicked
		}
		if u.err != nil {
			b.takeBack()
		}
	}()
	u.err = u.fn(t)
	returned = true
	if u.err == nil {
		u.err = t.broken
	}
}

// withoutEtcd carries out what needs nothing of etcd, and ends the rest.
func (v *writer) withoutEtcd(list []*update) {
	for _, u := range list {
		if err := v.Err(); err != nil {
			u.end(err)
			continue
		}
		v.local.lane.Lock()
		b, ran := v.run([]*update{u}, true)
		_, why := v.reach.state()
		switch {
		case len(ran) == 0:
			u.end(tooLarge(v.o.place()))
		case u.panicked:
			close(u.done)
		case b.remote():
			if why == nil {
				why = fault.ErrUnavailable // it is back just now
			}
			u.end(fault.New(u.op, v.o.place(), why))
		default:
			err := v.alone(b, ran)
			if err == nil {
				err = u.err
			}
			u.end(err)
		}
		v.local.lane.Unlock()
	}
}

// meanwhile serves what needs nothing of etcd while something waits for it.
func (v *writer) meanwhile() {
	if _, away := v.reach.state(); away != nil {
		list, _ := v.queue.take()
		v.withoutEtcd(list)
	}
}

// pause waits before a change is tried again.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(jitter(d)):
	case <-ctx.Done():
	}
}
