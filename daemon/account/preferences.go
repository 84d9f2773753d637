package account

import (
	"context"
	"fmt"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// Preferences keeps what people choose for an account, and takes it up.
type Preferences struct{ *Worker }

// Change keeps what change makes of the preferences, with all that comes of it, in one
// commit. It is on disk and in force when the call returns.
func (w Preferences) Change(ctx context.Context, change func(*store.Preferences)) error {
	return w.do(ctx, false, func(context.Context) error {
		next := new(store.Record)
		*next = *w.rec
		change(&next.Preferences)
		if next.Preferences.Equal(w.rec.Preferences) {
			return nil
		}
		p := w.policyFor(&next.Brief)
		var inputs []lifecycle.Input
		if next.Plan != p.Plan {
			inputs = append(inputs, lifecycle.Rescheduled{})
		}
		if p.Paused {
			inputs = append(inputs, lifecycle.Paused{})
		}
		var events []client.EventData
		for _, in := range inputs {
			after, more := previewOf(w.Worker, next, in)
			next, events = after, append(events, more...)
		}
		if err := w.commit(next, events); err != nil {
			return err
		}
		if p.Paused {
			w.leaveQueue()
		}
		return nil
	})
}

// Reconsider lets the account look anew at what the configuration says of it.
func (w Preferences) Reconsider() {
	w.later("the new settings were not taken up", func() error {
		p := w.policy()
		if w.rec.Plan != p.Plan {
			// When it was given the schedule is kept for all accounts in one place.
			next, _ := w.preview(lifecycle.Rescheduled{At: p.Replaced(w.rec.Plan)})
			w.adopt(next)
		}
		if !p.Paused {
			return nil
		}
		if err := w.apply(lifecycle.Paused{}, nil); err != nil {
			return err
		}
		w.leaveQueue()
		return nil
	})
}

// leaveQueue lets the others go on that wait for a code: an account that is left
// alone does not want one.
func (w Preferences) leaveQueue() {
	w.Logins.Leave(w.name)
	w.CallNext()
}

// Configured tells that the configuration file says something else, and wins.
func Configured(name, key string) error {
	return &client.Problem{
		Type: client.ProblemConfigured, Title: "the configuration says otherwise",
		Detail: fmt.Sprintf("the configuration file says what %s of account %s is, and it wins: [[account]] with name = %q", key, name, name),
		Hint:   "change " + key + " there and run bilikeeper reload, or take it out of there",
	}
}
