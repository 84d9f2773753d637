package notify

import (
	"cmp"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

const (
	// handOverAfter is how often a channel is tried before another takes over.
	handOverAfter = 2
	// secondTryWithin is how long a message that failed once waits for the second
	// try without being handed over.
	secondTryWithin = 2 * time.Second
	// refreshEvery is how often the messages are read anew while one is held that
	// its source may release.
	refreshEvery = time.Second
)

// verb is what a channel does next.
type verb int

const (
	actNothing verb = iota
	actWait         // until a time, or a change of the source
	actRead         // read the messages anew: what was read may be outdated
	actPass         // move past a message that the channel does not want
	actOutdate      // take back the codes that a message makes useless
	actSend         // try a batch through a channel
	actEnd          // record that a batch is not tried any more
	actTell         // record that the channel fails, while a batch waits for its end
)

// action is what a channel does next.
type action struct {
	verb verb
	// batch is what it is done with; of actWait what waits first, if anything.
	batch batch
	// via names the channel that actSend tries.
	via string
	// result is what actEnd records; failing: that the channel fails is told at once.
	result  Result
	failing bool
	// until is when there may be something to do again after actWait, zero for
	// not before a change; again is when the messages are read anew before that.
	until, again time.Time
}

// limits is what holds at the channels when a plan is made: at the one that it
// is for, and at those that take over for it, in order.
type limits struct {
	own    limit
	others []limit
	// groups: the channel can write one message for several.
	groups bool
}

// limit is what holds at one channel. Times are zero where nothing holds.
type limit struct {
	name  string
	route Route
	// quiet is when the quiet hours end, rests until when the service is left
	// alone, full when its rate allows a call again.
	quiet, rests, full time.Time
	// failing is the first failure since the last delivery.
	failing time.Time
	// hushed are the threads whose codes are not wanted just now, by account. It is
	// empty at a channel that takes over: what is handed over is wanted elsewhere.
	hushed map[string]string
}

// wants reports whether a message is for the channel. That the channel itself
// fails is news for all others.
func (l limit) wants(m Message) bool {
	switch {
	case m.Silent, m.About != "" && m.About == l.name, l.hushes(m):
		return false
	case m.For != "":
		return m.For == l.name && has(l.route.Accounts, m.Account)
	}
	return l.route.Wants(m)
}

// hushes reports whether a message is a code, or what became of one, that people
// have asked not to be told of for now.
func (l limit) hushes(m Message) bool {
	thread, hushed := l.hushed[m.Account]
	return hushed && thread == m.Thread && (m.Login != nil || m.Passing)
}

// overdue reports whether a bout of failures has lasted for so long that it is
// told of, and was not yet.
func (l limit) overdue(told, now time.Time) bool {
	return !l.failing.IsZero() && !told.Equal(l.failing) && !now.Before(l.failing.Add(failingAfter))
}

// candidates are the channels that a batch can be handed over to. Where one of
// them gets the same message for itself, nobody has to take over any more.
func (l limits) candidates(b batch, t *Trial) []limit {
	var list []limit
	for _, other := range l.others {
		if !slices.ContainsFunc(b.members, func(m Message) bool { return !other.wants(m) }) {
			break
		}
		about := func(m Message) bool { return m.About == other.name }
		if !t.refusedBy(other.name) && !slices.ContainsFunc(b.members, about) {
			list = append(list, other)
		}
	}
	return list
}

// planner looks over the window, in order, for what can be done now.
type planner struct {
	limits
	window   *window
	progress *Progress
	now      time.Time
	// taken are the places of messages that go out as part of a batch.
	taken map[uint64]bool
	// held are the accounts of messages that are gathered: nothing of theirs
	// comes before them. waiting are those of messages that no service takes at
	// the moment: their codes may come before them, or would die.
	held, waiting map[string]bool
	// over is true where nothing further can be done.
	over bool
	// wait is what is done where nothing else can be; fails is the first batch
	// that waits for a service that fails.
	wait  action
	fails *batch
}

// plan says what a channel does next. It changes nothing of what it is given.
func plan(w *window, p *Progress, l limits, now time.Time) action {
	s := planner{
		limits: l, window: w, progress: p, now: now,
		taken: map[uint64]bool{}, held: map[string]bool{}, waiting: map[string]bool{}, wait: action{verb: actWait},
	}
	for _, b := range s.begun() {
		if a := s.route(b); a.verb != actNothing {
			return a
		}
	}
	for i, m := range w.msgs {
		if s.over {
			break
		}
		if a := s.message(i, m); a.verb != actNothing {
			return a
		}
	}
	return s.rest()
}

// begun lists what was begun and has to be brought to its end before others:
// compositions in the ledger, and messages that are being tried again.
func (s *planner) begun() []batch {
	var list []batch
	for _, sending := range s.progress.Sending {
		if b := s.composed(s.window, sending); s.sendable(b) {
			list = append(list, b)
			s.take(b)
		}
	}
	for i, m := range s.window.msgs {
		t := s.progress.trial(m.ID)
		if t == nil || t.Attempts == 0 || t.refusedBy(s.own.name) || s.taken[m.Position] || !s.own.wants(m) ||
			m.Expired(s.now) || superseded(m, s.window.msgs[i+1:]) {
			continue
		}
		list = append(list, single(m))
		s.taken[m.Position] = true
	}
	return list
}

func (s *planner) take(b batch) {
	for _, m := range b.members {
		s.taken[m.Position] = true
	}
}

// message says what is done about one message of the window.
func (s *planner) message(i int, m Message) action {
	b := single(m)
	switch {
	case s.taken[m.Position]:
		return action{}
	case !s.own.wants(m):
		return s.unwanted(i, m)
	case superseded(m, s.window.msgs[i+1:]):
		return end(b, s.progress.trial(b.id), OutcomeDropped, ErrSuperseded.Error())
	case m.Expired(s.now):
		return expire(b, s.progress.trial(m.ID))
	case s.blocked(m):
		return action{}
	case !s.mayGroup(m):
		return s.route(b)
	}
	group := s.gather(m.Group)
	if s.gathers(group) {
		return action{}
	}
	if s.few(group) {
		// Those that follow may make it many: after a crash it must not go out
		// again as one of several.
		b.group = group.group
		s.take(b)
		return s.route(b)
	}
	if len(group.past) > 0 {
		// Once what has overtaken it is gone, nobody would know that it was.
		past := single(group.past[0])
		return end(past, s.progress.trial(past.id), OutcomeDropped, ErrSuperseded.Error())
	}
	s.take(group)
	return s.route(group)
}

// unwanted leaves out a message that the channel does not want. It may be the
// end of a code that the channel has shown all the same, or of one that it showed
// before somebody wanted to be left alone.
func (s *planner) unwanted(i int, m Message) action {
	switch {
	case (ends(m) || m.Type == typeCode) && s.progress.shows(m.Account, m.Position):
		return action{verb: actOutdate, batch: single(m)}
	case i == 0:
		return action{verb: actPass, batch: single(m)}
	}
	return action{}
}

// end has a batch recorded as not tried any more. That the channel fails is
// told at once where a message is given up for it.
func end(b batch, t *Trial, outcome, detail string) action {
	return action{verb: actEnd, batch: b, failing: outcome == OutcomeFailed, result: Result{Outcome: outcome, Attempts: t.tries(), Detail: detail}}
}

// expire ends a message whose code has died. It failed if it was tried at all.
func expire(b batch, t *Trial) action {
	if t.tries() == 0 {
		return end(b, t, OutcomeDropped, ErrExpired.Error())
	}
	return end(b, t, OutcomeFailed, ErrExpired.Error())
}

func (s *planner) blocked(m Message) bool {
	return s.held[m.Account] || s.waiting[m.Account] && m.Login == nil
}

// route finds the channel that a batch can go through now.
func (s *planner) route(b batch) action {
	if s.over || slices.ContainsFunc(b.members, s.blocked) {
		return action{}
	}
	t := s.progress.trial(b.id)
	refused := t.refusedBy(s.own.name)
	until, failing := attempt.Later(s.own.rests, s.own.full), !s.own.failing.IsZero()
	others := s.candidates(b, t)
	switch {
	case !s.own.quiet.IsZero():
		return s.later(b, s.own.quiet, true)
	case !refused && until.IsZero():
		return s.send(b, s.own)
	case refused && (len(others) == 0 || !s.now.Before(t.Since.Add(giveUpAfter))):
		return end(b, t, OutcomeFailed, t.Reason)
	}
	if refused || failing && !s.own.rests.IsZero() {
		s.fails = cmp.Or(s.fails, &b)
	}
	switch {
	case refused:
		until = time.Time{}
	case len(s.others) == 0 || !failing || len(others) > 0 && !s.handsOver(b, t):
		// What will be handed over in a moment is not overtaken by what can be now.
		return s.later(b, until, true)
	}
	for _, other := range others {
		if !other.quiet.IsZero() || other.rests.IsZero() {
			// Where it does not fail it is only a matter of time.
			at := cmp.Or(other.quiet, other.full)
			if at.IsZero() {
				return s.send(b, other)
			}
			until = attempt.Earlier(until, at)
			break
		}
		until = attempt.Earlier(until, other.rests)
	}
	return s.later(b, until, false)
}

// handsOver reports whether another channel takes over a batch of a channel
// that fails.
func (s *planner) handsOver(b batch, t *Trial) bool {
	switch rests := s.own.rests; {
	case t != nil && t.Attempts >= handOverAfter:
		return true
	case rests.IsZero():
		return false
	default:
		return t == nil || t.Attempts == 0 || rests.Sub(s.now) > secondTryWithin || b.members[0].Expired(rests)
	}
}

// send tries a batch, unless it may be outdated: while others were sent a code
// may have been scanned, and the source would not give it out any more.
func (s *planner) send(b batch, via limit) action {
	if s.window.changed || s.window.sent && b.members[0].Login != nil {
		return action{verb: actRead}
	}
	return action{verb: actSend, batch: b, via: via.name}
}

// await has a batch wait.
func (s *planner) await(b batch, until time.Time) {
	s.wait.until = attempt.Earlier(s.wait.until, until)
	if s.wait.batch.id == "" {
		s.wait.batch = b
	}
}

// later has a batch wait for a channel. alone: nothing behind it could go
// another way.
func (s *planner) later(b batch, until time.Time, alone bool) action {
	s.await(b, until)
	s.over = alone || s.progress.farAhead()
	for _, m := range b.members {
		s.waiting[m.Account] = true
	}
	return action{}
}

// rest waits, and tells that failures have lasted for long where something
// waits for their end.
func (s *planner) rest() action {
	told := s.progress.Told
	switch {
	case s.fails == nil:
	case s.own.overdue(told, s.now):
		return action{verb: actTell, batch: *s.fails}
	case !s.own.failing.IsZero() && !told.Equal(s.own.failing):
		s.wait.until = attempt.Earlier(s.wait.until, s.own.failing.Add(failingAfter))
	}
	return s.wait
}
