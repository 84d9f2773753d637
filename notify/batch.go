package notify

import (
	"cmp"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

const (
	// following is the time within which messages of a Group follow each other.
	following = time.Hour
	// holdMost is the longest that a message is held for others that are likely
	// to follow, whatever its source says.
	holdMost = 30 * time.Second
	// codeNeeds is what is left to a code of the same account, at the least, when
	// a message that it follows is held.
	codeNeeds = time.Minute
)

// batch is what goes out at once: a message, or one that stands for several.
type batch struct {
	id      string
	members []Message
	// older are messages of the members' accounts that the members take the
	// place of.
	older []Message
	// past are messages of theirs that have been overtaken.
	past []Message
	// group is set where the composition is not in the ledger yet, and has to be
	// before the first try.
	group string
}

func single(m Message) batch { return batch{id: m.ID, members: []Message{m}} }

// composed is the batch whose composition is in the ledger. What yields no
// message any more, or has been overtaken, is left out of it.
func (l limits) composed(w *window, s Sending) batch {
	b := batch{id: s.ID}
	for i, m := range w.msgs {
		if slices.Contains(s.Positions, m.Position) && l.own.wants(m) && m.Login == nil && !superseded(m, w.msgs[i+1:]) {
			b.members = append(b.members, m)
		}
	}
	return b
}

// sendable reports whether the channel can write a composed batch.
func (l limits) sendable(b batch) bool {
	return len(b.members) == 1 || len(b.members) > 1 && l.groups
}

// mayGroup reports whether a message may be made into one with others. One with
// a code may not: a code is scanned alone. One that was tried as itself may not
// either: under its id there must be nothing else.
func (s *planner) mayGroup(m Message) bool {
	return s.groups && m.Group != "" && m.Login == nil && s.progress.trial(m.ID) == nil
}

// gather collects what can go out with the first message of a group: the latest
// of each account, as long as nothing else of the account comes before it.
func (s *planner) gather(group string) batch {
	b := batch{group: group}
	of := map[string]int{} // the member of an account
	behind := map[string]bool{}
	for i, m := range s.window.msgs {
		switch at, found := of[m.Account]; {
		case !s.own.wants(m), m.Expired(s.now):
		case superseded(m, s.window.msgs[i+1:]):
			b.past = append(b.past, m)
		case s.taken[m.Position], behind[m.Account], m.Group != group, !s.mayGroup(m):
			behind[m.Account] = true
		case found:
			b.older = append(b.older, b.members[at])
			b.members[at] = m
		default:
			of[m.Account] = len(b.members)
			b.members = append(b.members, m)
		}
	}
	slices.SortFunc(b.members, func(a, b Message) int { return cmp.Compare(a.Position, b.Position) })
	b.id = b.members[0].ID
	return b
}

// gathers has a batch wait where others of its group are waited for.
func (s *planner) gathers(b batch) bool {
	if s.window.full() || s.progress.farAhead() {
		return false // later messages could not be seen
	}
	var until, again time.Time
	code, needed := s.codeBehind(b)
	// One that was overtaken counts, or an account that never rests would hold
	// the others for as long.
	began := b.members[0].Time
	for _, m := range slices.Concat(b.members, b.older) {
		began = attempt.Earlier(began, m.Time)
	}
	if at := b.members[0].HoldUntil; !began.After(s.now) && at.After(s.now) {
		until = attempt.Earlier(at, began.Add(holdMost))
		if code {
			until = attempt.Earlier(until, needed)
		}
		if s.window.changed { // the source may have ended the wait
			again = s.window.began.Add(refreshEvery)
		}
	}
	gather, sent := b.members[0].Gather, within(s.progress.Gathered[b.group], s.now)
	if len(sent) > 0 && len(sent) >= gather.After && !code {
		until = attempt.Later(until, sent[len(sent)-1].Add(gather.For))
	}
	if !until.After(s.now) {
		return false
	}
	for _, m := range slices.Concat(b.members, b.older) {
		s.held[m.Account], s.taken[m.Position] = true, true
	}
	s.wait.again = cmp.Or(s.wait.again, again)
	s.await(b, until)
	return true
}

// few reports whether the members are better told of one by one.
func (s *planner) few(b batch) bool {
	if len(b.older) > 0 || len(b.past) > 0 {
		return false
	}
	g := b.members[0].Gather
	return len(b.members) < g.Least && len(within(s.progress.Gathered[b.group], s.now)) < g.After
}

// codeBehind reports whether a code of one of the batch's accounts waits behind
// it, and the latest time by which the first of them has to come through.
func (s *planner) codeBehind(b batch) (found bool, needed time.Time) {
	for i, m := range s.window.msgs {
		if m.Login == nil || !s.own.wants(m) || m.Expired(s.now) || superseded(m, s.window.msgs[i+1:]) {
			continue
		}
		if slices.ContainsFunc(b.members, func(o Message) bool { return o.Account == m.Account }) {
			found, needed = true, attempt.Earlier(needed, m.Login.ExpiresAt.Add(-codeNeeds))
		}
	}
	return found, needed
}

// write makes the message that goes out. group writes one for several.
func (b batch) write(group func([]Message) Message) Message {
	first := b.members[0]
	if len(b.members) == 1 {
		first.ID = b.id
		return first
	}
	m := group(slices.Clone(b.members))
	m.ID, m.Group, m.Position, m.Login = b.id, first.Group, first.Position, nil
	m.Type = cmp.Or(m.Type, first.Type)
	if m.Time.IsZero() {
		m.Time = first.Time
	}
	if len(m.Members) == 0 {
		for _, o := range b.members {
			m.Members = append(m.Members, Member{Account: o.Account, Site: o.Site, Mid: o.Mid, Uname: o.Uname})
		}
	}
	return m
}

// within are the times of messages that one at now would follow. What a clock
// that was set back makes of the future counts for nothing.
func within(sent []time.Time, now time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(sent), func(at time.Time) bool {
		return at.After(now) || now.Sub(at) >= following
	})
}
