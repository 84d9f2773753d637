package notify

import (
	"context"
	"time"
)

// deed is what a channel does next.
type deed func(ctx context.Context)

// scan is one look over the window, in order, for what can be done now.
type scan struct {
	c   *cursor
	now time.Time
	// taken are the places of messages that go out as part of a unit.
	taken map[uint64]bool
	// held are the accounts of messages that are gathered: nothing of theirs
	// comes before them. waiting are those of messages that no service takes at
	// the moment: their codes may come before them, or would die.
	held, waiting map[string]bool
	// until is the earliest time at which there may be something to do.
	until time.Time
	// released: the source may end the wait. over: nothing further can be done.
	released, over bool
	// hand is the first unit that waits for a service that fails, first any.
	hand, first *unit
}

// look returns what to do now, or nil where there is only to wait.
func (s *scan) look() deed {
	for _, u := range s.begun() {
		if do := s.consider(u); do != nil {
			return do
		}
	}
	for i, m := range s.c.window.msgs {
		if s.over {
			break
		}
		if do := s.at(i, m); do != nil {
			return do
		}
	}
	return s.overdue()
}

// begun lists what was begun and has to be brought to its end before others:
// compositions in the ledger, and messages that are being tried again.
func (s *scan) begun() []unit {
	c := s.c
	units := c.frozen(s.now)
	for _, u := range units {
		for _, m := range u.members {
			s.taken[m.Position] = true
		}
	}
	for i, m := range c.window.msgs {
		t := c.progress.trial(m.ID)
		if t == nil || t.Attempts == 0 || t.refusedBy(c) || s.taken[m.Position] || !c.wants(m) ||
			m.Expired(s.now) || superseded(m, c.window.msgs[i+1:]) {
			continue
		}
		s.taken[m.Position] = true
		units = append(units, single(m))
	}
	return units
}

// at looks at one message of the window.
func (s *scan) at(i int, m Message) deed {
	c := s.c
	switch {
	case s.taken[m.Position]:
		return nil
	case !c.wants(m):
		return s.unwanted(i, m)
	case superseded(m, c.window.msgs[i+1:]):
		return func(ctx context.Context) { c.drop(ctx, m, ErrSuperseded) }
	case m.Expired(s.now):
		return func(ctx context.Context) { c.expire(ctx, single(m)) }
	case s.blocked(m):
		return nil
	}
	u := single(m)
	if c.groups(m) {
		group := c.gather(m.Group, s.taken, s.now)
		if released, until := c.held(m.Group, group, s.now); !until.IsZero() {
			s.hold(group, released, until)
			return nil
		}
		if c.few(group) {
			s.taken[m.Position] = true
			return s.consider(u)
		}
		if len(group.past) > 0 {
			// Once what has overtaken it is gone, nobody would know that it was.
			return func(ctx context.Context) { c.drop(ctx, group.past[0], ErrSuperseded) }
		}
		u = group
	}
	for _, o := range u.members {
		s.taken[o.Position] = true
	}
	return s.consider(u)
}

// unwanted leaves out a message that the channel does not want. It may be the
// end of a code that the channel has shown all the same.
func (s *scan) unwanted(i int, m Message) deed {
	c := s.c
	if ends(m) && c.progress.outdate(m.Account, m.Position) {
		return func(ctx context.Context) {
			c.save(ctx)
			c.retract(ctx)
		}
	}
	if i > 0 {
		return nil
	}
	return func(context.Context) {
		c.settle(m)
		c.saveMoved()
	}
}

func (s *scan) blocked(m Message) bool {
	return s.held[m.Account] || s.waiting[m.Account] && m.Login == nil
}

func (s *scan) hold(u unit, released bool, until time.Time) {
	for _, m := range append(u.members, u.older...) {
		s.held[m.Account], s.taken[m.Position] = true, true
	}
	s.until, s.released = earlier(s.until, until), s.released || released
	if s.first == nil {
		s.first = &u
	}
}

// consider sends a unit if there is a way for it.
func (s *scan) consider(u unit) deed {
	c := s.c
	if s.over {
		return nil
	}
	for _, m := range u.members {
		if s.blocked(m) {
			return nil
		}
	}
	w := c.way(u, s.now)
	switch {
	case w.none:
		return func(ctx context.Context) { c.giveUp(ctx, u) }
	case w.via != nil:
		return func(ctx context.Context) { c.try(ctx, u, w.via) }
	}
	s.until, s.over = earlier(s.until, w.until), w.alone || c.farAhead()
	for _, m := range u.members {
		s.waiting[m.Account] = true
	}
	if s.first == nil {
		s.first = &u
	}
	if w.failing && s.hand == nil {
		s.hand = &u
	}
	return nil
}

// overdue tells that failures have lasted for long, while something waits for
// their end.
func (s *scan) overdue() deed {
	c := s.c
	if s.hand == nil {
		return nil
	}
	if c.overdue(s.now) {
		u := *s.hand
		return func(ctx context.Context) { c.save(ctx, c.tell(u, c.gate.state().LastError)...) }
	}
	if since := c.gate.state().FailingSince; !since.IsZero() && !c.progress.Told.Equal(since) {
		s.until = earlier(s.until, since.Add(failingAfter))
	}
	return nil
}
