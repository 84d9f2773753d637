package account

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/loginqueue"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
)

// Parts are what the workers of one keeper share.
type Parts struct {
	// Site is the way to the site that the configuration gives an account.
	Site  func(name string) *passport.Client
	Store *store.Store
	// Due wakes a worker when its account wants something.
	Due      *schedule.Queue
	Logins   *loginqueue.Queue
	Problems *Problems
	Log      zerolog.Logger
	// Work is the context of everything that talks to the site. It outlives the
	// keeper's own by a while, so that the answer to a request under way is not
	// thrown away.
	Work context.Context
	// Policy is what holds for an account now, Settings what the configuration
	// says of all.
	Policy func(r *store.Record) lifecycle.Policy
	// Unchanged counts the checks that changed nothing but their time.
	Unchanged atomic.Uint64
	Settings  func() Settings
	// Gone is called by a worker whose account was forgotten; Kept reports
	// whether the keeper still has it.
	Gone func(*Worker)
	Kept func(*Worker) bool
	// CallNext lets those come who wait for a code, since one may be out now.
	CallNext func()
}

// Settings are what the configuration says of the work for all accounts.
type Settings struct {
	RefreshesPerHour int
	// LegacySMS: the site's older pair of endpoints is used.
	LegacySMS bool
	// CaptchaScript is where the page gets the captcha's script.
	CaptchaScript string
}

// Worker does one thing at a time for one account, whether the schedule or a
// caller asked. Only its goroutine, in [Worker.Run], changes the record;
// everybody else reads what was committed last.
type Worker struct {
	*Parts
	state
	name  string
	log   zerolog.Logger
	tasks chan task
	wake  chan struct{}
	done  chan struct{}
	// insist says of the work under way that a person wants it now.
	insist bool
}

// task is something that a caller wants done while nothing else is.
type task struct {
	do     func(ctx context.Context) error
	insist bool
	done   chan error
}

// New returns the worker of a record. It does nothing before Run.
func New(p *Parts, r *store.Record) *Worker {
	w := &Worker{
		Parts: p, name: r.Name,
		log:   p.Log.With().Str("account", r.Name).Logger(),
		tasks: make(chan task),
		wake:  make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	w.state.rec = r
	w.shown.Store(r)
	return w
}

// Name is the account's name here.
func (w *Worker) Name() string { return w.name }

// Shown is the record as it was committed last. It never changes.
func (w *Worker) Shown() *store.Record { return w.shown.Load() }

// Changed returns a channel that is closed by the account's next change.
func (w *Worker) Changed() <-chan struct{} { return w.changed.Wait() }

// Run owns the account until ctx ends or the account is forgotten. What is
// under way then is finished: work is cut only by the end of Parts.Work.
func (w *Worker) Run(ctx context.Context) {
	defer close(w.done)
	w.arm()
	for !w.gone {
		select {
		case <-ctx.Done():
			return
		case t := <-w.tasks:
			w.insist = t.insist
			err := w.guard(w.Work, t.do)
			w.insist = false
			t.done <- err
		case <-w.wake:
			if err := w.guard(w.Work, w.step); err != nil {
				w.trouble(err)
			}
		}
		w.arm()
	}
	w.Due.Remove(w.name)
}

// Resume brings the account's plan up to the present after a restart. It comes
// before Run, in the same goroutine.
func (w *Worker) Resume(ctx context.Context) {
	err := w.guard(ctx, func(context.Context) error {
		next, events := w.preview(lifecycle.Started{})
		if w.policy().Paused {
			defer Preferences{w}.leaveQueue()
		}
		now := time.Now()
		if next.NextCheckAt.Equal(w.rec.NextCheckAt) && next.Plan == w.rec.Plan && len(events) == 0 && !w.rec.OffClock(now, w.policy()) {
			return nil
		}
		return w.commit(next, events)
	})
	if err != nil {
		w.trouble(err)
	}
}

// arm tells the schedule when the account wants to be woken next.
func (w *Worker) arm() {
	step := w.rec.Next(w.policy())
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

// Nudge is called by the schedule when the account is due.
func (w *Worker) Nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// site is who the work under way asks. What a person insists on is asked although
// the site wants to be left alone.
func (w *Worker) site() *passport.Client {
	site := w.Site(w.name)
	if w.insist {
		return site.Forced()
	}
	return site
}

// realm is the account's own of the two sites.
func (w *Worker) realm() passport.Realm { return w.site().Realm(w.rec.Site) }

// do runs fn as the account's owner and waits for it. When ctx ends first, fn
// still runs to its end: what the site answers to it must not be lost. insist says
// that a person wants it now.
func (w *Worker) do(ctx context.Context, insist bool, fn func(ctx context.Context) error) error {
	t := task{do: fn, insist: insist, done: make(chan error, 1)}
	select {
	case w.tasks <- t:
	case <-w.done:
		return w.left()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-t.done:
		return StorageProblem(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Await returns the record once it is settled, looking anew after each change.
func (w *Worker) Await(ctx context.Context, settled func(*store.Record) bool) (*store.Record, error) {
	for {
		changed := w.Changed()
		if r := w.Shown(); settled(r) {
			return r, nil
		}
		select {
		case <-changed:
		case <-w.done:
			return nil, w.left()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// left is what callers are told once the account has no owner any more: it was
// forgotten, or the keeper is stopping and the account is still there.
func (w *Worker) left() error {
	if w.Kept(w) {
		return Stopping()
	}
	return NoAccount(w.name, "")
}

// guard runs fn and turns a panic into an error, so that the account and the
// keeper go on.
func (w *Worker) guard(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error().Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Msg("a panic while working on the account")
			err = fmt.Errorf("internal error while working on account %s", w.name)
		}
	}()
	return fn(ctx)
}

// later runs fn as the account's owner, without waiting for it: an account that
// is busy does it when it is done.
func (w *Worker) later(what string, fn func() error) {
	go func() {
		err := w.do(w.Work, false, func(context.Context) error { return fn() })
		if err != nil && w.Work.Err() == nil {
			w.log.Warn().Err(err).Msg(what)
		}
	}()
}

// Come lets an account that waits for its code ask for it again.
func (w *Worker) Come() {
	w.later("the place in the login queue was not taken up", func() error {
		if w.rec.Incident == nil {
			return nil
		}
		return w.apply(lifecycle.PutOff{Until: time.Now(), InLine: w.rec.Incident.InLine}, nil)
	})
}

// step does what is due for the account, if it is due. A wake-up that comes
// too early (the clock went back, the plan changed) does nothing.
func (w *Worker) step(ctx context.Context) error {
	next := w.rec.Next(w.policy())
	if now := time.Now(); next.At.After(now) || w.notBefore.After(now) {
		return w.mendClock(now)
	}
	switch next.Action {
	case lifecycle.ActCheck:
		return Check{w}.check(ctx)
	case lifecycle.ActAskAgain:
		return Check{w}.askAgain(ctx)
	case lifecycle.ActCode:
		return Login{w}.nextCode(ctx)
	case lifecycle.ActPoll:
		return Login{w}.poll(ctx)
	case lifecycle.ActCollect:
		return Login{w}.collect(ctx)
	case lifecycle.ActProve:
		return Login{w}.prove(ctx)
	case lifecycle.ActGiveUp:
		return w.apply(lifecycle.GaveUp{}, nil)
	case lifecycle.ActRefresh:
		return Rotation{w}.refresh(ctx)
	case lifecycle.ActProveRefresh:
		return Rotation{w}.prove(ctx)
	case lifecycle.ActConfirm:
		return Rotation{w}.confirm(ctx)
	case lifecycle.ActWarn:
		return w.apply(lifecycle.ExpiryNear{}, nil)
	}
	return nil
}
