package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
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
//
// Where the reply to 2 is no whole pair it is kept as a spare: the old pair is
// the better one while it lives, and the spare is asked about when it does not.

// Rotation takes an account through a refresh.
type Rotation struct{ *Worker }

// refresh takes the account through steps 0 to 3.
func (w Rotation) refresh(ctx context.Context) error {
	info, err := w.realm().CheckSession(ctx, w.rec.Session())
	if err != nil {
		return w.failed(err, lifecycle.RefreshTrouble)
	}
	return w.refreshWith(ctx, info)
}

// refreshWith is refresh after the site was asked whether it is due.
func (w Rotation) refreshWith(ctx context.Context, info passport.Info) error {
	if !info.RefreshDue && !w.rec.MustRefresh(time.Now()) {
		return w.apply(lifecycle.RefreshNotDue{}, nil)
	}
	if err := w.Store.Vault().Writable(); err != nil {
		return fmt.Errorf("no refresh is spent that could not be saved: %w", err)
	}
	if at := w.rec.RefreshRoom(time.Now(), w.Settings().RefreshesPerHour); !at.IsZero() {
		return w.failed(overBudget(at), lifecycle.RefreshTrouble)
	}
	session := w.rec.Session()
	csrf, err := w.site().RefreshCSRF(ctx, session, info.ServerTime)
	if errors.Is(err, passport.ErrPathRefused) {
		// The page refuses a timestamp that is not quite now. Once, the whole
		// way again with a fresh one; then it waits for its next turn.
		if info, err = w.realm().CheckSession(ctx, session); err == nil {
			csrf, err = w.site().RefreshCSRF(ctx, session, info.ServerTime)
		}
	}
	if err != nil {
		return w.failed(err, refreshFailure(err))
	}
	return w.rotate(ctx, session, csrf)
}

// rotate spends the token. Its intent is on disk before, the new pair before
// anything else is asked or told.
func (w Rotation) rotate(ctx context.Context, session passport.Session, csrf secret.String) error {
	if err := w.apply(lifecycle.RefreshIntended{}, nil); err != nil {
		return err
	}
	lasting, end := Ownership(w).lasting(ctx)
	defer end()
	pair, err := w.site().Refresh(lasting, session, csrf, w.rec.Credential.RefreshToken)
	if err != nil {
		if len(pair.Cookies) == 0 {
			return w.failed(err, refreshFailure(err))
		}
		next, events := w.preview(lifecycle.RefreshFailed{Verdict: lifecycle.VerdictOf(err), Why: refreshFailure(err)})
		next.Spare = pair
		return w.commitForSure(ctx, next, events)
	}
	next, events := w.preview(lifecycle.RefreshStagedNow{})
	next.StagedGrant = pair
	return w.commitForSure(ctx, next, events)
}

func (w Rotation) failed(err error, why lifecycle.RefreshFailure) error {
	return w.apply(lifecycle.RefreshFailed{Verdict: lifecycle.VerdictOf(err), Why: why}, nil)
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

// prove is steps 4 and 5. The old pair stays in use until the new one is
// proven, and its token is kept until the site is told.
func (w Rotation) prove(ctx context.Context) error {
	who, err := w.realm().Identify(ctx, w.rec.StagedSession())
	staged, old := w.rec.StagedGrant, w.rec.Credential.RefreshToken
	in := lifecycle.RefreshProved{
		Verdict: lifecycle.VerdictOf(err), Mid: who.Mid, Uname: who.Uname,
		ExpiresAt:   passport.Expiry(staged.Cookies),
		Refreshable: !staged.RefreshToken.IsZero(),
	}
	generation := w.rec.Generation
	return w.apply(in, func(r *store.Record) {
		if r.Generation > generation {
			r.Credential, r.OldToken = staged, old
			r.Credential.Cookies = withMid(staged.Cookies, who.Mid)
		}
	})
}

// takeSpare is the way back from a refresh whose reply was no whole pair, or from
// cookies that came with a check and could not be proven, once the site denies the
// credential a second time. It reports whether the account lives on; an error is the
// site's on the spare, which proves nothing.
func (w Rotation) takeSpare(ctx context.Context) (bool, error) {
	if len(w.rec.Spare.Cookies) == 0 {
		return false, nil
	}
	who, err := w.realm().Identify(ctx, w.rec.SpareSession())
	spare, old := w.rec.Spare, w.rec.Credential.RefreshToken
	switch {
	case passport.ClassOf(err) == passport.Dead, err == nil && who.Mid != w.rec.Mid:
		return false, nil
	case err != nil:
		return false, err
	}
	if w.rec.Site == passport.Intl {
		// There is nothing to confirm: the site gave it by itself.
		if len(who.Cookies) > 0 {
			spare.Cookies = who.Cookies
		}
		return true, Check(w).useRenewed(ctx, spare.Cookies)
	}
	return true, w.apply(lifecycle.RefreshProved{
		Mid: who.Mid, Uname: who.Uname, ExpiresAt: passport.Expiry(spare.Cookies),
		Verdict: lifecycle.VerdictOf(nil), Refreshable: !spare.RefreshToken.IsZero() && cookie.Has(spare.Cookies, "bili_jct"),
	}, func(r *store.Record) {
		r.Credential, r.OldToken = spare, old
		r.Credential.Cookies = withMid(spare.Cookies, who.Mid)
	})
}

// confirm is steps 6 and 7.
func (w Rotation) confirm(ctx context.Context) error {
	err := w.site().Confirm(ctx, w.rec.Session(), w.rec.OldToken)
	return w.apply(lifecycle.Confirmed{Verdict: lifecycle.VerdictOf(err), Refused: errors.Is(err, passport.ErrRefused)}, nil)
}

// Now rotates the credential if the site says that it is due, or in any case when
// forced. It answers when the rotation is confirmed, or when there is nothing more
// to wait for, and says whether there was one. Callers at the same time share one
// rotation, those too who come when its pair is in use and yet to be confirmed.
func (w Rotation) Now(ctx context.Context, force bool) (r *store.Brief, rotated bool, err error) {
	r = w.Shown()
	before := r.Generation
	if r.Confirm != nil && r.Confirm.Tries == 0 {
		before--
	}
	if err := w.do(ctx, force, func(ctx context.Context) error { return w.now(ctx, before, force) }); err != nil {
		return nil, false, err
	}
	r, err = w.Await(ctx, func(r *store.Brief) bool {
		return r.Generation == before || r.Confirm == nil || r.Confirm.Tries > 0
	})
	if err != nil {
		return nil, false, err
	}
	return r, r.Generation != before, nil
}

// now does what a caller asked for, step after step, unless somebody
// else did it while the caller waited for its turn.
func (w Rotation) now(ctx context.Context, before uint64, force bool) error {
	if w.rec.Generation != before || RefusesRefresh(&w.rec.Brief) != nil {
		return nil
	}
	if w.rec.Confirm != nil {
		if err := w.confirm(ctx); err != nil || w.rec.Confirm != nil {
			return err
		}
	}
	if err := w.apply(lifecycle.RefreshWanted{Forced: force}, nil); err != nil {
		return err
	}
	// A page that failed once, and a token that did not match, are tried a
	// second time at once; everything after that waits for its time.
	for range 2 {
		if !w.rec.Staged() {
			if err := w.refresh(ctx); err != nil {
				return err
			}
		}
		if w.rec.Staged() {
			return w.prove(ctx)
		}
		if next := w.rec.Next(w.policy()); next.Action != lifecycle.ActRefresh || next.At.After(time.Now()) {
			return nil
		}
	}
	return nil
}

// RefusesRefresh says why a record cannot be refreshed, nil where it can.
func RefusesRefresh(r *store.Brief) error {
	switch {
	case r.Generation == 0:
		return NeedsLogin(r.Name, "it has never been logged in")
	case r.Base == lifecycle.BaseDead:
		return NeedsLogin(r.Name, "the site says that its session is dead, and a dead session cannot be refreshed")
	case !r.Refreshable:
		return NeedsLogin(r.Name, "its session works but cannot be refreshed")
	case r.Login.Active():
		return &client.Problem{Type: client.ProblemBusy, Title: "a login is in progress", Detail: "a login of account " + r.Name + " is in progress", Hint: "its end brings a fresh credential"}
	}
	return nil
}

// NotRotated says why a refresh that was asked for did not happen.
func NotRotated(r *store.Brief) (outcome, detail string) {
	switch {
	case r.Doubted():
		return client.RefreshFailed, "the site denied the session; it is asked again before anybody believes it"
	case !r.Refreshable:
		return client.RefreshImpossible, r.Attention
	case r.Staged():
		return client.RefreshFailed, "the new pair is saved; the site has yet to say whose it is, and could not be asked (" +
			r.Refresh.Detail + "); it is asked again at " + clock(r.Refresh.At)
	case r.Refresh != nil && r.Refresh.Detail != "":
		return client.RefreshFailed, r.Refresh.Detail
	case r.Refresh != nil:
		return client.RefreshFailed, "not finished"
	}
	return client.RefreshNotDue, "the site says that it is not due"
}
