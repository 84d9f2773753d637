//go:build unix

package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// tolerable is how long after its end a code may be seen to come in: it was
// alive when it was sent, and this machine has other things to do, sometimes for longer
// than a program can foresee. A keeper that sends dead ones is later by far more, because
// it is off for longer at times.
func (d *deliveries) tolerable() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return 2*time.Second + 2*d.stall
}

// fact is an event with what this test wants to know of it.
type fact struct {
	client.Event
	Login       string    `json:"login"`
	Incident    string    `json:"incident"`
	Interactive bool      `json:"interactive"`
	Reason      string    `json:"reason"`
	ExpiresAt   time.Time `json:"expires_at"`
	// Of notify.* and of what tells of a channel.
	Channel  string `json:"channel"`
	Message  string `json:"message"`
	About    string `json:"type"`
	Position uint64 `json:"event"`
}

// journal is what the keeper says has happened.
type journal struct {
	facts []fact
	byID  map[uint64]fact
	// told says under which ids an event was delivered, by channel and event.
	told map[string]map[uint64][]string
	// gaveUp are the messages that a channel was not brought, by channel and
	// message.
	gaveUp map[string]map[string]fact
}

func readJournal(events []client.Event) *journal {
	j := &journal{byID: map[uint64]fact{}, told: map[string]map[uint64][]string{}, gaveUp: map[string]map[string]fact{}}
	for _, e := range events {
		f := fact{}
		_ = json.Unmarshal(e.Data, &f)
		f.Event = e
		j.facts = append(j.facts, f)
		j.byID[e.ID] = f
		switch e.Type {
		case client.EventNotifyDelivered:
			if j.told[f.Channel] == nil {
				j.told[f.Channel] = map[uint64][]string{}
			}
			j.told[f.Channel][f.Position] = append(j.told[f.Channel][f.Position], f.Message)
		case client.EventNotifyFailed:
			if j.gaveUp[f.Channel] == nil {
				j.gaveUp[f.Channel] = map[string]fact{}
			}
			j.gaveUp[f.Channel][f.Message] = f
		}
	}
	return j
}

// isFor reports whether an event is a message to a channel.
func (f fact) isFor(channel string) bool {
	switch f.Type {
	case client.EventLoginRequired, client.EventLoginSucceeded:
		return true
	case client.EventLoginCode:
		return !f.Interactive
	case client.EventLoginFailed:
		// Whoever sits at a login sees how it ends.
		return f.Reason == client.ReasonWrongAccount || !f.Interactive && f.Reason != client.ReasonCancelled
	case client.EventAccountAttention:
		return f.Channel != channel
	}
	return false
}

// passing reports whether a message is worth nothing once a later one is there.
func (f fact) passing() bool {
	return f.Type == client.EventLoginCode || f.Type == client.EventLoginFailed && f.Reason == client.ReasonExpired
}

// next is the event that made a code or the end of one pointless, if one did.
func (j *journal) next(f fact, channel string) (fact, bool) {
	for _, later := range j.facts {
		if later.ID <= f.ID || later.Account != f.Account || !strings.HasPrefix(later.Type, "login.") {
			continue
		}
		if f.Type == client.EventLoginCode && later.Type != client.EventLoginRequired || f.Type != client.EventLoginCode && later.Incident == f.Incident && later.isFor(channel) {
			return later, true
		}
	}
	return fact{}, false
}

// kind is what a message can have in common with those of other accounts, so
// that they go out as one; "" for one that cannot.
func (f fact) kind() string {
	switch {
	case f.Type == client.EventLoginRequired, f.Type == client.EventLoginSucceeded,
		f.Type == client.EventLoginFailed && f.Reason == client.ReasonExpired,
		f.Type == client.EventAccountAttention && f.Reason == "expires":
		return f.Type
	}
	return ""
}

// replaced reports whether people were told of a later event of the same kind in
// the place of this one. That is so where messages are gathered, and nothing
// else about the account lies between the two.
func (j *journal) replaced(f fact, channel string) bool {
	for _, later := range j.facts {
		switch told := len(j.told[channel][later.ID]) > 0; {
		case later.ID <= f.ID || later.Account != f.Account || !later.isFor(channel):
		case f.kind() != "" && later.kind() == f.kind():
			if told {
				return true
			}
		case later.Type == client.EventLoginCode: // it may have come before what was held
		case told || !later.passing():
			return false
		}
	}
	return false
}

// missing are the events that a channel has not been told of and has to be, as
// far as the keeper itself knows.
func (j *journal) missing(channel string) []fact {
	var list []fact
	for _, f := range j.facts {
		if !f.isFor(channel) || len(j.told[channel][f.ID]) > 0 {
			continue
		}
		if _, over := j.next(f, channel); f.passing() && over || j.replaced(f, channel) {
			continue
		}
		if f.Type == client.EventLoginCode && time.Now().After(f.ExpiresAt) {
			continue
		}
		list = append(list, f)
	}
	return list
}

// judge compares what came with what happened.
func (d *deliveries) judge() deliverySum {
	t := d.t
	t.Helper()
	r := d.cli("events", "--json")
	if r.code != 0 {
		t.Fatalf("events: exit code %d, %s", r.code, r.stderr)
	}
	j := readJournal(jsonLines[client.Event](t, r.stdout))
	if len(j.facts) == 0 || j.facts[0].ID != 1 {
		t.Fatal("the journal has lost its beginning")
	}
	own := deliverySum{kills: len(d.kills), perMoment: map[killMoment]int{}}
	for _, k := range d.kills {
		own.perMoment[k.moment]++
		if k.moment != killAnyTime {
			own.within++
		}
	}
	for _, o := range d.channels {
		v := &verdict{deliveries: d, office: o, journal: j, accepted: o.accepted(), sum: &own}
		v.arrivals()
		v.records()
		v.omissions()
		v.duplicates()
		v.order()
	}
	if own.duplicates > len(d.channels)*own.kills {
		t.Errorf("%d messages came again after %d kills", own.duplicates, own.kills)
	}
	return own
}

// verdict is the judgement about one channel.
type verdict struct {
	*deliveries
	office   *office
	journal  *journal
	accepted []parcel
	sum      *deliverySum
}

func (v *verdict) wrong(format string, args ...any) {
	v.t.Helper()
	v.t.Errorf("channel "+v.office.name+": "+format, args...)
}

// eventOf is the event that an id names.
func (v *verdict) eventOf(id string) (fact, bool) {
	n, err := strconv.ParseUint(id[strings.LastIndexByte(id, '_')+1:], 10, 64)
	f, ok := v.journal.byID[n]
	return f, err == nil && ok
}

// arrivals looks at each request by itself: it is about an event, and a code
// can be scanned.
func (v *verdict) arrivals() {
	contents := map[string]string{} // ids by their code
	tried := map[string]bool{}      // those of which a request has come before
	for _, p := range v.office.parcels() {
		v.sum.requests++
		if p.failed {
			v.sum.failures++
		}
		if p.killed != killNever {
			v.sum.cut++
		}
		again := tried[p.id]
		tried[p.id] = true
		if !p.read {
			continue
		}
		f, ok := v.eventOf(p.id)
		// A message for several that is tried again leaves out for whom it means
		// nothing any more.
		names := slices.Contains(p.names(), f.Account) || again && f.passing()
		if !ok || f.Type != p.Type || !names || !f.Time.Truncate(time.Second).Equal(p.Time) || !f.isFor(v.office.name) {
			v.wrong("message %s, %s of %v at %s, is not about the event that it names, %s of %s", p.id, p.Type, p.names(), p.Time, f.Type, f.Account)
			continue
		}
		l := p.Data.Login
		if (l != nil) != (p.Type == client.EventLoginCode) {
			v.wrong("message %s, %s: has a code %v", p.id, p.Type, l != nil)
		}
		if l == nil {
			continue
		}
		if other, ok := contents[l.URL]; ok && other != p.id {
			v.wrong("one code came as %s and as %s", other, p.id)
		}
		contents[l.URL] = p.id
		if l.ID != f.Login || !l.ExpiresAt.Equal(f.ExpiresAt.Truncate(time.Second)) {
			v.wrong("message %s: its code is not that of its event", p.id)
		}
		late := max(p.late, p.at.Sub(f.ExpiresAt), 0)
		v.sum.latest = max(v.sum.latest, late)
		// The site forgets a code at its end: one that it did not know any more may
		// have been on its way, one that it did not know before was never alive.
		if late > v.tolerable() || late == 0 && !p.known {
			v.wrong("message %s: the code came %s after its end (known to the site: %v)", p.id, late, p.known)
		}
	}
}

// records compares what the keeper has written down with what came.
func (v *verdict) records() {
	came := map[string]bool{}
	for _, p := range v.accepted {
		came[p.id] = true
	}
	tried := map[string]bool{}
	for _, p := range v.office.parcels() {
		tried[p.id] = true
	}
	recorded := map[string]bool{}
	for event, ids := range v.journal.told[v.office.name] {
		if len(ids) != 1 {
			v.wrong("event %d was delivered as %s", event, strings.Join(ids, " and as "))
		}
		for _, id := range ids {
			recorded[id] = true
			if !came[id] {
				v.wrong("message %s, about event %d, counts as delivered, and no 2xx was ever given for it", id, event)
			}
			v.covers(id, v.journal.byID[event])
		}
	}
	for id, f := range v.journal.gaveUp[v.office.name] {
		// A try ends with its code, wherever the request is then.
		code, _ := v.eventOf(id)
		cut := !f.Time.Before(code.ExpiresAt.Add(-v.tolerable()))
		if f.About != client.EventLoginCode || !tried[id] && !cut {
			v.wrong("message %s, %s, counts as failed (tried: %v), the code ended at %s", id, f.About, tried[id], code.ExpiresAt)
		}
		v.sum.gaveUp++
	}
	for id := range came {
		// What is worth nothing any more after a kill is not sent again.
		if f, ok := v.eventOf(id); ok && !recorded[id] && (!f.passing() || !v.killedAfter(id)) {
			v.wrong("message %s, %s of %s, was taken, and the keeper does not know of it", id, f.Type, f.Account)
		}
	}
	v.sum.messages += len(came)
	v.sum.accepted += len(v.accepted)
}

// covers checks that a message that stands for an event is about it.
func (v *verdict) covers(id string, f fact) {
	if named, ok := v.eventOf(id); ok && named.Type != f.Type {
		v.wrong("message %s about a %s is said to tell of a %s", id, named.Type, f.Type)
	}
	n := 0
	for _, p := range v.accepted {
		if p.id != id {
			continue
		}
		n = max(n, len(p.names()))
		if !slices.Contains(p.names(), f.Account) {
			v.wrong("message %s is said to tell of event %d, and is not about account %s", id, f.ID, f.Account)
		}
	}
	if n > 1 {
		v.sum.folded++
	}
}

// killedAfter reports whether a kill may have hidden the delivery of a message.
func (v *verdict) killedAfter(id string) bool {
	return slices.ContainsFunc(v.accepted, func(p parcel) bool {
		return p.id == id && slices.ContainsFunc(v.kills, func(k killed) bool { return k.at.After(p.at) })
	})
}

// omissions looks for events that people were not told of.
func (v *verdict) omissions() {
	for _, f := range v.journal.missing(v.office.name) {
		v.wrong("nobody was told of event %d, %s of %s, %s", f.ID, f.Type, f.Account, f.Data)
	}
	for _, f := range v.journal.facts {
		if !f.isFor(v.office.name) {
			continue
		}
		if f.Type == client.EventLoginCode {
			v.sum.codes++
		}
		if len(v.journal.told[v.office.name][f.ID]) > 0 {
			continue
		}
		if !f.passing() {
			if v.journal.replaced(f, v.office.name) {
				v.sum.replaced++
			}
			continue
		}
		next, over := v.journal.next(f, v.office.name)
		switch {
		case f.Type != client.EventLoginCode:
			v.sum.pointless++
			continue
		case !over || !next.Time.Before(f.ExpiresAt):
			v.sum.expired++
			next.Time = f.ExpiresAt
		default:
			v.sum.overtaken++
		}
		if !v.hindered(f.Time, next.Time) {
			v.wrong("the code of event %d, %s, was not delivered in the %s that it lived, and nothing was in its way", f.ID, f.Account, next.Time.Sub(f.Time))
		}
	}
}

// hindered reports whether something kept the channel from delivering a code in
// a time: a kill, a failure, the wait that follows one, or there was no time.
func (v *verdict) hindered(from, to time.Time) bool {
	const longestWait = 8 * time.Second
	if to.Sub(from) < v.tolerable()/2 {
		return true
	}
	in := func(at time.Time) bool { return at.After(from.Add(-longestWait)) && at.Before(to) }
	return slices.ContainsFunc(v.kills, func(k killed) bool { return in(k.at) }) ||
		slices.ContainsFunc(v.office.parcels(), func(p parcel) bool { return p.failed && in(p.at) })
}

// duplicates wants a kill for each message that came again, and each kill once.
func (v *verdict) duplicates() {
	last := map[string]parcel{}
	spent := map[int]bool{}
	for _, p := range v.accepted {
		before, again := last[p.id]
		last[p.id] = p
		if !again {
			continue
		}
		v.sum.duplicates++
		if before.Type != p.Type || before.Data.Account != p.Data.Account {
			v.wrong("message %s came as %s of %s and as %s of %s", p.id, before.Type, before.Data.Account, p.Type, p.Data.Account)
		}
		i := slices.IndexFunc(v.kills, func(k killed) bool { return k.at.After(before.at) && k.from.Before(p.at) })
		for i >= 0 && spent[i] {
			i++
			if i == len(v.kills) || !v.kills[i].from.Before(p.at) {
				i = -1
			}
		}
		if i < 0 {
			v.wrong("message %s, %s, was delivered again without a kill in between", p.id, p.Type)
			continue
		}
		spent[i] = true
	}
}

// order wants the messages about an account in the order of what happened, and
// no code after a newer one.
func (v *verdict) order() {
	newest, code := map[string]fact{}, map[string]fact{}
	came := map[string]bool{}
	for _, p := range v.office.parcels() {
		f, ok := v.eventOf(p.id)
		if !ok || !p.read {
			continue
		}
		if f.Type == client.EventLoginCode {
			if f.ID < code[f.Account].ID {
				v.wrong("the code of event %d came after that of event %d", f.ID, code[f.Account].ID)
			}
			code[f.Account] = f
		}
		if !p.accepted || came[p.id] {
			continue
		}
		came[p.id] = true
		for event, ids := range v.journal.told[v.office.name] {
			one := v.journal.byID[event]
			if !slices.Contains(ids, p.id) {
				continue
			}
			if before := newest[one.Account]; one.ID < before.ID {
				v.wrong("account %s: %s of event %d came after %s of event %d", one.Account, one.Type, one.ID, before.Type, before.ID)
			}
			newest[one.Account] = one
		}
	}
}

// deliverySum is what the keepers went through.
type deliverySum struct {
	kills, within, cut                      int
	requests, failures, accepted, messages  int
	duplicates, folded, pointless, replaced int
	codes, expired, overtaken, gaveUp       int
	latest                                  time.Duration
	perMoment                               map[killMoment]int
}

func (s *deliverySum) add(o deliverySum) {
	s.kills += o.kills
	s.within += o.within
	s.cut += o.cut
	s.requests += o.requests
	s.failures += o.failures
	s.accepted += o.accepted
	s.messages += o.messages
	s.duplicates += o.duplicates
	s.folded += o.folded
	s.pointless += o.pointless
	s.replaced += o.replaced
	s.codes += o.codes
	s.expired += o.expired
	s.overtaken += o.overtaken
	s.gaveUp += o.gaveUp
	s.latest = max(s.latest, o.latest)
	if s.perMoment == nil {
		s.perMoment = map[killMoment]int{}
	}
	for moment, n := range o.perMoment {
		s.perMoment[moment] += n
	}
}

func (s *deliverySum) String() string {
	return fmt.Sprintf("%d kills, %d of them during a delivery (%v)\n", s.kills, s.within, s.perMoment) +
		fmt.Sprintf("%d requests, %d failures answered, %d cut by a kill, %d deliveries of %d messages, %d duplicates, %d events folded into a message for several, %d replaced by a later one like them\n",
			s.requests, s.failures, s.cut, s.accepted, s.messages, s.duplicates, s.folded, s.replaced) +
		fmt.Sprintf("%d codes to push, of which %d expired and %d were overtaken before they could be delivered, %d tried in vain; %d failed logins that a later message made pointless\n",
			s.codes, s.expired, s.overtaken, s.gaveUp, s.pointless) +
		fmt.Sprintf("the code that came latest did so %s after its end", s.latest.Round(time.Millisecond))
}
