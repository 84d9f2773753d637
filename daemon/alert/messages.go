package alert

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/store"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/qr"
	"github.com/bilikeeper/bilikeeper/vault"
)

// messages is the journal as the notification channels see it: the events that
// people are told of, in their language. A code's URL is not in the journal,
// so it is taken from the account at the moment of sending; a code that is no
// longer the account's current one yields no message at all.
type messages struct{ keeper *keeper.Keeper }

// Changed implements notify.Source.
func (m messages) Changed() <-chan struct{} { return m.keeper.Store().Changed() }

// Pending implements notify.Source.
func (m messages) Pending(_ context.Context, after uint64, limit int) ([]notify.Message, uint64, error) {
	var list []notify.Message
	for len(list) < limit {
		events, err := m.keeper.Store().Events(after, 256)
		if errors.Is(err, &client.Problem{Type: client.ProblemFellOut}) {
			if after > m.keeper.Store().Newest() { // of a journal that was put back to an older copy
				after = max(m.keeper.Store().Oldest(), 1) - 1
				continue
			}
			// What waits for a channel is not dropped with the rest.
			events, err = m.keeper.Store().Rest(after, 256)
		}
		if err != nil || len(events) == 0 {
			return list, after, err
		}
		for _, e := range events {
			msg, ok, err := m.message(e)
			if err != nil {
				return list, after, err
			}
			after = e.ID
			if ok {
				if list = append(list, msg); len(list) == limit {
					break
				}
			}
		}
	}
	return list, after, nil
}

// incident is what the events that people are told of have in common.
type incident struct {
	client.LoginRef
	code                           int
	reason, detail, channel, by    string
	auto, early, revived           bool
	generation                     uint64
	days                           int
	expires, nextAttempt, promised time.Time
}

// incidentOf reads what an event carries; ok is false where people are told
// nothing of it.
func incidentOf(e client.Event) (i incident, ok bool) {
	if !slices.Contains(catalog.Types(), e.Type) {
		return i, false
	}
	data, err := e.Decode()
	if err != nil {
		return i, false
	}
	switch d := data.(type) {
	case client.LoginRequired:
		i = incident{detail: d.Detail, auto: d.Auto, early: d.Early, expires: d.ExpiresAt}
		i.Incident = d.Incident
	case client.LoginCode:
		i = incident{LoginRef: d.LoginRef, code: d.Code, expires: d.ExpiresAt}
	case client.LoginDone:
		i = incident{LoginRef: d.LoginRef, revived: d.Revived, generation: d.Generation}
	case client.LoginUndone:
		i = incident{LoginRef: d.LoginRef, reason: d.Reason, detail: d.Detail, nextAttempt: d.NextAttempt, by: d.By}
	case client.AccountAttention:
		i = incident{reason: d.Reason, detail: d.Detail, channel: d.Channel, expires: d.ExpiresAt, nextAttempt: d.NextAttempt, promised: d.Promised}
		i.Incident = d.Incident
		if d.Days != nil {
			i.days = *d.Days
		}
	}
	return i, true
}

// subject is what a link to the login page stands for.
func (i incident) subject() string { return cmp.Or(i.Incident, i.Login) }

// message turns an event into what people are told, or reports that there is
// nothing to tell.
func (m messages) message(e client.Event) (notify.Message, bool, error) {
	data, ok := incidentOf(e)
	if !ok {
		return notify.Message{}, false, nil
	}
	if data.Interactive && (e.Type == client.EventLoginCode || e.Type == client.EventLoginFailed && data.reason != client.ReasonWrongAccount) {
		// A person sits at this login and sees its codes and its end.
		return notify.Message{}, false, nil
	}
	msg := notify.Message{
		ID: m.id(e.ID), Type: e.Type, Time: e.Time, Account: e.Account,
		Thread: data.subject(), Position: e.ID,
	}
	// From the vault, where it changed together with the journal: what the
	// keeper shows may be a moment behind the event that is looked at here, and
	// a code that seems to be none is passed over for good.
	r, err := m.keeper.Store().Record(e.Account)
	if errors.Is(err, vault.ErrNotFound) {
		return notify.Message{}, false, nil
	}
	if err != nil {
		return notify.Message{}, false, err
	}
	msg.Site, msg.Mid, msg.Uname = string(r.Site), r.Mid, r.Uname
	if e.Type == client.EventLoginCode {
		if msg.Login = currentCode(r, data); msg.Login == nil {
			return notify.Message{}, false, nil
		}
	}
	d := m.describe(e, data, r)
	if msg.Login != nil {
		msg.Login.PageURL = d.Link
	}
	msg.NeedsLogin = r.Incident != nil && (e.Type == client.EventLoginRequired || e.Type == client.EventLoginFailed)
	msg.Title, msg.Text = m.keeper.Settings().Catalog.Write(d)
	switch {
	case data.reason == client.AttentionReminder:
		if r.Incident == nil || r.Incident.ID != data.Incident {
			return notify.Message{}, false, nil // the login came before the message
		}
		msg.For, msg.NeedsLogin = data.channel, true
	case e.Type == client.EventAccountAttention:
		msg.About = data.channel
	}
	msg.Group = catalog.About(d)
	msg.HoldUntil, msg.Gather = m.holdUntil(e, data), m.gather(e, data)
	if msg.NeedsLogin {
		msg.PageURL = d.Link
	}
	// Who cancelled a login knows.
	msg.Silent = e.Type == client.EventLoginFailed && data.reason == client.ReasonCancelled
	// When a code died is worth knowing until the next one is out.
	msg.Passing = e.Type == client.EventLoginFailed && data.reason == client.ReasonExpired
	return msg, true, nil
}

// describe is what there is to say of an event.
func (m messages) describe(e client.Event, data incident, r *store.Record) catalog.Data {
	d := catalog.Data{
		Type: e.Type, Account: e.Account, Who: r.Name, Uname: r.Uname, Site: string(r.Site), Mid: r.Mid,
		Reason: data.reason, Detail: data.detail, Next: data.nextAttempt, Ends: data.expires, Days: data.days,
		Link: m.keeper.Logins().Link(e.Account, data.subject(), e.Time), Channel: data.channel, Auto: data.auto, Early: data.early,
		Revived: data.revived, First: data.generation == 1, By: data.by, Promised: data.promised,
	}
	if r.Uname != "" {
		d.Who = r.Uname
	}
	if r.Login != nil {
		d.Until = r.Login.CodeExpires
	}
	return d
}

var errEventGone = errors.New("the event is gone")

// again is what there was to say of the event that became a message.
func (m messages) again(msg notify.Message) (catalog.Data, error) {
	events, err := m.keeper.Store().Rest(msg.Position-1, 1)
	if err != nil {
		return catalog.Data{}, err
	}
	if len(events) == 0 || events[0].ID != msg.Position {
		return catalog.Data{}, errEventGone
	}
	data, ok := incidentOf(events[0])
	if !ok {
		return catalog.Data{}, errEventGone
	}
	r, err := m.keeper.Store().Record(msg.Account)
	if err != nil {
		return catalog.Data{}, err
	}
	return m.describe(events[0], data, r), nil
}

// currentCode returns the code that an event announced if it can still be
// scanned: not replaced, not scanned yet, not expired.
func currentCode(r *store.Record, data incident) *notify.Login {
	l := r.Login
	if l == nil || l.ID != data.Login || l.Code != data.code || l.Phase != lifecycle.PhaseWaiting || r.Code.URL.IsZero() {
		return nil
	}
	png, err := qr.PNG(r.Code.URL.Reveal())
	if err != nil {
		png = nil // the URL alone still works
	}
	return &notify.Login{ID: l.ID, URL: r.Code.URL, AppURL: account.AppURL(r), PNG: png, ExpiresAt: l.CodeExpires}
}

// id names a message after its event, so that it is the same after a restart,
// and after the vault, so that two keepers that share a receiver do not clash.
func (m messages) id(event uint64) string {
	id := m.keeper.Store().Vault().Info().ID
	return "msg_" + id[:min(len(id), 12)] + "_" + strconv.FormatUint(event, 10)
}
