package loginqueue

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
)

const (
	// AtOnce is how many codes that nobody asked for are out at the same time. A
	// person scans one after another, with a phone that has to change accounts in
	// between, and a code lives three minutes: more would only be noise.
	AtOnce = 3
	// presence is for how long somebody who scanned counts as being there.
	presence = 5 * time.Minute
	// absence is for how long nobody counts as being there after one code after
	// another went unanswered.
	absence = 30 * time.Minute
	// ahead is how long before the accounts whose codes went unanswered the others
	// are tried again: this time they come first.
	ahead = time.Minute
	// lookAgain is how often an account that waits looks by itself, should its call
	// have been missed.
	lookAgain = 5 * time.Minute
)

// Queue decides whose codes are out when several accounts want a login at the
// same time. While codes are scanned, the next one in the queue follows; when they are
// not, nobody is there, and those in the queue wait for the next reminder like the
// ones that were tried.
type Queue struct {
	mu sync.Mutex // guards all below
	// holders have a code out, or are about to get one.
	holders map[string]bool
	// waiting are those in the queue.
	waiting map[string]waiter
	// queued is when somebody was last in the queue.
	queued time.Time
	// answered is when a login last succeeded. unanswered is when one ended with
	// nobody having scanned, next when its account is tried again, and row how
	// many ended so since the last that succeeded.
	answered, unanswered, next time.Time
	row                        int
}

// Answer is what an account that wants a code is told.
type Answer int

const (
	Now         Answer = 1 // go on; the place is taken
	Later       Answer = 2 // wait in the queue
	NobodyScans Answer = 3 // nobody is there to scan
)

// waiter is an account that waits in the queue.
type waiter struct {
	// since is when the account began to want a login.
	since time.Time
	// called is true when it was told to come, until it did.
	called bool
}

// Take asks whether an account may have a code out. Where it may not, until is
// when to ask again.
func (q *Queue) Take(name string, due, now time.Time) (answer Answer, until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p, ok := q.waiting[name]; ok {
		due = p.since
	}
	switch {
	case q.nobody(due, now) && q.next.Add(-ahead).After(now):
		delete(q.waiting, name)
		q.queued = now
		return NobodyScans, q.next.Add(-ahead).Add(time.Duration(schedule.Spread(name) * float64(ahead/2)))
	case !q.holders[name] && len(q.holders) >= AtOnce:
		q.wait(name, due)
		q.queued = now
		return Later, now.Add(lookAgain)
	}
	q.hold(name)
	return Now, time.Time{}
}

// nobody reports whether a code for an account that wants one since due would
// go unanswered: those that were out meanwhile did, or many just before.
func (q *Queue) nobody(due, now time.Time) bool {
	if !q.answered.Add(presence).Before(q.unanswered) {
		return false
	}
	return q.unanswered.After(due) || q.row >= AtOnce && now.Before(q.unanswered.Add(absence))
}

// Crowded reports whether others were in the queue while a login was under way.
func (q *Queue) Crowded(started time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) > 0 || q.queued.After(started)
}

func (q *Queue) wait(name string, since time.Time) {
	if q.waiting == nil {
		q.waiting = make(map[string]waiter)
	}
	q.waiting[name] = waiter{since: since}
}

func (q *Queue) hold(name string) {
	delete(q.waiting, name)
	if q.holders == nil {
		q.holders = make(map[string]bool)
	}
	q.holders[name] = true
}

// Note takes up what an account's login has come to.
func (q *Queue) Note(a lifecycle.Account) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := a.Login
	switch _, known := q.waiting[a.Name]; {
	case a.Incident == nil:
		delete(q.waiting, a.Name)
	case !known && !a.Incident.InLine.IsZero(): // the keeper has begun anew
		q.wait(a.Name, a.Incident.InLine)
	}
	switch {
	case Holds(l):
		q.hold(a.Name)
		return
	case l == nil:
	case l.Phase == lifecycle.PhaseSucceeded && l.Ended.After(q.answered):
		q.answered, q.row = l.Ended, 0
	case l.Reason == client.ReasonExpired && l.Automatic && a.Incident != nil && l.Ended.After(q.unanswered):
		q.unanswered, q.next = l.Ended, reminder(a.Incident, l.Ended)
		q.row++
	}
	delete(q.holders, a.Name)
}

// reminder is when people are to be asked again after a code that nobody scanned. An
// account that waits in the queue was due already: what comes next for it is the look
// by itself. One whose session still lives is asked for in days, and the others are
// not to wait for that.
func reminder(i *lifecycle.Incident, unanswered time.Time) time.Time {
	switch {
	case !i.InLine.IsZero():
		return i.InLine
	case i.Early:
		return unanswered.Add(absence)
	}
	return i.NextAttempt
}

// Restore takes up what the logins had come to when the keeper stopped, in the
// order in which it happened: who answered last decides.
func (q *Queue) Restore(accounts []lifecycle.Account) {
	ended := func(a lifecycle.Account) time.Time {
		if a.Login == nil {
			return time.Time{}
		}
		return a.Login.Ended
	}
	for _, a := range slices.SortedFunc(slices.Values(accounts), func(a, b lifecycle.Account) int { return ended(a).Compare(ended(b)) }) {
		q.Note(a)
	}
}

// Leave gives back an account's place, taken or waited for.
func (q *Queue) Leave(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.holders, name)
	delete(q.waiting, name)
}

// Call returns those who are to come, the longest waiting first: as many as
// there are places.
func (q *Queue) Call() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var line []string
	for name, p := range q.waiting {
		if !p.called {
			line = append(line, name)
		}
	}
	slices.SortFunc(line, func(a, b string) int {
		return cmp.Or(q.waiting[a].since.Compare(q.waiting[b].since), cmp.Compare(a, b))
	})
	line = line[:min(max(AtOnce-len(q.holders), 0), len(line))]
	for _, name := range line {
		q.waiting[name] = waiter{since: q.waiting[name].since, called: true}
	}
	return line
}

// Holds reports whether a login has a code out that nobody asked for.
func Holds(l *lifecycle.Login) bool { return l.Active() && l.Automatic && !l.Granted() }
