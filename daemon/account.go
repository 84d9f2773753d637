package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/vault"
)

// account is the owner of one account: a goroutine that does one thing at a
// time for it, whether the schedule or a caller asked. Only that goroutine
// changes rec; everybody else reads what was committed last.
type account struct {
	keeper *Keeper
	name   string
	log    zerolog.Logger
	tasks  chan task
	wake   chan struct{}
	done   chan struct{}

	shown   atomic.Pointer[record]
	changed broadcast

	// rec is the record as it is now: the committed one, apart from the time of
	// the next poll, which is not worth a write. troubles and notBefore hold the
	// account back after a failure of the keeper's own (a full disk, a panic).
	rec       *record
	troubles  int
	notBefore time.Time
	gone      bool
}

// task is something that a caller wants done while nothing else is.
type task struct {
	do   func(ctx context.Context) error
	ctx  context.Context
	done chan error
}

func newAccount(k *Keeper, r *record) *account {
	a := &account{
		keeper: k, name: r.Name, rec: r,
		log:   k.log.With().Str("account", r.Name).Logger(),
		tasks: make(chan task),
		wake:  make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	a.shown.Store(r)
	return a
}

// run owns the account until ctx ends or the account is forgotten. What is
// under way then is finished: work is cut only by the keeper's own patience.
func (a *account) run(ctx context.Context) {
	defer close(a.done)
	a.arm()
	for !a.gone {
		select {
		case <-ctx.Done():
			return
		case t := <-a.tasks:
			t.done <- a.guard(t.ctx, t.do)
		case <-a.wake:
			if err := a.guard(a.keeper.work, a.step); err != nil {
				a.trouble(err)
			}
		}
		a.arm()
	}
	a.keeper.queue.Remove(a.name)
}

// arm tells the schedule when the account wants to be woken next.
func (a *account) arm() {
	step := a.rec.Next(a.policy())
	if step.Action == lifecycle.ActNothing {
		a.keeper.queue.Remove(a.name)
		return
	}
	at := step.At
	if a.notBefore.After(at) {
		at = a.notBefore
	}
	a.keeper.queue.Set(a.name, at)
}

// nudge is called by the schedule when the account is due.
func (a *account) nudge() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// do runs fn as the account's owner and waits for it. When ctx ends first, fn
// still runs to its end: what the site answers to it must not be lost.
func (a *account) do(ctx context.Context, fn func(ctx context.Context) error) error {
	t := task{do: fn, ctx: a.keeper.workFor(ctx), done: make(chan error, 1)}
	select {
	case a.tasks <- t:
	case <-a.done:
		return a.left()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// left is what callers are told once the account has no owner any more: it was
// forgotten, or the keeper is stopping and the account is still there.
func (a *account) left() error {
	if a.keeper.find(a.name) == a {
		return stopping()
	}
	return noAccount(a.name)
}

// guard runs fn and turns a panic into an error, so that the account and the
// keeper go on.
func (a *account) guard(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			a.log.Error().Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Msg("a panic while working on the account")
			err = fmt.Errorf("internal error while working on account %s", a.name)
		}
	}()
	return fn(ctx)
}

// trouble holds the account back after a failure that is not the site's: a
// minute, doubling to a quarter of an hour, so that a full disk or a bug does
// not turn into requests.
func (a *account) trouble(err error) {
	a.troubles++
	wait := min(time.Minute<<min(a.troubles-1, 8), 15*time.Minute)
	a.notBefore = time.Now().Add(wait)
	a.log.Error().Err(err).Dur("retry_in", wait).Msg("could not go on with the account")
	a.keeper.problems.set("account "+a.name, err)
}

func (a *account) recovered() {
	if a.troubles > 0 {
		a.troubles, a.notBefore = 0, time.Time{}
		a.keeper.problems.clear("account " + a.name)
	}
}

// policy is what the configuration says about the account now. While others are
// in line, a code that nobody scanned is followed by one of theirs.
func (a *account) policy() lifecycle.Policy {
	p := a.keeper.policy(a.name)
	if l := a.rec.Login; holdsTurn(l) && a.keeper.turns.crowded(l.Started) {
		p.Codes = 1
	}
	return p
}

// apply feeds what happened to the account's life and commits what comes of
// it. change, if there is one, sets the secrets that go with the new state; it
// is given a copy.
func (a *account) apply(in lifecycle.Input, change func(r *record)) error {
	next, events := a.preview(in)
	if change != nil {
		change(next)
	}
	if _, polled := in.(lifecycle.Polled); polled && len(events) == 0 && next.Login.Phase == a.rec.Login.Phase {
		// Only the time of the next poll changed. A write for each poll would
		// wear out a disk and tell nobody anything.
		a.rec = next
		return nil
	}
	if err := a.commit(next, events); err != nil {
		return err
	}
	for _, e := range events {
		a.log.Info().Str("event", e.Type).Fields(e.Data).Msg("account")
	}
	return nil
}

func (a *account) preview(in lifecycle.Input) (*record, []lifecycle.Event) {
	next := *a.rec
	var events []lifecycle.Event
	next.Account, events = lifecycle.Apply(a.rec.Account, in, time.Now(), a.policy())
	if !next.Login.Active() || next.Login.Granted() {
		next.code, next.sms = passport.Code{}, message{}
	}
	if !next.Staged() && !next.Login.Granted() {
		next.staged = passport.Grant{}
	}
	if next.Confirm == nil {
		next.oldToken = secret.String{}
	}
	return &next, events
}

// commit writes the record and its events, and shows them to readers.
func (a *account) commit(next *record, events []lifecycle.Event) error {
	list := make([]happened, 0, len(events))
	for _, e := range events {
		list = append(list, happened{Type: e.Type, Account: a.name, Data: e.Data})
	}
	if err := a.keeper.store.saveRecord(next, list, func() { a.shown.Store(next) }); err != nil {
		return fmt.Errorf("save account %s: %w", a.name, err)
	}
	held := holdsTurn(a.rec.Login)
	a.rec = next
	a.recovered()
	a.changed.fire()
	a.keeper.turns.note(next)
	if held && !holdsTurn(next.Login) {
		a.keeper.callNext()
	}
	return nil
}

// commitForSure is commit for what the site gives only once. While the vault
// cannot be written it keeps the gift in memory and tries again, and does
// nothing else for the account meanwhile.
func (a *account) commitForSure(ctx context.Context, next *record, events []lifecycle.Event) error {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		err := a.commit(next, events)
		if err == nil || errors.Is(err, vault.ErrConflict) || errors.Is(err, vault.ErrClosed) || a.keeper.store.vault.Err() != nil {
			return err
		}
		a.log.Error().Err(err).Dur("retry_in", wait).Msg("what the site gave cannot be saved; keeping it in memory")
		a.keeper.problems.set("account "+a.name, err)
		a.troubles++
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// forget removes the account. Its goroutine ends.
func (a *account) forget(context.Context) error {
	err := a.keeper.store.deleteRecord(a.rec, []happened{{Type: client.EventAccountRemoved, Account: a.name, Data: map[string]any{}}})
	if err != nil {
		return fmt.Errorf("forget account %s: %w", a.name, err)
	}
	a.gone = true
	a.keeper.drop(a)
	a.keeper.turns.leave(a.name)
	a.keeper.callNext()
	a.changed.fire()
	return nil
}
