package notify

import (
	"fmt"
	"slices"
	"time"
)

const (
	// handOverAfter is how often a channel is tried before another takes over.
	handOverAfter = 2
	// patience is how long a message that failed once waits for the second try
	// without being handed over.
	patience = 2 * time.Second
)

// join resolves the channels that take over for c, in order. It is called once,
// when all channels are known.
func (p *Pipeline) join(c *cursor) error {
	c.find = p.find
	for at := c; at.cfg.Fallback != ""; {
		next := p.find(at.cfg.Fallback)
		switch {
		case next == nil:
			return fmt.Errorf("channel %q falls back on %q: %w", at.cfg.Name, at.cfg.Fallback, ErrNoChannel)
		case next == c:
			return fmt.Errorf("channel %q falls back on itself", c.cfg.Name)
		case slices.Contains(c.chain, next):
			return fmt.Errorf("the channels that %q falls back on run in a circle", c.cfg.Name)
		}
		c.chain = append(c.chain, next)
		at = next
	}
	return nil
}

// candidates are the channels that u can be handed over to. Where one of them
// gets the same message for itself, nobody has to take over any more.
func (c *cursor) candidates(u unit) []*cursor {
	t := c.progress.trial(u.id)
	var list []*cursor
	for _, other := range c.chain {
		if !slices.ContainsFunc(u.members, func(m Message) bool { return !other.wants(m) }) {
			break
		}
		about := func(m Message) bool { return m.About == other.cfg.Name }
		if !t.refusedBy(other) && !slices.ContainsFunc(u.members, about) {
			list = append(list, other)
		}
	}
	return list
}

// way is how a unit can go now, or when it is to be looked at again.
type way struct {
	via   *cursor // nil: it has to wait
	until time.Time
	// failing: it waits for a service that fails; alone: nothing behind it could
	// go another way.
	failing, alone bool
	// none: no channel will ever take it.
	none bool
}

func (c *cursor) way(u unit, now time.Time) way {
	if quiet := c.quiet(now); !quiet.IsZero() {
		return way{until: quiet, alone: true}
	}
	t := c.progress.trial(u.id)
	refused := t.refusedBy(c)
	rests := c.gate.rests(now)
	own := later(rests, c.gate.full(now))
	if !refused && own.IsZero() {
		return way{via: c}
	}
	w := way{failing: true}
	others := c.candidates(u)
	if !refused {
		failing := !c.gate.state().FailingSince.IsZero()
		w.until, w.failing = own, failing && !rests.IsZero()
		// What will be handed over in a moment is not overtaken by what can be now.
		w.alone = len(c.chain) == 0 || !failing || len(others) > 0 && !handsOver(u, t, rests, now)
		if w.alone {
			return w
		}
	}
	w.none = refused && (len(others) == 0 || !now.Before(t.Since.Add(giveUpAfter)))
	if w.none {
		return w
	}
	for _, other := range others {
		at, failing := other.ready(now)
		if at.IsZero() {
			w.via = other
			return w
		}
		w.until = earlier(w.until, at)
		if !failing { // it is only a matter of time
			break
		}
	}
	return w
}

// handsOver reports whether another channel takes over a unit of a channel that
// fails and is left alone until rests.
func handsOver(u unit, t *Trial, rests, now time.Time) bool {
	switch {
	case t != nil && t.Attempts >= handOverAfter:
		return true
	case rests.IsZero():
		return false
	}
	return t == nil || t.Attempts == 0 || rests.Sub(now) > patience || u.expired(rests)
}

// ready is when a channel may be used by another one, zero where that is now,
// and whether it is failing that keeps it from it.
func (c *cursor) ready(now time.Time) (at time.Time, failing bool) {
	if quiet := c.quiet(now); !quiet.IsZero() {
		return quiet, false
	}
	if rests := c.gate.rests(now); !rests.IsZero() {
		return rests, true
	}
	return c.gate.full(now), false
}

// quiet is when the quiet hours end, zero where none hold.
func (c *cursor) quiet(now time.Time) time.Time {
	if c.cfg.Quiet == nil {
		return time.Time{}
	}
	if until := c.cfg.Quiet(now); until.After(now) {
		return until
	}
	return time.Time{}
}
