package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

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
type messages struct{ keeper *Keeper }

// Changed implements notify.Source.
func (m messages) Changed() <-chan struct{} { return m.keeper.Changed() }

// Pending implements notify.Source.
func (m messages) Pending(_ context.Context, after uint64, limit int) ([]notify.Message, uint64, error) {
	var list []notify.Message
	for len(list) < limit {
		events, err := m.keeper.store.events(after, 256)
		if errors.Is(err, &client.Problem{Type: client.ProblemFellOut}) {
			m.keeper.log.Warn().Uint64("after", after).Msg("the journal dropped events before a channel had seen them")
			after = max(m.keeper.store.oldest(), 1) - 1
			continue
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

// told is what the events that people are told of carry.
type told struct {
	Login       string    `json:"login"`
	Incident    string    `json:"incident"`
	Interactive bool      `json:"interactive"`
	Auto        bool      `json:"auto"`
	Code        int       `json:"code"`
	Reason      string    `json:"reason"`
	Detail      string    `json:"detail"`
	Revived     bool      `json:"revived"`
	Generation  uint64    `json:"generation"`
	NextAttempt time.Time `json:"next_attempt"`
	Early       bool      `json:"early"`
	Days        int       `json:"days"`
	ExpiresAt   time.Time `json:"expires_at"`
	Channel     string    `json:"channel"`
}

// message turns an event into what people are told, or reports that there is
// nothing to tell.
func (m messages) message(e client.Event) (notify.Message, bool, error) {
	var data told
	if !isTold(e.Type) || json.Unmarshal(e.Data, &data) != nil {
		return notify.Message{}, false, nil
	}
	if data.Interactive && (e.Type == client.EventLoginCode || e.Type == client.EventLoginFailed && data.Reason != client.ReasonWrongAccount) {
		// A person sits at this login and sees its codes and its end.
		return notify.Message{}, false, nil
	}
	msg := notify.Message{
		ID: m.id(e.ID), Type: e.Type, Time: e.Time, Account: e.Account,
		Thread: data.Incident, Position: e.ID,
	}
	if msg.Thread == "" {
		msg.Thread = data.Login
	}
	// From the vault, where it changed together with the journal: what the
	// keeper shows may be a moment behind the event that is looked at here, and
	// a code that seems to be none is passed over for good.
	r, err := m.keeper.store.record(e.Account)
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
	msg.Title, msg.Text = m.keeper.words().Write(d)
	if e.Type == client.EventAccountAttention {
		msg.About = data.Channel
	}
	msg.Group = catalog.About(d)
	msg.HoldUntil, msg.Gather = m.keeper.holdUntil(e), m.keeper.gather(e)
	// Who cancelled a login knows.
	msg.Silent = e.Type == client.EventLoginFailed && data.Reason == client.ReasonCancelled
	// When a code died is worth knowing until the next one is out.
	msg.Passing = e.Type == client.EventLoginFailed && data.Reason == client.ReasonExpired
	return msg, true, nil
}

func isTold(kind string) bool { return slices.Contains(catalog.Types(), kind) }

// describe is what there is to say of an event.
func (m messages) describe(e client.Event, data told, r *record) catalog.Data {
	d := catalog.Data{
		Type: e.Type, Account: e.Account, Who: r.Name, Uname: r.Uname, Site: string(r.Site), Mid: r.Mid,
		Reason: data.Reason, Detail: data.Detail, Next: data.NextAttempt, Ends: data.ExpiresAt, Days: data.Days,
		Link: m.keeper.link(e.Account, data, e.Time), Channel: data.Channel, Auto: data.Auto, Early: data.Early,
		Revived: data.Revived, First: data.Generation == 1,
	}
	if r.Uname != "" {
		d.Who = r.Uname
	}
	if r.Login != nil {
		d.Until = r.Login.CodeExpires
	}
	return d
}

// again is what there was to say of the event that became a message.
func (m messages) again(msg notify.Message) (catalog.Data, error) {
	events, err := m.keeper.store.events(msg.Position-1, 1)
	if err != nil {
		return catalog.Data{}, err
	}
	var data told
	if len(events) == 0 || events[0].ID != msg.Position || json.Unmarshal(events[0].Data, &data) != nil {
		return catalog.Data{}, errors.New("the event is gone")
	}
	r, err := m.keeper.store.record(msg.Account)
	if err != nil {
		return catalog.Data{}, err
	}
	return m.describe(events[0], data, r), nil
}

// currentCode returns the code that an event announced if it can still be
// scanned: not replaced, not scanned yet, not expired.
func currentCode(r *record, data told) *notify.Login {
	l := r.Login
	if l == nil || l.ID != data.Login || l.Code != data.Code || l.Phase != lifecycle.PhaseWaiting || r.code.URL.IsZero() {
		return nil
	}
	png, err := qr.PNG(r.code.URL.Reveal())
	if err != nil {
		png = nil // the URL alone still works
	}
	return &notify.Login{ID: l.ID, URL: r.code.URL, PNG: png, ExpiresAt: l.CodeExpires}
}

// id names a message after its event, so that it is the same after a restart,
// and after the vault, so that two keepers that share a receiver do not clash.
func (m messages) id(event uint64) string {
	id := m.keeper.store.vault.Info().ID
	return "msg_" + id[:min(len(id), 12)] + "_" + strconv.FormatUint(event, 10)
}

// ledger keeps how far each channel is, in the vault.
type ledger struct{ keeper *Keeper }

// Load implements notify.Ledger.
func (l ledger) Load(channel string) (notify.Progress, bool, error) {
	var p notify.Progress
	revision, err := l.keeper.store.getJSON(kindChannel, channel, &p)
	return p, revision != 0, err
}

// Save implements notify.Ledger.
func (l ledger) Save(channel string, p notify.Progress, results []notify.Result) error {
	var events []happened
	for _, r := range results {
		kind := client.EventNotifyDelivered
		switch r.Outcome {
		case notify.OutcomeFailed:
			kind = client.EventNotifyFailed
		case notify.OutcomeDropped:
			continue
		case notify.OutcomeFailing:
			events = append(events, happened{Type: client.EventAccountAttention, Account: r.Account, Data: map[string]any{
				"reason": client.AttentionChannel, "channel": channel, "detail": r.Detail,
			}})
			continue
		}
		events = append(events, happened{Type: kind, Account: r.Account, Data: map[string]any{
			"channel": channel, "message": r.MessageID, "type": r.Type, "event": r.Position,
			"attempts": r.Attempts, "detail": r.Detail, "took_ms": r.Took.Milliseconds(),
		}})
	}
	return l.keeper.store.putJSON(kindChannel, channel, p, events)
}
