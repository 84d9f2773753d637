package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/loginqueue"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/vault"
)

// state is the account's record in its worker's hands.
type state struct {
	changed store.Signal

	// rec is the record as it is now: the committed one, apart from the time of
	// the next poll, which is not worth a write. troubles and notBefore hold the
	// account back after a failure of the keeper's own (a full disk, a panic).
	rec       *store.Record
	troubles  int
	notBefore time.Time
	gone      bool
}

// mostTrouble is the longest that an account is held back after a failure that is
// not the site's.
const mostTrouble = 15 * time.Minute

// trouble holds the account back after a failure that is not the site's: a
// minute, doubling to a quarter of an hour, so that a full disk or a bug does
// not turn into requests.
func (w *Worker) trouble(err error) {
	w.troubles++
	wait := min(time.Minute<<min(w.troubles-1, 8), mostTrouble)
	w.notBefore = time.Now().Add(wait)
	w.log().Error().Err(err).Dur("retry_in", wait).Msg("could not go on with the account")
	w.Problems.Set("account "+w.name, err)
}

func (w *Worker) recovered() {
	if w.troubles > 0 {
		w.troubles, w.notBefore = 0, time.Time{}
		w.Problems.Clear("account " + w.name)
	}
}

// policy is what holds for the account now. While others are
// in the login queue, a code that nobody scanned is followed by one of theirs.
func (w *Worker) policy() lifecycle.Policy { return w.policyFor(&w.rec.Brief) }

func (w *Worker) policyFor(r *store.Brief) lifecycle.Policy {
	p := w.Policy(r)
	if l := r.Login; loginqueue.Holds(l) && w.Logins.Crowded(l.Started) {
		p.Codes = 1
	}
	return p
}

// apply feeds what happened to the account's life and commits what comes of
// it. change, if there is one, sets the secrets that go with the new state; it
// is given a copy.
func (w *Worker) apply(in lifecycle.Input, change func(r *store.Record)) error {
	next, events := w.preview(in)
	if change != nil {
		change(next)
	}
	if _, polled := in.(lifecycle.Polled); polled && len(events) == 0 && next.Login.Phase == w.rec.Login.Phase && next.Login.Detail == w.rec.Login.Detail {
		// Only the time of the next poll changed. A write for each poll would
		// wear out a disk and tell nobody anything.
		w.adopt(next)
		return nil
	}
	return w.commit(next, events)
}

// adopt goes on with a record that is not worth a write: the next change is written
// with it.
func (w *Worker) adopt(next *store.Record) {
	w.rec = next
	w.shown.store(next)
}

// fields is an event's data as a line of the log has it.
func fields(data client.EventData) (m map[string]any) {
	if text, err := json.Marshal(data); err == nil {
		_ = json.Unmarshal(text, &m)
	}
	return m
}

func (w *Worker) preview(in lifecycle.Input) (*store.Record, []client.EventData) {
	return previewOf(w, w.rec, in)
}

// previewOf is preview of a record that is not committed yet.
func previewOf(w *Worker, rec *store.Record, in lifecycle.Input) (*store.Record, []client.EventData) {
	next := *rec
	var events []client.EventData
	next.Account, events = lifecycle.Apply(rec.Account, in, time.Now(), w.policyFor(&rec.Brief))
	if !next.Login.Active() || next.Login.Granted() {
		next.Code, next.SMS = passport.Code{}, store.SMS{}
	}
	if !next.Staged() && !next.Login.Granted() {
		next.StagedGrant = passport.Grant{}
	}
	if next.Generation != rec.Generation {
		next.Spare = passport.Grant{}
	}
	if next.Confirm == nil {
		next.OldToken = secret.String{}
	}
	return &next, events
}

// commit writes the record and its events, and shows them to readers and the
// log.
func (w *Worker) commit(next *store.Record, events []client.EventData) error {
	if w.Share != nil && !w.mine() {
		return fmt.Errorf("save account %s: %w", w.name, vault.ErrNotOwner)
	}
	if err := w.Store.Save(next, store.Of(w.name, events...), func() { w.shown.store(next) }); err != nil {
		return fmt.Errorf("save account %s: %w", w.name, err)
	}
	held := loginqueue.Holds(w.rec.Login)
	w.rec = next
	w.recovered()
	w.changed.Fire()
	w.Logins.Note(next.Account)
	if held && !loginqueue.Holds(next.Login) {
		w.CallNext()
	}
	for _, e := range events {
		w.log().Info().Str("event", e.EventType()).Fields(fields(e)).Msg("account")
	}
	return nil
}

// commitForSure is commit for what the site gives only once. While the vault
// cannot be written it keeps the gift in memory and tries again, and does
// nothing else for the account meanwhile. Where another host may look after the account
// by then, it keeps it in a file as well.
func (w *Worker) commitForSure(ctx context.Context, next *store.Record, events []client.EventData) error {
	kept := false
	var text []byte
	if w.Share != nil && gives(next, w.rec) {
		text, _ = next.Unwritten(events) // what cannot be encoded cannot be written either
	}
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		over := Ownership{w}.keepMeanwhile(text)
		err := w.commit(next, events)
		kept = over() || kept
		if w.Share != nil && (err != nil || kept) {
			kept = Ownership{w}.keepUnwritten(next, events, err)
		}
		if err == nil || errors.Is(err, vault.ErrConflict) || errors.Is(err, vault.ErrClosed) || errors.Is(err, vault.ErrNotOwner) || w.Store.Vault().Err() != nil {
			return err
		}
		w.log().Error().Err(err).Dur("retry_in", wait).Msg("what the site gave cannot be saved; keeping it in memory")
		w.Problems.Set("account "+w.name, err)
		w.troubles++
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// forget removes the account. Its goroutine ends.
func (w *Worker) forget(context.Context) error {
	if err := w.Store.Delete(w.rec, store.Of(w.name, client.AccountRemoved{})); err != nil {
		return fmt.Errorf("forget account %s: %w", w.name, err)
	}
	if w.Share != nil {
		Ownership{w}.dropUnwritten()
	}
	w.gone = true
	w.recovered()
	w.Retire()
	w.Gone(w)
	w.Logins.Leave(w.name)
	w.CallNext()
	w.changed.Fire()
	return nil
}
