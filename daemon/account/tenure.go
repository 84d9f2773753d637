package account

import (
	"context"
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Where several hosts share the accounts, one of them at a time looks after each: it
// alone asks the site about it and writes its record. The others show what it commits.

// Ownership is whether this host looks after the account, as far as that can change.
type Ownership struct{ *Worker }

// Share is what the workers of a keeper share with those of others.
type Share struct {
	// LeaseLeft is for how long this host may go on with what it looks after, should it
	// not hear from the others. Nothing is asked with less than Needed left.
	LeaseLeft func() time.Duration
	Needed    time.Duration
	// Unwritten keeps what the site gave and could not be written.
	Unwritten *Unwritten
}

const (
	// replyGrace is how long the answer to a request that spends something is waited
	// for once the account is another host's: it was sent, and comes once.
	replyGrace = 3 * time.Second
	// unsettled is how long an account is left alone that may be about to go.
	unsettled = time.Second
)

var errLease = errors.New("what is left of this host's lease is too short")

// tenure is whether this host looks after the account. The mutex of tasks guards all of
// it but term, which is of who has the account.
type tenure struct {
	// away is true while another host looks after it: nobody here gets it.
	away bool
	// terms counts how often that changed. term is what it was when the turn under way
	// began, takenUp when the record was last read.
	terms, term, takenUp uint64
	// cut ends the turn under way.
	cut context.CancelFunc
}

// Elsewhere is where the worker of a keeper that shares its accounts begins: it waits
// for Gain.
func (w Ownership) Elsewhere() *Worker {
	w.away = true
	return w.Worker
}

// Gain has this host look after the account from now on. Its record is read anew, and it
// goes on as after a restart.
func (w Ownership) Gain() {
	t := &w.tasks
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || !t.away || !t.owned && !w.begin() {
		return
	}
	t.away, t.owned, t.due = false, true, true
	t.terms++
}

// Lose abandons the account, which another host may look after from now on: what is
// under way is cut, and nothing is written any more.
func (w Ownership) Lose() {
	w.mu.Lock()
	w.leave()
	w.mu.Unlock()
	w.letGo()
}

// leave is for who holds mu.
func (t *tasks) leave() bool {
	if t.away {
		return false
	}
	t.away, t.due = true, false
	t.terms++
	if t.cut != nil {
		t.cut()
	}
	return true
}

// Yield abandons the account if nothing is under way for it, and reports whether it
// did.
func (w Ownership) Yield() bool {
	w.mu.Lock()
	r := w.Shown()
	busy := !w.away && (w.owned || w.due || r.Login.Active() || r.Staged() || r.Confirm != nil || r.Doubted())
	left := !busy && w.leave()
	w.mu.Unlock()
	if left {
		w.letGo()
	}
	return !busy
}

// letGo takes the account out of what is planned, where it is another host's.
func (w Ownership) letGo() {
	w.mu.Lock()
	away := w.away
	if away { // and nobody has it again before it is out
		w.Due.Remove(w.name)
		w.Logins.Leave(w.name)
		w.Problems.Clear("account " + w.name) // it is the other's, if it lasts
	}
	w.mu.Unlock()
	if away {
		w.CallNext()
	}
}

// Away reports whether another host looks after the account.
func (w Ownership) Away() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.away
}

// mine reports whether the turn under way still counts.
func (t *tasks) mine() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.away && t.term == t.terms
}

// turn is the context of a turn that begins; it ends when the account is taken away.
func (w Ownership) turn() (context.Context, context.CancelFunc) {
	if w.Share == nil {
		return w.Work, func() {}
	}
	ctx, cancel := context.WithCancel(w.Work)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cancel
	if w.away || w.term != w.terms {
		cancel()
	}
	return ctx, cancel
}

// lasting is the context of a request that spends something. It outlives the turn by a
// little, so that an answer that comes in that moment is not thrown away.
func (w Ownership) lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	if w.Share == nil {
		return ctx, func() {}
	}
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		over := time.NewTimer(replyGrace)
		defer over.Stop()
		select {
		case <-over.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// mayAsk says why a request about the account must not leave.
func (w Ownership) mayAsk() error {
	switch {
	case !w.mine():
		return vault.ErrNotOwner
	case w.LeaseLeft() < w.Needed:
		return errLease
	}
	return nil
}

// act does something in a turn of its own.
func (w Ownership) act(do func(ctx context.Context) error) error {
	ctx, end := w.turn()
	defer end()
	if w.term != w.takenUp {
		if err := w.guard(ctx, w.cameBack); err != nil {
			return notBegun{err}
		}
		if w.gone {
			return errOver
		}
	}
	if w.Share != nil {
		if err := w.mayAsk(); err != nil {
			return notBegun{err}
		}
	}
	return w.guard(ctx, do)
}

// cameBack takes the record up where this host has come to look after the account since
// it was read last.
func (w Ownership) cameBack(ctx context.Context) error {
	if w.term == w.takenUp {
		return nil
	}
	if err := w.reread(); err != nil || w.gone {
		return err
	}
	w.takenUp = w.term
	w.recovered()
	w.Logins.Note(w.rec.Account)
	if err := w.writeUnwritten(); err != nil {
		return err
	}
	return Plan(w).resume()
}

// reread goes on with the record as it was committed last.
func (w Ownership) reread() error {
	r, err := w.Store.Record(w.name)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		w.gone = true
		w.Vanish()
		return nil
	case err != nil:
		return err
	}
	w.rec = r
	w.shown.store(r)
	w.changed.Fire()
	return nil
}

// Vanish ends the worker of an account that another host has removed.
func (w Ownership) Vanish() {
	w.Retire()
	w.dropUnwritten()
	w.Removed(w.Worker)
	w.Due.Remove(w.name)
	Preferences(w).leaveQueue()
	w.changed.Fire()
}

// Follow shows the record that another host has written.
func (w Ownership) Follow(t store.Text) error {
	packed, err := t.Pack()
	if err == nil && w.shown.follow(packed) {
		w.changed.Fire()
	}
	return err
}

// setback holds the account back after a failure that is not the site's. What comes of
// another host's doing is nobody's trouble, and over soon.
func (w Ownership) setback(err error) {
	if errors.Is(err, errOver) {
		return
	}
	if w.Share == nil || w.mine() && !errors.Is(err, vault.ErrNotOwner) && !errors.Is(err, vault.ErrConflict) &&
		!errors.Is(err, vault.ErrUnavailable) && !errors.Is(err, errLease) {
		w.trouble(err)
		return
	}
	w.notBefore = time.Now().Add(unsettled)
	w.log().Debug().Err(err).Msg("the account is left alone for a moment; another host may look after it")
	if errors.Is(err, vault.ErrConflict) || errors.Is(err, vault.ErrNotOwner) {
		w.takenUp = w.term - 1 // the record is read anew
	}
}

// notBegun is why a task was not begun.
type notBegun struct{ error }

func (e notBegun) Unwrap() error { return e.error }

// outcome is what the caller is told of an error of its task.
func (w Ownership) outcome(err error) error {
	var early notBegun
	switch {
	case err == nil || w.Share == nil:
		return err
	case errors.Is(err, errLease), errors.Is(err, vault.ErrUnavailable):
		return ClusterAway("the cluster cannot be reached, so nothing can be kept: " + err.Error())
	case w.mine() && !errors.Is(err, vault.ErrNotOwner):
		return err
	case errors.As(err, &early):
		return Elsewhere(w.name)
	}
	return ClusterAway("account " + w.name + " went to another host while this was under way; its state says what came of it")
}

// Elsewhere tells that another host looks after the account, and nothing was begun here.
func Elsewhere(name string) error {
	return &client.Problem{Type: client.ProblemElsewhere, Title: "another host looks after the account",
		Detail: "account " + name + " has just gone to another host", Hint: "nothing is lost; try again in a moment"}
}

// OwnerAway tells that the host that looks after the account did not answer, and whether
// that one may have begun.
func OwnerAway(name, host string, err error) error {
	if errors.Is(err, cluster.ErrUnavailable) {
		return ClusterAway("the cluster cannot be reached, so host " + host + ", which looks after account " + name + ", cannot be asked")
	}
	p := &client.Problem{Type: client.ProblemHostAway, Title: "the host that looks after the account cannot be reached",
		Detail: "account " + name + " is looked after by host " + host + ", which did not answer: " + err.Error(),
		Hint:   "nothing is lost; credentials are handed out meanwhile; try again in a moment"}
	if asked, ok := errors.AsType[*cluster.AskError](err); ok && !asked.Begun {
		p.Type = client.ProblemElsewhere
	}
	return p
}

// ClusterAway tells that what only one host may do cannot be done now, and why.
func ClusterAway(why string) error {
	return &client.Problem{Type: client.ProblemHostAway, Title: "the host that looks after the account cannot be reached",
		Detail: why, Hint: "nothing is lost; credentials are handed out meanwhile; try again in a moment"}
}
