package alert

import (
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/notify"
)

// ledger keeps how far each channel is, in the vault.
type ledger struct{ store *store.Store }

// Load implements notify.Ledger.
func (l ledger) Load(channel string) (notify.Progress, bool, error) {
	var p notify.Progress
	revision, err := l.store.Get(store.KindChannel, channel, &p)
	return p, revision != 0, err
}

// Save implements notify.Ledger.
func (l ledger) Save(channel string, p notify.Progress, results []notify.Result) error {
	var events []store.Event
	for _, r := range results {
		var data client.EventData = client.Delivery{
			Failed: r.Outcome == notify.OutcomeFailed, Channel: channel, Message: r.MessageID, Type: r.Type, Event: r.Position,
			Attempts: r.Attempts, Detail: r.Detail, TookMS: r.Took.Milliseconds(),
		}
		switch r.Outcome {
		case notify.OutcomeDropped:
			continue
		case notify.OutcomeFailing:
			data = client.AccountAttention{Reason: client.AttentionChannel, Channel: channel, Detail: r.Detail}
		}
		events = append(events, store.Event{Account: r.Account, Data: data})
	}
	return l.store.Put(store.KindChannel, channel, p, events)
}
