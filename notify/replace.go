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
	Handle  Handle `json:"handle"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Account string `json:"account"`
	Thread  string `json:"thread,omitempty"`
	// At is when people last heard of it.
	At time.Time `json:"at"`
	// Over is true when its code no longer works and it is to be taken back;
	// Tries is how often that was tried.
	Over  bool `json:"over,omitempty"`
	Tries int  `json:"tries,omitempty"`
}

// outdate marks what is shown of an account as over, save one message, and
// reports whether there was any.
func (p *Progress) outdate(account string, save Handle) (found bool) {
	for i, s := range p.Shown {
		if s.Account == account && s.Handle != save && !s.Over {
			p.Shown[i].Over, found = true, true
		}
	}
	return found
}

func (p *Progress) forget(handle Handle) {
	p.Shown = slices.DeleteFunc(p.Shown, func(s Shown) bool { return s.Handle == handle })
}

// replaceable returns the message in whose place m can be put, if there is one.
func (c *cursor) replaceable(m Message, now time.Time) Shown {
	if _, ok := c.cfg.Channel.(Replacer); !ok || m.Login == nil || m.Thread == "" {
		return Shown{}
	}
	for _, s := range slices.Backward(c.progress.Shown) {
		// A clock that was set back yields a negative age, and a sound.
		if age := now.Sub(s.At); s.Account == m.Account && s.Thread == m.Thread && s.Type == m.Type && !s.Over &&
			age >= 0 && age < inPlaceFor {
			return s
		}
	}
	return Shown{}
}

// remember notes what people see now that m has arrived: its code, if it brings
// one, in place of all earlier ones of the account.
func (c *cursor) remember(m Message, handle Handle, earlier Shown) {
	if m.Type != typeCode {
		return
	}
	next := Shown{Handle: handle, Message: m.ID, Type: m.Type, Account: m.Account, Thread: m.Thread, At: wall()}
	if earlier.Handle != "" {
		next.At = earlier.At
		if handle == "" {
			next.Handle = earlier.Handle
		}
		c.progress.forget(earlier.Handle)
	}
	c.progress.outdate(m.Account, next.Handle)
	if next.Handle == "" {
		return
	}
	c.progress.forget(next.Handle)
	c.progress.Shown = append(c.progress.Shown, next)
	if extra := len(c.progress.Shown) - maxShown; extra > 0 {
		c.progress.Shown = slices.Delete(c.progress.Shown, 0, extra)
	}
}

// retract takes back what is over, each message once. What fails is tried again
// after the next delivery or start; it is not worth a schedule of its own.
func (c *cursor) retract(ctx context.Context) {
	over := slices.ContainsFunc(c.progress.Shown, func(s Shown) bool { return s.Over })
	if !over || wall().Before(c.progress.RetryAt) {
		return
	}
	for _, s := range slices.Clone(c.progress.Shown) {
		if !s.Over || ctx.Err() != nil {
			continue
		}
		err := c.sender.retract(ctx, s.Handle)
		if errors.Is(err, errCut) {
			break
		}
		i := slices.IndexFunc(c.progress.Shown, func(o Shown) bool { return o.Handle == s.Handle })
		c.progress.Shown[i].Tries++
		if err == nil || final(err) || c.progress.Shown[i].Tries >= retractTries {
			c.progress.forget(s.Handle)
		}
		if err != nil {
			c.log.Debug().Str("message", s.Message).Str("reason", harmless(err, Message{})).Msg("an outdated message stays")
			if !c.leaveAlone(err) {
				break
			}
		}
	}
	c.save(ctx)
}

// leaveAlone notes the time that a service asked to be left alone, and reports
// whether it may be asked at once.
func (c *cursor) leaveAlone(err error) bool {
	sendErr, ok := errors.AsType[*SendError](err)
	if !ok || sendErr.After <= 0 {
		return true
	}
	if at := wall().Add(min(sendErr.After, giveUpAfter)); at.After(c.progress.RetryAt) {
		c.progress.RetryAt = at
	}
	return false
}

// final reports whether an error makes no sense to try again.
func final(err error) bool {
	sendErr, ok := errors.AsType[*SendError](err)
	return ok && !sendErr.Retry && !errors.Is(err, ErrExpired)
}
