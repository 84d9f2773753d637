package notify

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// inPlaceFor is how long after it was heard a message is still changed in
	// place. A change makes no sound: later than that nobody looks any more, and
	// a code nobody hears of is as good as none.
	inPlaceFor = 10 * time.Minute
	// maxShown bounds what is remembered; each entry is one login's last code.
	maxShown = 32
	// retractTries is small: what is left behind is a picture that no longer
	// works, and says so.
	retractTries = 3
)

// Shown is a message with a code that people see. Its JSON is part of Progress.
type Shown struct {
	Handle Handle `json:"handle"`
	// Via names the channel that it went through, "" for the channel itself.
	Via     string `json:"via,omitempty"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Account string `json:"account"`
	Thread  string `json:"thread,omitempty"`
	// Position is the message's place in the source.
	Position uint64 `json:"position,omitempty"`
	// At is when people last heard of it.
	At time.Time `json:"at"`
	// Over is true when its code no longer works and it is to be taken back;
	// Tries is how often that was tried.
	Over  bool `json:"over,omitempty"`
	Tries int  `json:"tries,omitempty"`
}

// outdate marks what is shown of an account and older than a position as over,
// and reports whether there was any.
func (p *Progress) outdate(account string, position uint64) (found bool) {
	for i, s := range p.Shown {
		if s.Account == account && s.Position < position && !s.Over {
			p.Shown[i].Over, found = true, true
		}
	}
	return found
}

func (p *Progress) forget(s Shown) {
	p.Shown = slices.DeleteFunc(p.Shown, s.same)
}

// same reports whether two entries are one message at the service.
func (s Shown) same(o Shown) bool { return s.Handle == o.Handle && s.Via == o.Via }

// viaName is what Shown calls a channel.
func (c *cursor) viaName(via *cursor) string {
	if via == c {
		return ""
	}
	return via.cfg.Name
}

// replaceable returns the message in whose place m can be put, if there is one.
func (c *cursor) replaceable(m Message, via *cursor, now time.Time) Shown {
	if _, ok := via.cfg.Channel.(Replacer); !ok || m.Login == nil || m.Thread == "" {
		return Shown{}
	}
	for _, s := range slices.Backward(c.progress.Shown) {
		// A clock that was set back yields a negative age, and a sound.
		if age := now.Sub(s.At); s.Account == m.Account && s.Thread == m.Thread && s.Type == m.Type && !s.Over &&
			s.Via == c.viaName(via) && age >= 0 && age < inPlaceFor {
			return s
		}
	}
	return Shown{}
}

// remember notes what people see now that m has arrived: its code, if it brings
// one, in place of all earlier ones of the account.
func (c *cursor) remember(m Message, via *cursor, handle Handle, earlier Shown) {
	if m.Type != typeCode {
		return
	}
	next := Shown{
		Handle: handle, Via: c.viaName(via), Message: m.ID, Type: m.Type, Account: m.Account, Thread: m.Thread,
		Position: m.Position, At: wall(),
	}
	if earlier.Handle != "" {
		next.At = earlier.At
		if handle == "" {
			next.Handle = earlier.Handle
		}
		c.progress.forget(earlier)
	}
	c.progress.forget(next)
	c.progress.outdate(m.Account, m.Position)
	if next.Handle == "" {
		return
	}
	c.progress.Shown = append(c.progress.Shown, next)
	if extra := len(c.progress.Shown) - maxShown; extra > 0 {
		c.progress.Shown = slices.Delete(c.progress.Shown, 0, extra)
	}
}

// retract takes back what is over, each message once. What fails is tried again
// after the next delivery or start; it is not worth a schedule of its own.
func (c *cursor) retract(ctx context.Context) {
	touched := false
	left := map[*cursor]bool{}
	for _, s := range slices.Clone(c.progress.Shown) {
		if !s.Over || ctx.Err() != nil {
			continue
		}
		via := c
		if s.Via != "" {
			via = c.find(s.Via)
		}
		if via == nil { // no longer configured: nobody is left who could
			c.progress.forget(s)
			touched = true
			continue
		}
		if left[via] || !via.gate.rests(wall()).IsZero() {
			continue
		}
		err := via.sender.retract(ctx, s.Handle)
		if errors.Is(err, errCut) {
			break
		}
		touched = true
		i := slices.IndexFunc(c.progress.Shown, s.same)
		c.progress.Shown[i].Tries++
		if err == nil || final(err) || c.progress.Shown[i].Tries >= retractTries {
			c.progress.forget(s)
		}
		if err != nil {
			c.log.Debug().Str("message", s.Message).Str("reason", harmless(err, Message{})).Msg("an outdated message stays")
			left[via] = !via.leaveAlone(err)
		}
	}
	if touched {
		c.save(ctx)
	}
}

// leaveAlone notes the time that a service asked to be left alone, and reports
// whether it may be asked at once.
func (c *cursor) leaveAlone(err error) bool {
	sendErr, ok := errors.AsType[*SendError](err)
	if !ok || sendErr.After <= 0 {
		return true
	}
	c.gate.leave(wall().Add(min(sendErr.After, giveUpAfter)))
	return false
}

// final reports whether an error makes no sense to try again.
func final(err error) bool {
	sendErr, ok := errors.AsType[*SendError](err)
	return ok && !sendErr.Retry && !errors.Is(err, ErrExpired)
}
