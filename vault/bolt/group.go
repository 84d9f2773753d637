package bolt

import (
	"bytes"
	"runtime"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// mostTogether bounds the changes that share a transaction.
const mostTogether = 4096

// group lets changes that wait for the disk share a transaction and its flushes. A
// change that comes while nobody writes waits for nobody; those that come while it is
// written are the next group, in the order in which they came, and the first of them
// writes it. The zero value is ready.
type group struct {
	mu      sync.Mutex // guards what follows
	leading bool
	waiting []*change
	// last is how many were in the last group, and came how many waited when it ended.
	last, came int
	// returning is whether most of a group came back at once, the last time.
	returning bool
}

// change is a change on its way to the disk.
type change struct {
	op string
	fn func(*Tx) error

	err error
	// changed is what fn has done; committed is called when all of the group is on the
	// disk.
	changed   bool
	committed []func()
	// again is set where it is to be run alone, panicked where it panicked.
	again, panicked bool
	// lead is closed when it is the change's turn to write the next group, done when
	// its end is known.
	lead, done chan struct{}
}

// Update runs fn in a transaction and puts what it did on disk before it
// returns nil. An error or a panic of fn undoes all of it, and nothing of the other
// changes that share the transaction. Where fn changed nothing, nothing is written.
// fn may be run a second time, after what it did the first time was undone, and by
// another goroutine.
func (f *File) Update(op string, fn func(*Tx) error) error {
	c := &change{op: op, fn: fn, lead: make(chan struct{}), done: make(chan struct{})}
	if !f.group.enter(c) {
		select {
		case <-c.lead:
		case <-c.done:
			return c.ended(f)
		}
	}
	if err := f.group.lead(f, c); err != nil {
		return err
	}
	return c.ended(f)
}

// ended is what came of a change, once its group is over.
func (c *change) ended(f *File) error {
	if c.again {
		return c.alone(f)
	}
	return c.err
}

// enter reports whether the change is to write the next group, of which it is the
// first.
func (g *group) enter(c *change) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, c)
	if g.leading {
		return false
	}
	g.leading = true
	return true
}

// patience bounds how long a group waits for those who were in the last one, where they
// came back at once the time before: by the turns that it lets others have while nobody
// comes, and by the time. Otherwise it waits for one turn without anybody.
const (
	patience     = 200 * time.Microsecond
	patientTurns = 100
)

// gather lets those come who were in the last group and are about to go on: without
// it the first of them would write alone, or half of them together, and all others
// wait for that. A change that is alone, one after the other, waits for nobody.
func (g *group) gather() {
	begun := time.Now()
	for n, turns := 0, 0; !g.gathered(&n, &turns) && time.Since(begun) < patience; turns++ {
		runtime.Gosched()
	}
}

// gathered reports whether nobody more is waited for. n is how many there were before,
// and turns for how many turns nobody has come since.
func (g *group) gathered(n, turns *int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, most := len(g.waiting), 1
	if now > *n {
		*n, *turns = now, 0
	}
	if g.returning {
		most = patientTurns
	}
	return now >= min(g.came+g.last, mostTogether) || *turns >= most
}

// take returns the next group.
func (g *group) take() []*change {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), mostTogether)
	list := g.waiting[:n:n]
	g.returning = g.last > 1 && 2*(len(g.waiting)-g.came) >= g.last
	g.waiting = g.waiting[n:]
	g.last = n
	return list
}

// next hands the lead to the first that waits.
func (g *group) next() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.came = len(g.waiting)
	if g.leading = len(g.waiting) > 0; g.leading {
		close(g.waiting[0].lead)
	} else {
		g.waiting = nil // the array holds what is over
	}
}

// lead writes the next group, of which a change is the first, and tells the callers.
// One that is alone runs as it is.
func (g *group) lead(f *File, c *change) error {
	defer g.next()
	g.gather()
	list := g.take()
	if len(list) == 1 {
		return c.alone(f)
	}
	defer func() {
		for _, c := range list {
			close(c.done)
		}
	}()
	together(f, list)
	return nil
}

// alone runs one change in a transaction of its own.
func (c *change) alone(f *File) error {
	return f.exclusive(c.op, func(tx *Tx) error {
		if err := c.fn(tx); err != nil || tx.broken != nil || !tx.dirty {
			return err
		}
		err := tx.finish()
		if err == nil {
			err = f.commit(tx)
		}
		if err == nil {
			run(tx.committed) // while nobody else can commit: they are in order
		}
		return err
	})
}

func run(list []func()) {
	for _, fn := range list {
		fn()
	}
}

// together runs changes one after the other in one transaction. What cannot be undone
// by itself takes the transaction with it; then each is run alone.
func together(f *File, list []*change) {
	for _, c := range list {
		c.again = true // unless it comes to another end
	}
	f.writer.Lock()
	defer f.writer.Unlock()
	base, err := f.begin(list[0].op, true)
	if err != nil {
		end(list, err)
		return
	}
	defer f.end(base)
	dirty := false
	for _, c := range list {
		if !c.within(base) {
			return
		}
		dirty = dirty || c.changed
	}
	if dirty {
		if err = base.finish(); err == nil {
			err = f.commit(base)
		}
	}
	end(list, err)
}

// end says what came of the changes that share a transaction. Where it came to
// nothing, that counts for all: an error that one had by itself may come from what
// another did in vain.
func end(list []*change, err error) {
	for _, c := range list {
		if c.panicked {
			continue
		}
		c.again = false
		if err != nil {
			c.err = err
		} else if c.err == nil {
			run(c.committed)
		}
	}
}

// within runs a change in a transaction that others share. It reports false where the transaction is beyond
// use.
func (c *change) within(base *Tx) (usable bool) {
	tx := &Tx{f: base.f, op: c.op, Writable: true, b: base.b, group: true, common: base.common}
	returned := false
	defer func() {
		tx.b = nil
		if returned {
			return
		}
		// Its caller runs it again, and gets the panic where it belongs.
		_ = recover()
		c.panicked = true
		tx.b = base.b
		usable = tx.broken == nil && tx.undo()
		tx.b = nil
	}()
	c.err = c.fn(tx)
	returned = true
	switch {
	case tx.broken != nil:
		return false
	case c.err != nil:
		return tx.undo()
	}
	c.changed, c.committed = tx.dirty, tx.committed
	return true
}

// was is what stood in a place before a change. The value is bbolt's own, which stays
// until the commit.
type was struct {
	bucket     Bucket
	key, value []byte // value is nil where there was none
	made       bool   // the bucket inside another is new
}

// remember notes what is there before it is changed, in a group.
func (tx *Tx) remember(bk *bbolt.Bucket, b Bucket, key []byte) {
	if !tx.group {
		return
	}
	w := tx.seen
	if tx.seen = (was{}); w.key == nil || w.bucket != b || !bytes.Equal(w.key, key) {
		w = was{bucket: b, key: bytes.Clone(key), value: bk.Get(key)}
	}
	tx.before = append(tx.before, w)
}

// undo takes back what a change in a group did. It reports false where that is not
// possible.
func (tx *Tx) undo() bool {
	if tx.whole {
		return false
	}
	tx.at = place{} // it may be one that this takes away
	for i := len(tx.before) - 1; i >= 0; i-- {
		w := tx.before[i]
		err := tx.do(func() error {
			bk, err := tx.bucket(w.bucket)
			switch {
			case err != nil:
				return err
			case w.made:
				return tx.b.Bucket([]byte(w.bucket.Name)).DeleteBucket([]byte(w.bucket.Sub))
			case bk == nil:
				return nil
			case w.value == nil:
				return bk.Delete(w.key)
			}
			return bk.Put(w.key, w.value)
		})
		if err != nil {
			return false
		}
	}
	return true
}
