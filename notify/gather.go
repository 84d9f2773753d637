package notify

import (
	"context"
	"slices"
	"time"
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
	// maxGathered bounds what is remembered of groups, and of each.
	maxGathered = 64
)

// unit is what goes out at once: a message, or one that stands for several.
type unit struct {
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

func single(m Message) unit { return unit{id: m.ID, members: []Message{m}} }

// login is the code that the unit brings, if it does.
func (u unit) login() *Login { return u.members[0].Login }

func (u unit) expired(now time.Time) bool { return u.members[0].Expired(now) }

// Sending is the composition of a message that may have gone out. It is kept
// until that is known for sure: each try has the same id and says the same.
// Its JSON is part of Progress.
type Sending struct {
	ID string `json:"id"`
	// Positions are the members' places in the source.
	Positions []uint64 `json:"positions"`
}

// groups reports whether a message may be made into one with others. One with a
// code may not: a code is scanned alone. One that was tried as itself may not
// either: under its id there must be nothing else.
func (c *cursor) groups(m Message) bool {
	return c.cfg.Group != nil && m.Group != "" && m.Login == nil && c.progress.trial(m.ID) == nil
}

// gather collects what can go out with the first message of a group: the latest
// of each account, as long as nothing else of the account comes before it.
func (c *cursor) gather(group string, taken map[uint64]bool, now time.Time) unit {
	u := unit{group: group}
	of := map[string]int{} // the member of an account
	behind := map[string]bool{}
	for i, m := range c.window.msgs {
		switch at, found := of[m.Account]; {
		case !c.wants(m), m.Expired(now):
		case superseded(m, c.window.msgs[i+1:]):
			u.past = append(u.past, m)
		case taken[m.Position], behind[m.Account], m.Group != group, !c.groups(m):
			behind[m.Account] = true
		case found:
			u.older = append(u.older, u.members[at])
			u.members[at] = m
		default:
			of[m.Account] = len(u.members)
			u.members = append(u.members, m)
		}
	}
	slices.SortFunc(u.members, byPosition)
	if len(u.members) > 0 {
		u.id = u.members[0].ID
	}
	return u
}

// held is the time until which a unit waits for others of its group, and zero
// where it does not. The first return tells whether the source may end it.
func (c *cursor) held(group string, u unit, now time.Time) (released bool, until time.Time) {
	if c.crowded() {
		return false, time.Time{}
	}
	code, needed := c.codeBehind(u, now)
	// One that was overtaken counts, or an account that never rests would hold
	// the others for as long.
	began := u.members[0].Time
	for _, m := range slices.Concat(u.members, u.older) {
		began = earlier(began, m.Time)
	}
	if at := u.members[0].HoldUntil; !began.After(now) && at.After(now) {
		until = earlier(at, began.Add(holdMost))
		if code {
			until = earlier(until, needed)
		}
		released = true
	}
	gather, sent := u.members[0].Gather, within(c.progress.Gathered[group], now)
	if len(sent) > 0 && len(sent) >= gather.After && !code {
		until = later(until, sent[len(sent)-1].Add(gather.For))
	}
	if !until.After(now) {
		return false, time.Time{}
	}
	return released, until
}

// few reports whether the members are better told of one by one.
func (c *cursor) few(u unit) bool {
	if len(u.older) > 0 || len(u.past) > 0 {
		return false
	}
	g := u.members[0].Gather
	return len(u.members) < g.Least && len(within(c.progress.Gathered[u.group], wall())) < g.After
}

// crowded is true when what is held could keep later messages from being seen.
func (c *cursor) crowded() bool { return c.window.full() || c.farAhead() }

// farAhead is true when nothing more may overtake what waits: the places of what
// does are kept with each save.
func (c *cursor) farAhead() bool { return len(c.progress.Ahead) >= windowSize }

// codeBehind reports whether a code of one of the unit's accounts waits behind
// it, and the latest time by which the first of them has to come through.
func (c *cursor) codeBehind(u unit, now time.Time) (found bool, needed time.Time) {
	for i, m := range c.window.msgs {
		if m.Login == nil || !c.wants(m) || m.Expired(now) || superseded(m, c.window.msgs[i+1:]) {
			continue
		}
		if slices.ContainsFunc(u.members, func(o Message) bool { return o.Account == m.Account }) {
			found, needed = true, earlier(needed, m.Login.ExpiresAt.Add(-codeNeeds))
		}
	}
	return found, needed
}

// freeze puts the composition into the ledger, before anybody has seen it.
func (c *cursor) freeze(ctx context.Context, u *unit) bool {
	if u.group == "" {
		return true
	}
	sending := Sending{ID: u.id}
	for _, m := range u.members {
		sending.Positions = append(sending.Positions, m.Position)
	}
	c.progress.Sending = append(c.progress.Sending, sending)
	var dropped []Result
	for _, m := range u.older {
		dropped = append(dropped, c.result(m, Result{MessageID: m.ID, Outcome: OutcomeDropped, Detail: ErrSuperseded.Error()}))
		c.settle(m)
	}
	u.group, u.older = "", nil
	return c.save(ctx, dropped...)
}

// frozen returns the units whose composition is in the ledger. What yields no
// message any more, or has been overtaken, is left out of them.
func (c *cursor) frozen(now time.Time) []unit {
	var units []unit
	c.progress.Sending = slices.DeleteFunc(c.progress.Sending, func(s Sending) bool {
		u := unit{id: s.ID}
		unread := slices.ContainsFunc(s.Positions, func(at uint64) bool { return at > c.window.upto })
		for i, m := range c.window.msgs {
			if slices.Contains(s.Positions, m.Position) && c.wants(m) && m.Login == nil &&
				!superseded(m, c.window.msgs[i+1:]) {
				u.members = append(u.members, m)
			}
		}
		if len(u.members) > 0 && (len(u.members) == 1 || c.cfg.Group != nil) {
			units = append(units, u)
			return false
		}
		return !unread
	})
	return units
}

// write makes the message that goes out.
func (c *cursor) write(u unit) Message {
	first := u.members[0]
	if len(u.members) == 1 {
		first.ID = u.id
		return first
	}
	m := c.cfg.Group(slices.Clone(u.members))
	m.ID, m.Group, m.Position, m.Login = u.id, first.Group, first.Position, nil
	if m.Type == "" {
		m.Type = first.Type
	}
	if m.Time.IsZero() {
		m.Time = first.Time
	}
	if len(m.Members) == 0 {
		for _, o := range u.members {
			m.Members = append(m.Members, Member{Account: o.Account, Site: o.Site, Mid: o.Mid, Uname: o.Uname})
		}
	}
	return m
}

// gathered notes that a message of a group went out.
func (p *Progress) gathered(group string, now time.Time) {
	if p.Gathered == nil {
		p.Gathered = map[string][]time.Time{}
	}
	for name, sent := range p.Gathered {
		if p.Gathered[name] = within(sent, now); len(p.Gathered[name]) == 0 {
			delete(p.Gathered, name)
		}
	}
	if _, known := p.Gathered[group]; !known && len(p.Gathered) >= maxGathered {
		return
	}
	sent := append(p.Gathered[group], now)
	p.Gathered[group] = sent[max(0, len(sent)-maxGathered):]
}

// within are the times of messages that one at now would follow. What a clock
// that was set back makes of the future counts for nothing.
func within(sent []time.Time, now time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(sent), func(at time.Time) bool {
		return at.After(now) || now.Sub(at) >= following
	})
}

func byPosition(a, b Message) int {
	if a.Position < b.Position {
		return -1
	}
	return 1
}
