package account

import (
	"context"
	"sync"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
)

// fewestChecks is how many checks that are due may be under way in any case.
const fewestChecks = 16

// CheckQueue has accounts wait whose check is due, once more are under way than the site
// may be asked at once on one way to it. Their requests would wait for the limits in any
// case; but who waits here costs a name, and there a goroutine and the account's secrets
// unpacked, and whoever wants something of the account has to wait as well. What else an
// account wants does not wait here. The zero value is ready.
type CheckQueue struct {
	mu      sync.Mutex // guards what follows
	most    int
	inside  map[*Worker]struct{}
	waiting []*Worker // in the order in which they came
	known   map[*Worker]struct{}
}

// enter reports whether a worker may begin its check, where so many requests may be under
// way. Where it may not yet, it begins when its turn comes.
func (q *CheckQueue) enter(w *Worker, atOnce int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.inside == nil {
		q.inside = map[*Worker]struct{}{}
	}
	// While some wait for an answer, others write what came.
	q.most = max(fewestChecks, 2*atOnce)
	if len(q.inside) < q.most && len(q.waiting) == 0 {
		q.admit(w)
		return true
	}
	if _, waits := q.known[w]; !waits {
		if q.known == nil {
			q.known = map[*Worker]struct{}{}
		}
		q.known[w] = struct{}{}
		q.waiting = append(q.waiting, w)
	}
	return false
}

// admit gives a worker a place; false where it has one, here or in the queue of another
// way, since its own may have changed. It is for who holds mu.
func (q *CheckQueue) admit(w *Worker) bool {
	if !w.place.CompareAndSwap(nil, q) {
		return false
	}
	q.inside[w] = struct{}{}
	return true
}

// leaveChecks gives a worker's place among the checks under way, if it has one, to those
// who wait.
func leaveChecks(w *Worker) {
	q := w.place.Load()
	if q == nil {
		return
	}
	for left := []*Worker{w}; len(left) > 0; {
		var again []*Worker
		for _, next := range q.follow(left) {
			if !next.wantDue(next.begin) {
				again = append(again, next)
			}
		}
		left = again
	}
}

// follow takes the places of workers away, and returns those who have them now.
func (q *CheckQueue) follow(left []*Worker) (come []*Worker) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, w := range left {
		delete(q.inside, w)
		w.place.CompareAndSwap(q, nil)
	}
	for len(q.waiting) > 0 && len(q.inside) < q.most {
		next := q.waiting[0]
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		delete(q.known, next)
		if q.admit(next) {
			come = append(come, next)
		}
	}
	if len(q.waiting) == 0 {
		q.waiting, q.known = nil, nil // they are as large as the most that ever waited
	}
	return come
}

// Nudge is called by the schedule when the account is due.
func (w *Worker) Nudge() {
	check := false
	if err := w.guard(w.Work, func(context.Context) error {
		r := w.Shown()
		check = r.Next(w.policyFor(r)).Action == lifecycle.ActCheck
		return nil
	}); err == nil && check && w.place.Load() == nil && !w.Checks(w.name).enter(w, w.Settings().Concurrency) {
		return
	}
	if !w.wantDue(w.begin) {
		leaveChecks(w)
	}
}
