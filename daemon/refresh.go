package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// A refresh is a two-phase commit, because the site keeps the old pair alive
// until the new one is confirmed:
//
//	0  is the vault writable?           nothing is asked otherwise
//	1  intent                           on disk
//	2  the site's refresh               spends the token
//	3  stage the new pair beside the old   on disk
//	4  prove it: whose is it?
//	5  promote, hand out                on disk, with the old token
//	6  confirm                          the old pair dies
//	7  clear the old token              on disk
//
// A crash after any of them leaves a record from which lifecycle.Next goes on.

// refresh takes the account through steps 0 to 3.
func (a *account) refresh(ctx context.Context) error {
	info, err := a.keeper.site.CookieInfo(ctx, a.rec.session())
	if err != nil {
		return a.refreshFailed(err, lifecycle.RefreshTrouble)
	}
	return a.refreshWith(ctx, info)
}

// refreshWith is refresh after the site was asked whether it is due.
func (a *account) refreshWith(ctx context.Context, info passport.Info) error {
	if !info.RefreshDue && !a.rec.MustRefresh(time.Now()) {
		return a.apply(lifecycle.RefreshNotDue{}, nil)
	}
	if err := a.keeper.store.vault.Writable(); err != nil {
		return fmt.Errorf("no refresh is spent that could not be saved: %w", err)
	}
	if at := a.rec.RefreshRoom(time.Now(), a.keeper.settings.Load().Limits.RefreshesPerHour); !at.IsZero() {
		return a.refreshFailed(overBudget(at), lifecycle.RefreshTrouble)
	}
	session := a.rec.session()
	csrf, err := a.keeper.site.RefreshCSRF(ctx, session, info.ServerTime)
	if errors.Is(err, passport.ErrPathRefused) {
		// The page refuses a timestamp that is not quite now. Once, the whole
		// way again with a fresh one; then it waits for its next turn.
		if info, err = a.keeper.site.CookieInfo(ctx, session); err == nil {
			csrf, err = a.keeper.site.RefreshCSRF(ctx, session, info.ServerTime)
		}
	}
	if err != nil {
		return a.refreshFailed(err, refreshFailure(err))
	}
	return a.rotate(ctx, session, csrf)
}

// rotate spends the token. Its intent is on disk before, the new pair before
// anything else is asked or told.
func (a *account) rotate(ctx context.Context, session passport.Session, csrf secret.String) error {
	if err := a.apply(lifecycle.RefreshIntended{}, nil); err != nil {
		return err
	}
	pair, err := a.keeper.site.Refresh(ctx, session, csrf, a.rec.credential.RefreshToken)
	if err != nil {
		return a.refreshFailed(err, refreshFailure(err))
	}
	next, events := a.preview(lifecycle.RefreshStagedNow{})
	next.staged = pair
	return a.commitForSure(ctx, next, events)
}

func (a *account) refreshFailed(err error, why lifecycle.RefreshFailure) error {
	return a.apply(lifecycle.RefreshFailed{Verdict: lifecycle.VerdictOf(err), Why: why}, nil)
}

func refreshFailure(err error) lifecycle.RefreshFailure {
	switch {
	case errors.Is(err, passport.ErrMismatch):
		return lifecycle.RefreshMismatch
	case errors.Is(err, passport.ErrWrongCSRF):
		return lifecycle.RefreshWrongCSRF
	case errors.Is(err, passport.ErrIncomplete):
		return lifecycle.RefreshUnusable
	case errors.Is(err, passport.ErrNoCSRF), errors.Is(err, passport.ErrPathRefused):
		return lifecycle.RefreshNoPage
	}
	return lifecycle.RefreshTrouble
}

func overBudget(at time.Time) error {
	return &passport.Error{
		Op: "cookie/refresh", Class: passport.Blocked, Scope: passport.ScopeAccount, RetryAfter: time.Until(at),
		Detail: "the hour's refreshes of this account are used up", Err: passport.ErrNotAsked,
	}
}

// proveRefresh is steps 4 and 5. The old pair stays in use until the new one is
// proven, and its token is kept until the site is told.
func (a *account) proveRefresh(ctx context.Context) error {
	who, err := a.keeper.site.Nav(ctx, a.rec.stagedSession())
	staged, old := a.rec.staged, a.rec.credential.RefreshToken
	in := lifecycle.RefreshProved{
		Verdict: lifecycle.VerdictOf(err), Mid: who.Mid, Uname: who.Uname,
		ExpiresAt:   passport.Expiry(staged.Cookies),
		Refreshable: !staged.RefreshToken.IsZero(),
	}
	generation := a.rec.Generation
	return a.apply(in, func(r *record) {
		if r.Generation > generation {
			r.credential, r.oldToken = staged, old
		}
	})
}

// confirm is steps 6 and 7.
func (a *account) confirm(ctx context.Context) error {
	err := a.keeper.site.Confirm(ctx, a.rec.session(), a.rec.oldToken)
	return a.apply(lifecycle.Confirmed{Verdict: lifecycle.VerdictOf(err), Refused: errors.Is(err, passport.ErrRefused)}, nil)
}

// Refresh rotates the credential if the site says that it is due, or in any
// case when forced. It answers when the rotation is confirmed, or when there is
// nothing more to wait for. Callers at the same time share one rotation.
func (k *Keeper) Refresh(ctx context.Context, name string, force bool) (client.RefreshResult, error) {
	a := k.find(name)
	if a == nil {
		return client.RefreshResult{}, noAccount(name)
	}
	r := a.shown.Load()
	if err := refusesRefresh(r); err != nil {
		return client.RefreshResult{}, err
	}
	if !force {
		if away, yes := k.leftAlone(r); yes {
			return client.RefreshResult{Account: away.Account, Outcome: client.RefreshFailed, Detail: away.Detail}, nil
		}
	} else {
		ctx = passport.Force(ctx)
	}
	before := r.Generation
	err := a.do(ctx, func(ctx context.Context) error { return a.refreshNow(ctx, before, force) })
	if err != nil {
		return client.RefreshResult{}, storageProblem(err)
	}
	return k.rotated(ctx, a, before)
}

// refreshNow does what a caller asked for, step after step, unless somebody
// else did it while the caller waited for its turn.
func (a *account) refreshNow(ctx context.Context, before uint64, force bool) error {
	if a.rec.Generation != before || refusesRefresh(a.rec) != nil {
		return nil
	}
	if a.rec.Confirm != nil {
		if err := a.confirm(ctx); err != nil || a.rec.Confirm != nil {
			return err
		}
	}
	if err := a.apply(lifecycle.RefreshWanted{Forced: force}, nil); err != nil {
		return err
	}
	// A page that failed once, and a token that did not match, are tried a
	// second time at once; everything after that waits for its time.
	for range 2 {
		if !a.rec.Staged() {
			if err := a.refresh(ctx); err != nil {
				return err
			}
		}
		if a.rec.Staged() {
			return a.proveRefresh(ctx)
		}
		if next := a.rec.Next(a.policy()); next.Action != lifecycle.ActRefresh || next.At.After(time.Now()) {
			return nil
		}
	}
	return nil
}

func refusesRefresh(r *record) error {
	switch {
	case r.Generation == 0:
		return needsLogin(r.Name, "it has never been logged in")
	case r.Base == lifecycle.BaseDead:
		return needsLogin(r.Name, "the site says that its session is dead, and a dead session cannot be refreshed")
	case !r.Refreshable:
		return needsLogin(r.Name, "its session works but cannot be refreshed")
	case r.Login.Active():
		return &client.Problem{Type: client.ProblemBusy, Title: "a login is in progress", Detail: "a login of account " + r.Name + " is in progress", Hint: "its end brings a fresh credential"}
	}
	return nil
}

// rotated waits until the rotation that a caller began is confirmed, and says
// what came of it.
func (k *Keeper) rotated(ctx context.Context, a *account, before uint64) (client.RefreshResult, error) {
	for {
		changed := a.changed.wait()
		r := a.shown.Load()
		result := client.RefreshResult{Account: k.view(r)}
		switch {
		case r.Generation == before:
			result.Outcome, result.Detail = notRotated(r)
			return result, nil
		case r.Confirm == nil || r.Confirm.Tries > 0:
			result.Outcome = client.RefreshDone
			return result, nil
		}
		select {
		case <-changed:
		case <-a.done:
			return client.RefreshResult{}, a.left()
		case <-ctx.Done():
			return client.RefreshResult{}, ctx.Err()
		}
	}
}

func notRotated(r *record) (outcome, detail string) {
	switch {
	case r.Doubted():
		return client.RefreshFailed, "the site denied the session; it is asked again before anybody believes it"
	case !r.Refreshable:
		return client.RefreshImpossible, r.Attention
	case r.Refresh != nil && r.Refresh.Detail != "":
		return client.RefreshFailed, r.Refresh.Detail
	case r.Refresh != nil:
		return client.RefreshFailed, "not finished"
	}
	return client.RefreshNotDue, "the site says that it is not due"
}
