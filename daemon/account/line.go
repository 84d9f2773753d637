package account

import (
	"context"
	"sync"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
)

// fewestChecks is how many checks that are due may be under way in any case.
const fewestChecks = 16

// Line has accounts wait whose check is due, once more are under way than the site may be
// asked at once. Their requests would wait for the limits in any case; but who waits
// here costs a name, and there a goroutine and the account's secrets unpacked, and
// whoever wants something of the account has to wait as well. What else an account
// wants does not wait here. The zero value is ready.
type Line struct {
	mu      sync.Mutex // guards what follows
	most    int
	inside  map[*Worker]struct{}
	waiting []*Worker // in the order in which they came
	known   map[*Worker]struct{}
}

// enter reports whether a worker may begin its check, where so many requests may be under
// way. Where it may not yet, it begins when its turn comes.
func (l *Line) enter(w *Worker, atOnce int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside == nil {
		l.inside = map[*Worker]struct{}{}
	}
	// While some wait for an answer, others write what came.
	l.most = max(fewestChecks, 2*atOnce)
	if _, in := l.inside[w]; in {
		return true
	}
	if len(l.inside) < l.most && len(l.waiting) == 0 {
		l.inside[w] = struct{}{}
		return true
	}
	if _, waits := l.known[w]; !waits {
		if l.known == nil {
			l.known = map[*Worker]struct{}{}
		}
		l.known[w] = struct{}{}
		l.waiting = append(l.waiting, w)
	}
	return false
}

// leave gives the place of a worker, if it has one, to those who wait.
func (l *Line) leave(w *Worker) {
	for left := []*Worker{w}; len(left) > 0; {
		var again []*Worker
		for _, next := range l.follow(left) {
			if !next.wantDue(next.begin) {
				again = append(again, next)
			}
		}
		left = again
	}
}

// follow takes the places of workers away, and returns those who have them now.
func (l *Line) follow(left []*Worker) (come []*Worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range left {
		delete(l.inside, w)
	}
	for len(l.waiting) > 0 && len(l.inside) < l.most {
		next := l.waiting[0]
		l.waiting[0] = nil
		l.waiting = l.waiting[1:]
		delete(l.known, next)
		l.inside[next] = struct{}{}
		come = append(come, next)
	}
	if len(l.waiting) == 0 {
		l.waiting, l.known = nil, nil // they are as large as the most that ever waited
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
	}); err != nil || !check || w.Checks.enter(w, w.Settings().Concurrency) {
		w.wantDue(w.begin)
	}
}
