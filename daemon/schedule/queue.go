package schedule

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// look is the longest that the queue sleeps. Timers stand still while the
// machine does, and know nothing of a clock that was set; the wall clock is
// therefore read anew this often.
const look = time.Minute

// Queue holds what is due when, and fires it. The zero value is empty and
// ready; it is safe for concurrent use and must not be copied.
type Queue struct {
	// now is the wall clock; nil means time.Now. Tests let it jump.
	now func() time.Time

	mu sync.Mutex // guards what follows
	// entries is a heap by due; index finds a key's entry in it.
	entries entries
	index   map[string]*entry
	changed chan struct{}
	// seen is the wall clock at the last look.
	seen time.Time
	// looked, where somebody waits for it, is closed at the next look.
	looked chan struct{}
}

type entry struct {
	key string
	due time.Time
	at  int
}

// Set says when key is due, in place of what was said before. A time that has
// passed is due at once.
func (q *Queue) Set(key string, due time.Time) {
	due = due.Round(0)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.index == nil {
		q.index = make(map[string]*entry)
	}
	if e, ok := q.index[key]; ok {
		e.due = due
		heap.Fix(&q.entries, e.at)
	} else {
		e := &entry{key: key, due: due}
		q.index[key] = e
		heap.Push(&q.entries, e)
	}
	if q.entries[0].key == key {
		q.signal()
	}
}

// Remove takes key out of the queue, if it is in there.
func (q *Queue) Remove(key string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e, ok := q.index[key]; ok {
		heap.Remove(&q.entries, e.at)
		delete(q.index, key)
	}
}

// Due returns when key is due, and whether it is in the queue.
func (q *Queue) Due(key string) (time.Time, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e, ok := q.index[key]; ok {
		return e.due, true
	}
	return time.Time{}, false
}

// Len returns how many keys are in the queue.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.entries)
}

// Look lets Run look at what is due now, and returns a channel that is closed
// when it has: a sign that the schedule moves.
func (q *Queue) Look() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.looked == nil {
		q.looked = make(chan struct{})
	}
	q.signal()
	return q.looked
}

// Run calls fire for each key that is due, the longest due first, until ctx
// ends, and for all keys where the clock was set back. A key is out of the queue before fire is called, which may Set it
// again. One call runs at a time, so fire hands work on and does not do it.
func (q *Queue) Run(ctx context.Context, fire func(key string)) {
	timer := time.NewTimer(look)
	defer timer.Stop()
	for ctx.Err() == nil {
		key, wait, ok := q.pop()
		if ok {
			fire(key)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-q.wake():
		}
	}
}

// pop takes out the earliest key if it is due. Otherwise it says how long to
// sleep.
func (q *Queue) pop() (key string, wait time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.wall()
	if now.Before(q.seen.Add(-look)) {
		q.hurry(now)
	}
	q.seen = now
	if q.looked != nil {
		close(q.looked)
		q.looked = nil
	}
	if len(q.entries) == 0 {
		return "", look, false
	}
	first := q.entries[0]
	if left := first.due.Sub(now); left > 0 {
		return "", min(left, look), false
	}
	heap.Pop(&q.entries)
	delete(q.index, first.key)
	return first.key, 0, true
}

// hurry makes all keys due after the clock was set back: what was meant for later
// today would come as much later as the clock went back, which can be years. Who
// is fired too early has to look at the time. The caller holds q.mu.
func (q *Queue) hurry(now time.Time) {
	for _, e := range q.entries {
		if e.due.After(now) {
			e.due = now
		}
	}
	heap.Init(&q.entries)
}

func (q *Queue) wall() time.Time {
	if q.now != nil {
		return q.now()
	}
	return time.Now().Round(0)
}

// wake returns a channel that holds one token after something became due
// earlier; q.mu must not be held.
func (q *Queue) wake() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.channel()
}

// signal and channel are called with q.mu held. A token that nobody waited for
// stays, so that a Set between pop and the wait is not missed.
func (q *Queue) signal() {
	select {
	case q.channel() <- struct{}{}:
	default:
	}
}

func (q *Queue) channel() chan struct{} {
	if q.changed == nil {
		q.changed = make(chan struct{}, 1)
	}
	return q.changed
}

type entries []*entry

func (e entries) Len() int { return len(e) }

// Less orders by due, then by key, so that equal times fire in a fixed order.
func (e entries) Less(i, j int) bool {
	if c := e[i].due.Compare(e[j].due); c != 0 {
		return c < 0
	}
	return e[i].key < e[j].key
}

func (e entries) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].at, e[j].at = i, j
}

func (e *entries) Push(x any) {
	added := x.(*entry)
	added.at = len(*e)
	*e = append(*e, added)
}

func (e *entries) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*e = old[:len(old)-1]
	return last
}
