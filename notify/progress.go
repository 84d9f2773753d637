package notify

import (
	"cmp"
	"slices"
	"time"
)

const (
	// maxGathered bounds what is remembered of groups, and of each.
	maxGathered = 64
	// maxShown bounds what is remembered; each entry is one login's last code.
	maxShown = 32
	// inPlaceFor is how long after it was heard a message is still changed in
	// place. A change makes no sound: later than that nobody looks any more, and
	// a code nobody hears of is as good as none.
	inPlaceFor = 10 * time.Minute
)

// Progress is how far a channel is. Its JSON is what a ledger stores.
type Progress struct {
	// Position is the place in the source up to which all is dealt with.
	Position uint64 `json:"position"`
	// Ahead are the places after Position that are dealt with too: what was held
	// was overtaken by others.
	Ahead []uint64 `json:"ahead,omitempty"`
	// Trials are the messages that were tried and have not ended.
	Trials []Trial `json:"trials,omitempty"`
	// Sending are the messages whose composition must not change any more.
	Sending []Sending `json:"sending,omitempty"`
	// Gathered is when messages of a Group went out lately.
	Gathered map[string][]time.Time `json:"gathered,omitempty"`
	// Service is what is known of the channel's own service, Others of those
	// that take over for it.
	Service
	Others map[string]Service `json:"others,omitempty"`
	// Told is the beginning of the bout of failures that was told of last.
	Told time.Time `json:"told,omitzero"`
	// Shown are the messages with a code that people still see, oldest first,
	// where the channel can replace or retract them.
	Shown []Shown `json:"shown,omitempty"`
}

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

func (t *Trial) refusedBy(channel string) bool {
	return t != nil && slices.Contains(t.Refused, channel)
}

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

// begin returns the entry of a message that was just tried. A message that its
// source has withdrawn in the meantime leaves none behind.
func (p *Progress) begin(id string, w *window, now time.Time) *Trial {
	if t := p.trial(id); t != nil {
		return t
	}
	p.Trials = slices.DeleteFunc(p.Trials, func(t Trial) bool {
		return !slices.ContainsFunc(w.msgs, func(m Message) bool { return m.ID == t.ID }) &&
			!slices.ContainsFunc(p.Sending, func(s Sending) bool { return s.ID == t.ID })
	})
	p.Trials = append(p.Trials, Trial{ID: id, Since: now})
	return &p.Trials[len(p.Trials)-1]
}

// end removes what is known of a message that is not tried any more.
func (p *Progress) end(id string) {
	p.Trials = slices.DeleteFunc(p.Trials, func(t Trial) bool { return t.ID == id })
	p.Sending = slices.DeleteFunc(p.Sending, func(s Sending) bool { return s.ID == id })
}

// settle notes that a message is dealt with, and moves on as far as all is.
func (p *Progress) settle(m Message, w *window) {
	w.remove(m.Position)
	p.Ahead = append(p.Ahead, m.Position)
	slices.Sort(p.Ahead)
	reached := w.upto
	if len(w.msgs) > 0 {
		reached = 0
		for _, at := range p.Ahead {
			if at < w.msgs[0].Position {
				reached = at
			}
		}
	}
	p.advance(reached)
}

// advance moves on to a position, and forgets what lies before it.
func (p *Progress) advance(to uint64) {
	p.Position = max(p.Position, to)
	behind := func(at uint64) bool { return at <= p.Position }
	p.Ahead = slices.DeleteFunc(p.Ahead, behind)
	p.Sending = slices.DeleteFunc(p.Sending, func(s Sending) bool {
		return !slices.ContainsFunc(s.Positions, func(at uint64) bool { return !behind(at) })
	})
}

// farAhead is true when nothing more may overtake what waits: the places of what
// does are kept with each save.
func (p *Progress) farAhead() bool { return len(p.Ahead) >= windowSize }

// Sending is the composition of a message that may have gone out. It is kept
// until that is known for sure: each try has the same id and says the same.
// Its JSON is part of Progress.
type Sending struct {
	ID string `json:"id"`
	// Positions are the members' places in the source.
	Positions []uint64 `json:"positions"`
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

// before reports whether the code is outdated by a message of the account.
func (s Shown) before(account string, position uint64) bool {
	return s.Account == account && s.Position < position && !s.Over
}

// shows reports whether a code is shown that a message outdates.
func (p *Progress) shows(account string, position uint64) bool {
	return slices.ContainsFunc(p.Shown, func(s Shown) bool { return s.before(account, position) })
}

// outdate marks the codes as over that a message outdates.
func (p *Progress) outdate(account string, position uint64) {
	for i, s := range p.Shown {
		if s.before(account, position) {
			p.Shown[i].Over = true
		}
	}
}

func (p *Progress) forget(s Shown) {
	p.Shown = slices.DeleteFunc(p.Shown, s.same)
}

// same reports whether two entries are one message at the service.
func (s Shown) same(o Shown) bool { return s.Handle == o.Handle && s.Via == o.Via }

// replaceable returns the message in whose place m can be put on a channel that
// can do that, if there is one.
func (p *Progress) replaceable(m Message, via string, now time.Time) Shown {
	if m.Login == nil || m.Thread == "" {
		return Shown{}
	}
	for _, s := range slices.Backward(p.Shown) {
		// A clock that was set back yields a negative age, and a sound.
		if age := now.Sub(s.At); s.Account == m.Account && s.Thread == m.Thread && s.Type == m.Type && !s.Over &&
			s.Via == via && age >= 0 && age < inPlaceFor {
			return s
		}
	}
	return Shown{}
}

// remember notes what people see now that m has arrived: its code, if it brings
// one, in place of all earlier ones of the account.
func (p *Progress) remember(m Message, via string, handle Handle, earlier Shown, now time.Time) {
	if m.Type != typeCode {
		return
	}
	next := Shown{
		Handle: handle, Via: via, Message: m.ID, Type: m.Type, Account: m.Account, Thread: m.Thread, Position: m.Position, At: now,
	}
	if earlier.Handle != "" {
		next.At, next.Handle = earlier.At, cmp.Or(handle, earlier.Handle)
		p.forget(earlier)
	}
	p.forget(next)
	p.outdate(m.Account, m.Position)
	if next.Handle == "" {
		return
	}
	p.Shown = append(p.Shown, next)
	if extra := len(p.Shown) - maxShown; extra > 0 {
		p.Shown = slices.Delete(p.Shown, 0, extra)
	}
}
