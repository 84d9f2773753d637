package account

import (
	"context"
	"errors"
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
	"github.com/bilikeeper/bilikeeper/vault"
)

// Parts are what the workers of one keeper share.
type Parts struct {
	// Site is the way to the site that the configuration gives an account.
	Site  func(name string) *passport.Client
	Store *store.Store
	// Due wakes a worker when its account wants something.
	Due *schedule.Queue
	// Checks has those wait whose check is due and who go the same way to the site.
	Checks   func(name string) *CheckQueue
	Logins   *loginqueue.Queue
	Problems *Problems
	Log      zerolog.Logger
	// Work is the context of everything that talks to the site. It outlives the
	// keeper's own by a while, so that the answer to a request under way is not
	// thrown away.
	Work context.Context
	// Policy is what holds for an account now, Settings what the configuration
	// says of all.
	Policy func(r *store.Brief) lifecycle.Policy
	// Unchanged counts the checks that changed nothing but their time.
	Unchanged atomic.Uint64
	Settings  func() Settings
	// Gone is called by a worker whose account was forgotten; Kept reports
	// whether the keeper still has it.
	Gone func(*Worker)
	Kept func(*Worker) bool
	// CallNext lets those come who wait for a code, since one may be out now.
	CallNext func()
	// Own runs an account's work in a goroutine that does nothing else meanwhile; false
	// where none may begin any more.
	Own func(work func()) bool

	// Share is nil where no other host has the accounts too. Removed is called where
	// another host has forgotten an account.
	*Share
	Removed func(*Worker)
}

// Settings are what the configuration says of the work for all accounts.
type Settings struct {
	RefreshesPerHour int
	// Concurrency is the most requests under way over all accounts.
	Concurrency int
	// LegacySMS: the site's older pair of endpoints is used.
	LegacySMS bool
	// CaptchaScript is where the page gets the captcha's script.
	CaptchaScript string
}

// Worker does one thing at a time for one account, whether the schedule or a
// caller asked. Only who has its turn changes the record; everybody else reads what
// was committed last.
type Worker struct {
	*Parts
	shown
	state
	tasks
	name string
	// place is where it has a place among the checks under way, nil where it has none.
	place atomic.Pointer[CheckQueue]
	// insist says of the work under way that a person wants it now.
	insist bool
}

// New returns the worker of a record.
func New(p *Parts, r *store.Record) *Worker {
	w := &Worker{Parts: p, name: r.Name}
	w.shown.store(r)
	return w
}

// Unread returns the worker of a record that nobody has read yet. Read comes before
// anything else.
func Unread(p *Parts, name string) *Worker { return &Worker{Parts: p, name: name} }

// Name is the account's name here.
func (w *Worker) Name() string { return w.name }

// Changed returns a channel that is closed by the account's next change.
func (w *Worker) Changed() <-chan struct{} { return w.changed.Wait() }

// log is the keeper's log, for what is about this account.
func (w *Worker) log() *zerolog.Logger {
	l := w.Log.With().Str("account", w.name).Logger()
	return &l
}

// begin starts the goroutine that has the account until there is nothing to do.
func (w *Worker) begin() bool { return w.Own(w.work) }

// work does what is due and what callers want, until there is nothing more.
func (w *Worker) work() {
	e := w.shown.current.Load()
	var err error
	if w.rec, err = e.unpack(); err != nil {
		err = unreadable(w.name, err)
		w.trouble(err)
	}
	own := Ownership{w}
	for {
		due, one, ok := w.next(w.rest)
		switch {
		case !ok:
			leaveChecks(w)
			if w.Share != nil {
				own.letGo()
			}
			return
		case err != nil:
			if one != nil {
				one.done(err)
			}
			continue // it is left alone, and told of
		case due:
			if err := own.act(w.step); err != nil {
				own.setback(err)
			}
		default:
			w.insist = one.insist
			err := own.act(one.do)
			w.insist = false
			if err != nil && w.Share != nil && w.rec != nil && (errors.Is(err, vault.ErrConflict) || errors.Is(err, vault.ErrNotOwner)) {
				own.setback(err)
			}
			one.done(own.outcome(err))
		}
		Plan{w}.guarded(Plan{w}.arm)
		if due {
			leaveChecks(w)
		}
	}
}

// rest leaves the account alone: its secrets are packed.
func (w *Worker) rest() {
	if w.rec == nil || w.gone {
		return
	}
	p, err := w.rec.Pack()
	if err != nil { // it stays as it is
		w.log().Error().Err(err).Msg("an account at rest takes more memory than it should")
		return
	}
	w.shown.pack(p)
	w.rec = nil
}

// site is who the work under way asks. What a person insists on is asked although
// the site wants to be left alone.
func (w *Worker) site() *passport.Client {
	if w.insist {
		return wayOf(w).Forced()
	}
	return wayOf(w)
}

// wayOf is how the account's requests get to the site.
func wayOf(w *Worker) *passport.Client {
	site := w.Site(w.name)
	if w.Share != nil {
		site = site.Gated(Ownership{w}.mayAsk)
	}
	return site
}

// realm is the account's own of the two sites.
func (w *Worker) realm() passport.Realm { return w.site().Realm(w.rec.Site) }

// do runs fn as the account's owner and waits for it. When ctx ends first, fn
// still runs to its end once it has begun: what the site answers to it must not be
// lost. insist says that a person wants it now.
func (w *Worker) do(ctx context.Context, insist bool, fn func(ctx context.Context) error) error {
	done := make(chan error, 1)
	one := &task{do: fn, insist: insist, done: func(err error) { done <- err }}
	if !w.add(one, w.begin) {
		return w.left()
	}
	select {
	case err := <-done:
		if errors.Is(err, errOver) {
			return w.left()
		}
		return StorageProblem(err)
	case <-ctx.Done():
		w.withdraw(one)
		return ctx.Err()
	}
}

// Await returns the record once it is settled, looking anew after each change.
func (w *Worker) Await(ctx context.Context, settled func(*store.Brief) bool) (*store.Brief, error) {
	for {
		changed := w.Changed()
		if r := w.Shown(); settled(r) {
			return r, nil
		}
		select {
		case <-changed:
		case <-w.Ended():
			return nil, w.left()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// left is what callers are told once the account has no owner any more: it was
// forgotten, or the keeper is stopping and the account is still there.
func (w *Worker) left() error {
	switch {
	case w.Kept(w) && Ownership{w}.Away():
		return Elsewhere(w.name)
	case w.Kept(w):
		return Stopping()
	}
	return NoAccount(w.name, "")
}

// guard runs fn and turns a panic into an error, so that the account and the
// keeper go on.
func (w *Worker) guard(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log().Error().Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Msg("a panic while working on the account")
			err = ownFault("internal error while working on account " + w.name)
		}
	}()
	return fn(ctx)
}

// later runs fn as the account's owner, without waiting for it: an account that
// is busy does it when it is done.
func (w *Worker) later(what string, fn func() error) {
	one := &task{do: func(context.Context) error { return fn() }, done: func(err error) {
		if err != nil && !errors.Is(err, errOver) && w.Work.Err() == nil {
			w.log().Warn().Err(err).Msg(what)
		}
	}}
	w.add(one, w.begin)
}

// Come lets an account that waits for its code ask for it again.
func (w Login) Come() {
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
		return Plan{w}.mendClock(now)
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
