package notify

import (
	"context"
	"slices"
	"time"
)

// failingAfter is how long failures last before they are told of.
const failingAfter = 10 * time.Minute

// Trial is a message that was tried and did not arrive. Its JSON is part of
// Progress.
type Trial struct {
	ID string `json:"id"`
	// Attempts is how often the channel itself was tried, Handed how often those
	// that take over for it, Since when the first of these failed.
	Attempts int       `json:"attempts,omitempty"`
	Handed   int       `json:"handed,omitempty"`
	Since    time.Time `json:"since"`
	// Refused names the channels that will never take the message.
	Refused []string `json:"refused,omitempty"`
	// Reason is the text of the last failure.
	Reason string `json:"reason,omitempty"`
}

func (t *Trial) refusedBy(c *cursor) bool { return t != nil && slices.Contains(t.Refused, c.cfg.Name) }

// tries is how often the message was tried in any way.
func (t *Trial) tries() int {
	if t == nil {
		return 0
	}
	return t.Attempts + t.Handed
}

// trial returns the entry of a message, or nil.
func (p *Progress) trial(id string) *Trial {
	if i := slices.IndexFunc(p.Trials, func(t Trial) bool { return t.ID == id }); i >= 0 {
		return &p.Trials[i]
	}
	return nil
}

// tried returns the entry of a message that was just tried. A message that its
// source has withdrawn in the meantime leaves none behind.
func (c *cursor) tried(id string, now time.Time) *Trial {
	if t := c.progress.trial(id); t != nil {
		return t
	}
	c.progress.Trials = slices.DeleteFunc(c.progress.Trials, func(t Trial) bool {
		return !slices.ContainsFunc(c.window.msgs, func(m Message) bool { return m.ID == t.ID }) &&
			!slices.ContainsFunc(c.progress.Sending, func(s Sending) bool { return s.ID == t.ID })
	})
	c.progress.Trials = append(c.progress.Trials, Trial{ID: id, Since: now})
	return &c.progress.Trials[len(c.progress.Trials)-1]
}

// fail records a try that did not arrive, and gives up where no other follows.
func (c *cursor) fail(ctx context.Context, u unit, m Message, via *cursor, err error, took time.Duration) {
	now, text := wall(), harmless(err, m)
	t := c.tried(u.id, now)
	n, row := &t.Attempts, t.Attempts+1
	if via != c {
		n = &t.Handed
	}
	before := via.gate.state()
	if via != c || len(c.chain) > 0 {
		// With another channel at hand a message is seldom tried twice here, and
		// the wait would never grow.
		row = before.Failures + 1
	}
	*n++
	v := judge(m, err, *n, row, t.Since, now, c.draw())
	via.gate.failed(now, v.retryAt, text)
	t.Reason = text
	if v.refused {
		t.Refused = append(t.Refused, via.cfg.Name)
	}
	end := v.late || v.givesUp() && len(c.candidates(u)) == 0 && (via == c || t.refusedBy(c))
	line := c.log.Warn()
	if text == before.LastError && !v.givesUp() {
		line = c.log.Debug() // said before; a service that is down for a day is one line
	}
	if !v.givesUp() {
		line.Time("retry_at", v.retryAt)
	}
	if via != c {
		line.Str("through", via.cfg.Name)
	}
	line.Str("message", u.id).Str("type", m.Type).Int("attempt", *n).Bool("given_up", end).
		Str("reason", text).Msg("message not delivered")

	var told []Result
	if via == c && v.givesUp() || c.overdue(now) {
		told = c.tell(u, c.gate.state().LastError)
	}
	if end {
		c.finish(ctx, u, Result{Outcome: OutcomeFailed, Attempts: t.tries(), Detail: text, Took: took}, told...)
		return
	}
	c.save(ctx, told...)
	c.window.reset(c.progress.Position)
}

// tell returns, once a bout of failures, what there is to tell of it.
func (c *cursor) tell(u unit, reason string) []Result {
	since := c.gate.state().FailingSince
	if since.IsZero() || c.progress.Told.Equal(since) {
		return nil
	}
	c.progress.Told = since
	m := u.members[0]
	return []Result{{
		MessageID: u.id, Type: m.Type, Account: m.Account, Position: m.Position,
		Outcome: OutcomeFailing, Attempts: c.progress.trial(u.id).tries(), Detail: reason,
	}}
}

// overdue reports whether failures have lasted for so long that they are told.
func (c *cursor) overdue(now time.Time) bool {
	since := c.gate.state().FailingSince
	return !since.IsZero() && !c.progress.Told.Equal(since) && !now.Before(since.Add(failingAfter))
}
