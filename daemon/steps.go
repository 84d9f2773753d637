package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport"
)

// step does what is due for the account, if it is due. A wake-up that comes
// too early (the clock went back, the plan changed) does nothing.
func (a *account) step(ctx context.Context) error {
	next := a.rec.Next(a.policy())
	if now := time.Now(); next.At.After(now) || a.notBefore.After(now) {
		return nil
	}
	switch next.Action {
	case lifecycle.ActCheck:
		return a.check(ctx)
	case lifecycle.ActAskAgain:
		return a.askAgain(ctx)
	case lifecycle.ActCode:
		if a.rec.Login.Active() {
			return a.issueCode(ctx, lifecycle.CodeIssued{Automatic: true}) // one more of the login that there is
		}
		return a.beginLogin(ctx)
	case lifecycle.ActPoll:
		return a.poll(ctx)
	case lifecycle.ActCollect:
		return a.collect(ctx)
	case lifecycle.ActProve:
		return a.prove(ctx)
	case lifecycle.ActGiveUp:
		return a.apply(lifecycle.GaveUp{}, nil)
	case lifecycle.ActRefresh:
		return a.refresh(ctx)
	case lifecycle.ActProveRefresh:
		return a.proveRefresh(ctx)
	case lifecycle.ActConfirm:
		return a.confirm(ctx)
	case lifecycle.ActWarn:
		return a.apply(lifecycle.ExpiryNear{}, nil)
	}
	return nil
}

func (a *account) check(ctx context.Context) error {
	info, err := a.lives(ctx)
	if err := a.apply(lifecycle.Checked{Verdict: lifecycle.VerdictOf(err), RefreshDue: info.RefreshDue}, nil); err != nil {
		return err
	}
	if next := a.rec.Next(a.policy()); err == nil && next.Action == lifecycle.ActRefresh && !next.At.After(time.Now()) {
		// The answer is the first step of a refresh as well. Without one, a
		// refresh whose deadline has passed asks for itself, at its own time.
		return a.refreshWith(ctx, info)
	}
	return nil
}

func (a *account) askAgain(ctx context.Context) error {
	who, err := a.whose(ctx, a.rec.session())
	return a.apply(lifecycle.AskedAgain{Verdict: lifecycle.VerdictOf(err), Mid: who.Mid}, nil)
}

// issueCode fetches a code. The vault is tried first: a login that could not be
// saved must not be granted.
func (a *account) issueCode(ctx context.Context, issued lifecycle.CodeIssued) error {
	if err := a.keeper.store.vault.Writable(); err != nil {
		return fmt.Errorf("no login is begun that could not be saved: %w", err)
	}
	code, err := a.generate(ctx)
	if err != nil {
		v := lifecycle.VerdictOf(err)
		if err := a.apply(lifecycle.CodeRefused{Verdict: v}, nil); err != nil {
			return err
		}
		if issued.Automatic {
			return nil
		}
		return siteAway(v, a.rec.BlockedUntil)
	}
	issued.Expires = code.ExpiresAt
	return a.apply(issued, func(r *record) { r.code = code })
}

// poll asks whether the code was scanned. The reply to a granted code comes
// once, so it is committed before anything else is asked or told.
func (a *account) poll(ctx context.Context) error {
	scan, err := a.scan(ctx)
	if err != nil || scan.State != passport.Granted {
		return a.apply(lifecycle.Polled{
			Verdict: lifecycle.VerdictOf(err),
			Scanned: scan.State == passport.Scanned,
			Expired: scan.State == passport.Expired,
		}, nil)
	}
	next, events := a.preview(lifecycle.Granted{Mid: scan.Grant.Mid(), Complete: a.isWhole(scan.Grant)})
	if next.Login.Granted() {
		next.staged = scan.Grant
	}
	return a.commitForSure(ctx, next, events)
}

// collect fetches what the success reply lacked, from where it points to.
func (a *account) collect(ctx context.Context) error {
	grant, err := a.gather(ctx)
	in := lifecycle.Collected{
		Verdict: lifecycle.VerdictOf(err), Mid: grant.Mid(), Complete: a.isGathered(grant, err),
		Hopeless: errors.Is(err, passport.ErrRefusedHost) || errors.Is(err, passport.ErrIncomplete),
	}
	next, events := a.preview(in)
	if next.Login.Granted() && len(grant.Cookies) >= len(a.rec.staged.Cookies) {
		next.staged = grant
	}
	return a.commitForSure(ctx, next, events)
}

// prove asks whose the granted credential is, and puts it to use if it is the
// right one. The old credential stays in use until then.
func (a *account) prove(ctx context.Context) error {
	if a.rec.device.Buvid3.IsZero() && a.rec.Site == passport.Web {
		a.identify(ctx)
	}
	who, err := a.whose(ctx, a.rec.stagedSession())
	if err == nil && len(who.Cookies) > 0 {
		// The answer changed the cookies: the set that is kept has to be the one
		// that was proven.
		if err := a.restage(who.Cookies); err != nil {
			return err
		}
		who, err = a.whose(ctx, a.rec.stagedSession())
	}
	staged := a.rec.staged
	in := lifecycle.Proved{
		Verdict: lifecycle.VerdictOf(err), Mid: who.Mid, Uname: who.Uname,
		ExpiresAt:   passport.Expiry(staged.Cookies),
		Refreshable: !staged.RefreshToken.IsZero() && a.rec.Site == passport.Web,
	}
	generation := a.rec.Generation
	return a.apply(in, func(r *record) {
		if r.Generation > generation {
			r.credential = staged
		}
	})
}

// restage keeps a granted credential's changed cookies.
func (a *account) restage(cookies []passport.Cookie) error {
	next := *a.rec
	next.staged.Cookies = cookies
	return a.commit(&next, nil)
}

// identify fetches the device identifiers that go with the account for good.
// Consumers want buvid3; a login works without, so a failure waits for the
// next login.
func (a *account) identify(ctx context.Context) {
	device, err := a.keeper.site.Fingerprint(ctx, a.rec.device)
	if err != nil {
		a.log.Debug().Err(err).Msg("no device identifiers this time")
		return
	}
	next := *a.rec
	next.device = device
	if err := a.commit(&next, nil); err != nil {
		a.log.Warn().Err(err).Msg("device identifiers were not saved")
	}
}
