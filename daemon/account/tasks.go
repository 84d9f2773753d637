package account

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// tasks decides who has the account: one at a time, the schedule before callers, and
// callers in the order in which they came. There is a goroutine while somebody has
// it, and none while it is left alone.
type tasks struct {
	mu      sync.Mutex // guards what follows
	waiting []*task
	// due is true where the schedule said that something is to be done.
	due bool
	// owned is true while a goroutine has the account.
	owned bool
	// over is true where nobody gets it any more: it was forgotten, or the keeper is
	// stopping. ended is closed then, once nobody has it; nil where nobody asked.
	over  bool
	ended chan struct{}

	tenure
}

// task is something that a caller wants done while nothing else is.
type task struct {
	do     func(ctx context.Context) error
	insist bool
	done   func(err error)
}

// errOver is what a task comes to that got no turn.
var errOver = errors.New("nobody gets the account any more")

// add lets a task wait for its turn.
func (t *tasks) add(one *task, begin func() bool) bool {
	return t.want(func() { t.waiting = append(t.waiting, one) }, begin)
}

// wantDue lets what is due have its turn.
func (t *tasks) wantDue(begin func() bool) bool { return t.want(func() { t.due = true }, begin) }

// want notes what is wanted, and begins a turn where nobody has the account. It is
// false where there are no turns any more.
func (t *tasks) want(note func(), begin func() bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || t.away || !t.owned && !begin() {
		return false
	}
	t.owned = true
	note()
	return true
}

// next takes what is to be done now: what is due, or a task. Where there is neither,
// rest is called and the account has no owner any more.
func (t *tasks) next(rest func()) (due bool, one *task, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.term = t.terms
	switch {
	case t.over, t.away:
		for _, left := range t.waiting {
			left.done(errOver)
		}
		t.waiting = nil
	case t.due:
		t.due = false
		return true, nil, true
	case len(t.waiting) > 0:
		one, t.waiting = t.waiting[0], t.waiting[1:]
		return false, one, true
	}
	t.waiting = nil
	rest()
	t.owned = false
	t.tellEnded()
	return false, nil, false
}

// withdraw takes a task back that has not had its turn.
func (t *tasks) withdraw(one *task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = slices.DeleteFunc(t.waiting, func(o *task) bool { return o == one })
}

// Retire lets nobody have a turn any more. What is under way is finished: work is cut
// only by the end of Parts.Work.
func (t *tasks) Retire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.tellEnded()
}

// tellEnded is for who holds mu.
func (t *tasks) tellEnded() {
	if t.over && !t.owned && t.ended != nil {
		close(t.ended)
		t.ended = nil
	}
}

// Ended returns a channel that is closed once nobody gets a turn any more.
func (t *tasks) Ended() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return t.ended
	}
	ended := make(chan struct{})
	if t.over && !t.owned {
		close(ended)
	} else {
		t.ended = ended
	}
	return ended
}
