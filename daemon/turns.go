package daemon

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
)

const (
	// atOnce is how many codes that nobody asked for are out at the same time. A
	// person scans one after another, with a phone that has to change accounts in
	// between, and a code lives three minutes: more would only be noise.
	atOnce = 3
	// presence is for how long somebody who scanned counts as being there.
	presence = 5 * time.Minute
	// absence is for how long nobody counts as being there after one code after
	// another went unanswered.
	absence = 30 * time.Minute
	// ahead is how long before the accounts whose codes went unanswered the others
	// are tried again: this time it is their turn first.
	ahead = time.Minute
	// turnLook is how often an account that waits looks by itself, should its turn
	// have been missed.
	turnLook = 5 * time.Minute
)

// turns decides whose codes are out when several accounts want a login at the
// same time. While codes are scanned, the next in line follows; when they are
// not, nobody is there, and those in line wait for the next reminder like the
// ones that were tried.
type turns struct {
	mu sync.Mutex // guards all below
	// holders have a code out, or are about to get one.
	holders map[string]bool
	// waiting are those in line.
	waiting map[string]place
	// lined is when somebody was last in line.
	lined time.Time
	// answered is when a login last succeeded. unanswered is when one ended with
	// nobody having scanned, next when its account is tried again, and row how
	// many ended so since the last that succeeded.
	answered, unanswered, next time.Time
	row                        int
}

// turn is the answer to an account that wants a code.
type turn int

const (
	turnNow    turn = 1 // go on; the turn is taken
	turnLater  turn = 2 // wait in line
	turnNobody turn = 3 // nobody is there to scan
)

// place is an account's place in the line.
type place struct {
	// since is when the account began to want a login.
	since time.Time
	// called is true when it was told to come, until it did.
	called bool
}

// take asks for a turn. Where it is not the account's turn, until is when to
// ask again.
func (t *turns) take(name string, due, now time.Time) (answer turn, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.waiting[name]; ok {
		due = p.since
	}
	switch {
	case t.nobody(due, now) && t.next.Add(-ahead).After(now):
		delete(t.waiting, name)
		t.lined = now
		return turnNobody, t.next.Add(-ahead).Add(time.Duration(schedule.Spread(name) * float64(ahead/2)))
	case !t.holders[name] && len(t.holders) >= atOnce:
		t.wait(name, due)
		t.lined = now
		return turnLater, now.Add(turnLook)
	}
	t.hold(name)
	return turnNow, time.Time{}
}

// nobody reports whether a code for an account that wants one since due would
// go unanswered: those that were out meanwhile did, or many just before.
func (t *turns) nobody(due, now time.Time) bool {
	if !t.answered.Add(presence).Before(t.unanswered) {
		return false
	}
	return t.unanswered.After(due) || t.row >= atOnce && now.Before(t.unanswered.Add(absence))
}

// crowded reports whether others were in line while a login was under way.
func (t *turns) crowded(started time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting) > 0 || t.lined.After(started)
}

func (t *turns) wait(name string, since time.Time) {
	if t.waiting == nil {
		t.waiting = make(map[string]place)
	}
	t.waiting[name] = place{since: since}
}

func (t *turns) hold(name string) {
	delete(t.waiting, name)
	if t.holders == nil {
		t.holders = make(map[string]bool)
	}
	t.holders[name] = true
}

// note takes up what an account's login has come to.
func (t *turns) note(r *record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := r.Login
	switch _, known := t.waiting[r.Name]; {
	case r.Incident == nil:
		delete(t.waiting, r.Name)
	case !known && !r.Incident.InLine.IsZero(): // the keeper has begun anew
		t.wait(r.Name, r.Incident.InLine)
	}
	switch {
	case holdsTurn(l):
		t.hold(r.Name)
		return
	case l == nil:
	case l.Phase == lifecycle.PhaseSucceeded && l.Ended.After(t.answered):
		t.answered, t.row = l.Ended, 0
	case l.Reason == client.ReasonExpired && l.Automatic && r.Incident != nil && l.Ended.After(t.unanswered):
		t.unanswered, t.next = l.Ended, r.Incident.NextAttempt
		t.row++
	}
	delete(t.holders, r.Name)
}

// restore takes up what the logins had come to when the keeper stopped, in the
// order in which it happened: who answered last decides.
func (t *turns) restore(accounts map[string]*account) {
	ended := func(a *account) time.Time {
		if a.rec.Login == nil {
			return time.Time{}
		}
		return a.rec.Login.Ended
	}
	for _, a := range slices.SortedFunc(maps.Values(accounts), func(a, b *account) int { return ended(a).Compare(ended(b)) }) {
		t.note(a.rec)
	}
}

// leave gives back what an account has of turns.
func (t *turns) leave(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.holders, name)
	delete(t.waiting, name)
}

// call returns those who are to come, the longest waiting first: as many as
// there are turns.
func (t *turns) call() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var line []string
	for name, p := range t.waiting {
		if !p.called {
			line = append(line, name)
		}
	}
	slices.SortFunc(line, func(a, b string) int {
		return cmp.Or(t.waiting[a].since.Compare(t.waiting[b].since), cmp.Compare(a, b))
	})
	line = line[:min(max(atOnce-len(t.holders), 0), len(line))]
	for _, name := range line {
		t.waiting[name] = place{since: t.waiting[name].since, called: true}
	}
	return line
}

// holdsTurn reports whether a login has a code out that nobody asked for.
func holdsTurn(l *lifecycle.Login) bool { return l.Active() && l.Automatic && !l.Granted() }

// beginLogin starts a login by the keeper itself, if it is the account's turn.
func (a *account) beginLogin(ctx context.Context) error {
	due := a.rec.Incident.NextAttempt
	if in := a.rec.Incident.InLine; !in.IsZero() {
		due = in
	}
	answer, until := a.keeper.turns.take(a.name, due, time.Now())
	if answer == turnNow {
		// Where there is no code in the end, there is no turn.
		defer func() { a.keeper.turns.note(a.rec) }()
		return a.issueCode(ctx, lifecycle.CodeIssued{ID: newID(), Method: "qr", Automatic: true})
	}
	a.log.Debug().Time("until", until).Bool("nobody_scans", answer == turnNobody).Msg("other accounts' codes are out; this one waits")
	in := lifecycle.PutOff{Until: until, InLine: due}
	if answer == turnNobody {
		in = lifecycle.PutOff{Until: until, Attempt: true}
	}
	if err := a.apply(in, nil); err != nil {
		return err
	}
	if answer == turnNobody {
		a.keeper.callNext()
	}
	return nil
}

// callNext lets those ask for a turn who have waited longest. It does not wait
// for them.
func (k *Keeper) callNext() {
	for _, name := range k.turns.call() {
		a := k.find(name)
		if a == nil {
			k.turns.leave(name)
			continue
		}
		go func() {
			err := a.do(k.work, func(context.Context) error {
				if a.rec.Incident == nil {
					return nil
				}
				return a.apply(lifecycle.PutOff{Until: time.Now(), InLine: a.rec.Incident.InLine}, nil)
			})
			if err != nil && k.work.Err() == nil {
				a.log.Debug().Err(err).Msg("the turn was not taken up")
			}
		}()
	}
}
