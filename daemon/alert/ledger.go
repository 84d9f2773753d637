package alert

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/notify"
)

// ledger keeps how far each channel is, in the vault.
type ledger struct {
	store *store.Store
	// waiting, where it is set, is told how far each channel is.
	waiting *waiting
}

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
	err := l.store.Put(store.KindChannel, channel, p, events)
	if err == nil && l.waiting != nil {
		l.waiting.reach(channel, p.Position)
	}
	return err
}

// waiting knows what the channels of a configuration have yet to deliver, those
// that are left out included.
type waiting struct {
	mu      sync.Mutex // guards reached
	reached map[string]uint64
}

// newWaiting starts from what the vault has. A channel that is new is told of what
// comes.
func newWaiting(s *store.Store, channels []config.Notify) (*waiting, error) {
	w := &waiting{reached: map[string]uint64{}}
	for _, c := range channels {
		p, known, err := ledger{store: s}.Load(c.Name)
		if err != nil {
			return nil, err
		}
		if w.reached[c.Name] = p.Position; !known {
			w.reached[c.Name] = s.Newest()
		}
	}
	return w, nil
}

// follow learns how far the channels are on the host that sends, until ctx ends: what
// they have delivered waits for nobody here either.
func (w *waiting) follow(ctx context.Context, k *keeper.Keeper) {
	changed := make(chan struct{}, 1)
	defer store.Others{Store: k.Store()}.Follow(store.KindChannel, func(string, uint64) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	for {
		if !k.Shared().Sending().Now() {
			for _, channel := range w.channels() {
				if p, known, err := (ledger{store: k.Store()}).Load(channel); err == nil && known {
					w.reach(channel, p.Position)
				}
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (w *waiting) channels() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.reached))
}

func (w *waiting) reach(channel string, position uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reached[channel] = max(w.reached[channel], position)
}

// waits reports whether an event is one that people are told of and that has yet
// to be delivered by some channel.
func (w *waiting) waits(_, eventType string, id uint64) bool {
	if !slices.Contains(catalog.Types(), eventType) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, position := range w.reached {
		if position < id {
			return true
		}
	}
	return false
}
