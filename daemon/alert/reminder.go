package alert

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// morning is when people want to hear again of what can wait until then: when the
// quiet hours end, or at eight.
func morning(q config.Quiet, now time.Time) time.Time {
	if end := q.NextEnd(now); !end.IsZero() {
		return end
	}
	return config.NextClock(now, 8*60)
}

// promise is a reminder that somebody in a channel's chat has asked for. It is about
// one incident: with the incident it ends.
type promise struct {
	Incident string    `json:"incident"`
	At       time.Time `json:"at"`
}

// promised are those of one channel by account, as the vault has them.
type promised struct {
	Accounts map[string]promise `json:"accounts"`
}

// reminders are what the chat of a channel has put off until the morning. Until then
// the channel has no codes for these accounts.
type reminders struct {
	keeper  *keeper.Keeper
	channel string
	changed chan struct{} // holds one where a reminder was added

	mu sync.Mutex // is held from the reading of the vault's record to its writing
}

func newReminders(k *keeper.Keeper, channel string) *reminders {
	return &reminders{keeper: k, channel: channel, changed: make(chan struct{}, 1)}
}

func (r *reminders) read() (p promised, err error) {
	_, err = r.keeper.Store().Get(store.KindReminder, r.channel, &p)
	return p, err
}

// add puts accounts off, each with its incident.
func (r *reminders) add(incidents map[string]string, at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.read()
	if err != nil {
		return err
	}
	if p.Accounts == nil {
		p.Accounts = map[string]promise{}
	}
	for name, incident := range incidents {
		p.Accounts[name] = promise{incident, at.UTC()}
	}
	if err := r.keeper.Store().Put(store.KindReminder, r.channel, p, nil); err != nil {
		return err
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return nil
}

// hushed are the incidents of which the channel brings no codes now.
func (r *reminders) hushed(now time.Time) map[string]string {
	p, err := r.read()
	if err != nil {
		return nil // a code too many is better than none
	}
	hushed := map[string]string{}
	for name, each := range p.Accounts {
		if each.At.After(now) {
			hushed[name] = each.Incident
		}
	}
	return hushed
}

// run keeps what was promised, until ctx ends.
func (r *reminders) run(ctx context.Context) {
	for ctx.Err() == nil {
		var next time.Time
		ok := attempt.Persist(ctx, *r.keeper.Log(), "the reminders cannot be kept", func() (err error) {
			next, err = r.keep(attempt.Wall())
			return err
		})
		if !ok {
			return
		}
		var due <-chan time.Time
		if !next.IsZero() {
			due = time.After(min(time.Until(next), attempt.Tick))
		}
		select {
		case <-due:
		case <-r.changed:
		case <-ctx.Done():
		}
	}
}

// keep makes the reminders that are due into events, and forgets them in the same
// transaction. It returns when the next one is due, zero for never.
func (r *reminders) keep(now time.Time) (next time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.read()
	if err != nil {
		return next, err
	}
	open := incidents(r.keeper)
	var events []store.Event
	kept := len(p.Accounts)
	for _, name := range slices.Sorted(maps.Keys(p.Accounts)) {
		switch each := p.Accounts[name]; {
		case open[name] != each.Incident:
			delete(p.Accounts, name)
		case each.At.After(now):
			next = attempt.Earlier(next, each.At)
		default:
			delete(p.Accounts, name)
			events = append(events, store.Event{Account: name, Data: client.AccountAttention{
				Reason: client.AttentionReminder, Channel: r.channel, Incident: each.Incident,
				Detail: "somebody in the chat of channel " + r.channel + " has asked to be reminded of the login",
			}})
		}
	}
	if len(p.Accounts) == kept {
		return next, nil
	}
	return next, r.keeper.Store().Put(store.KindReminder, r.channel, p, events)
}

// incidents are the open ones of all accounts: each wants a login.
func incidents(k *keeper.Keeper) map[string]string {
	open := map[string]string{}
	for _, each := range k.Records() {
		if each.Incident != nil {
			open[each.Name] = each.Incident.ID
		}
	}
	return open
}
