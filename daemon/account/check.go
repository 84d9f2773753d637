package account

import (
	"context"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
)

// Check asks the site whether the session lives.
type Check struct{ *Worker }

// Now asks the question that is open: whose a login is that the site has granted,
// whether the session lives, or while the first answer to that is doubted the
// second. It waits until a doubted session is either dead or not. Where the doubt
// has its time set already, only force asks before that.
func (w Check) Now(ctx context.Context, force bool) (*store.Brief, error) {
	if w.Shown().Login.Granted() {
		return w.granted(ctx, force)
	}
	if r := w.Shown(); !r.Doubted() || force && r.BlockedUntil.After(time.Now()) {
		err := w.do(ctx, force, func(ctx context.Context) error {
			if w.rec.Doubted() {
				return w.askAgain(ctx)
			}
			return w.check(ctx)
		})
		if err != nil {
			return nil, err
		}
	}
	return w.Await(ctx, func(r *store.Brief) bool {
		return !r.Doubted() || r.LastCheck != lifecycle.OutcomeDead
	})
}

// granted asks whose a login is that the site has granted.
func (w Check) granted(ctx context.Context, force bool) (*store.Brief, error) {
	err := w.do(ctx, force, func(ctx context.Context) error {
		for w.rec.Login.Granted() {
			before := w.rec.Login.Phase
			if err := Login(w).goOn(ctx); err != nil || w.rec.Login.Phase == before {
				return err
			}
		}
		return nil
	})
	return w.Shown(), err
}

func (w Check) check(ctx context.Context) error {
	info, err := w.realm().CheckSession(ctx, w.rec.Session())
	if err == nil && len(info.Cookies) > 0 {
		return w.renew(ctx, lifecycle.Checked{Verdict: lifecycle.VerdictOf(nil)}, info.Cookies)
	}
	settled := w.rec.ChecksOut()
	if err := w.apply(lifecycle.Checked{Verdict: lifecycle.VerdictOf(err), RefreshDue: info.RefreshDue}, nil); err != nil {
		return err
	}
	if err == nil && settled {
		w.unchanged()
	}
	if err == nil && w.rec.Device.Buvid3.IsZero() && w.rec.Site == passport.Web {
		// The login got none, and tools are blocked without.
		Login(w).fetchDevice(ctx)
	}
	if next := w.rec.Next(w.policy()); err == nil && next.Action == lifecycle.ActRefresh && !next.At.After(time.Now()) {
		// The answer is the first step of a refresh as well. Without one, a
		// refresh whose deadline has passed asks for itself, at its own time.
		return Rotation(w).refreshWith(ctx, info)
	}
	return nil
}

// unchanged counts a check that is no event.
func (w Check) unchanged() {
	w.Unchanged.Add(1)
	w.log().Debug().Time("next", w.rec.NextCheckAt).Msg("checked; nothing has changed")
}

// renew keeps the cookies that the site gave anew with its answer that the session
// lives. It gives them once. The set is asked about before it takes the place of the
// one in use: it is worth nothing where it is another user's, or none's.
func (w Check) renew(ctx context.Context, lives lifecycle.Input, cookies []passport.Cookie) error {
	next, events := w.preview(lives)
	next.Spare = passport.Grant{Cookies: cookies}
	settled := w.rec.ChecksOut()
	if err := w.commitForSure(ctx, next, events); err != nil {
		return err
	}
	if settled {
		w.unchanged()
	}
	who, err := w.realm().Identify(ctx, w.rec.SpareSession())
	if err != nil || w.rec.Mid != 0 && who.Mid != w.rec.Mid {
		w.log().Warn().Err(err).Int64("mid", who.Mid).Msg("the cookies that came with a check are not used; they are kept beside those in use")
		return nil
	}
	if len(who.Cookies) > 0 {
		cookies = who.Cookies
	}
	return w.useRenewed(ctx, cookies)
}

// useRenewed puts cookies to use that the site gave by itself, and that are proven.
func (w Check) useRenewed(ctx context.Context, cookies []passport.Cookie) error {
	renewed, events := w.preview(lifecycle.Renewed{ExpiresAt: passport.Expiry(cookies)})
	renewed.Credential.Cookies = cookies
	return w.commitForSure(ctx, renewed, events)
}

func (w Check) askAgain(ctx context.Context) error {
	who, err := w.realm().Identify(ctx, w.rec.Session())
	if passport.ClassOf(err) == passport.Dead {
		if lives, trouble := Rotation(w).takeSpare(ctx); lives {
			return trouble
		} else if trouble != nil {
			err = trouble // as long as the spare is not denied, the doubt stays open
		}
	}
	in := lifecycle.AskedAgain{Verdict: lifecycle.VerdictOf(err), Mid: who.Mid}
	if err == nil && len(who.Cookies) > 0 && (w.rec.Mid == 0 || who.Mid == w.rec.Mid) {
		return w.renew(ctx, in, who.Cookies)
	}
	return w.apply(in, nil)
}
