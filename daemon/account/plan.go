package account

import (
	"context"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// Plan is when something is to be done for an account.
type Plan struct{ *Worker }

// Resume brings the account's plan up to the present after a restart. It comes
// before anything else is done for the account. What is due already is done as soon as
// all are resumed, in the order of these calls: the times of polls are not on disk, so
// the longest due would be the same one after each crash.
func (w Plan) Resume() { w.guarded(w.bringUp) }

// guarded runs what tells the schedule when the account is due. Where that panics the
// account is looked at again after a while.
func (w Plan) guarded(fn func()) {
	if err := w.guard(w.Work, func(context.Context) error { fn(); return nil }); err != nil {
		w.trouble(err)
		w.Due.Set(w.name, w.notBefore)
	}
}

func (w Plan) bringUp() {
	r := w.Shown()
	p := w.policyFor(r)
	now := time.Now()
	next, events := lifecycle.Apply(r.Account, lifecycle.Started{}, now, p)
	if p.Paused || !next.NextCheckAt.Equal(r.NextCheckAt) || next.Plan != r.Plan || next.BlockedHost != r.BlockedHost || len(events) > 0 || r.OffClock(now, p) {
		w.later("the account's plan was not brought up to the present", w.resume)
		return
	}
	if step := r.Next(p); step.Action != lifecycle.ActNothing && !step.At.After(now) {
		w.Nudge()
		return
	}
	w.set(r, p)
}

func (w Plan) resume() error {
	next, events := w.preview(lifecycle.Started{})
	if w.policy().Paused {
		defer Preferences(w).leaveQueue()
	}
	if next.NextCheckAt.Equal(w.rec.NextCheckAt) && next.Plan == w.rec.Plan && next.BlockedHost == w.rec.BlockedHost && len(events) == 0 && !w.rec.OffClock(time.Now(), w.policy()) {
		return nil
	}
	return w.commit(next, events)
}

// arm tells the schedule when the account wants to be woken next.
func (w Plan) arm() {
	if w.gone {
		w.Due.Remove(w.name)
		return
	}
	w.set(&w.rec.Brief, w.policy())
	if w.Share != nil {
		Ownership(w).letGo()
	}
}

func (w Plan) set(r *store.Brief, p lifecycle.Policy) {
	step := r.Next(p)
	if step.Action == lifecycle.ActNothing {
		w.Due.Remove(w.name)
		return
	}
	at := step.At
	if w.notBefore.After(at) {
		at = w.notBefore
	}
	w.Due.Set(w.name, at)
}

// mendClock brings times that a wrong clock left far ahead back within bounds.
func (w Plan) mendClock(now time.Time) error {
	if w.notBefore.Sub(now) > mostTrouble {
		w.notBefore = now
	}
	if !w.rec.OffClock(now, w.policy()) {
		return nil
	}
	w.log().Warn().Msg("the clock was set; times that lay too far ahead are set anew")
	return w.apply(lifecycle.ClockSet{}, nil)
}
