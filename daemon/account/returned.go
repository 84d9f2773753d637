package account

import (
	"context"
	"errors"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
)

// ErrDeniedOnce says that the site denied what it had given. Once proves nothing.
var ErrDeniedOnce = errors.New("the site denies the session that it had given")

// TakeBack takes up what the site gave to this host or another when it could not be
// written any more. It returns nil once nothing has to be kept of it: it is written, or
// the account has gone on with a newer one. denied is true where the site denied it before.
func (w Ownership) TakeBack(ctx context.Context, kept []byte, denied bool) error {
	next, events, err := store.ReadUnwritten(kept)
	if err != nil {
		return err
	}
	again := make(chan error, 1) // it is no trouble of this account, for which the worker would take an error
	err = w.do(ctx, false, func(ctx context.Context) error {
		err := w.takeBack(ctx, next, events, denied)
		if errors.Is(err, ErrDeniedOnce) {
			again <- err
			return nil
		}
		return err
	})
	select {
	case err = <-again:
	default:
	}
	return err
}

func (w Ownership) takeBack(ctx context.Context, next *store.Record, events []client.EventData, denied bool) error {
	switch {
	case next.Revision == w.rec.Revision: // nothing has happened since
		return w.commitForSure(ctx, next, events)
	case has(w.rec, gift(next)):
		return nil
	case w.newer(next) && len(next.StagedGrant.Cookies) > 0:
		return w.useReturned(ctx, next, denied)
	case w.newer(next) && len(w.rec.Spare.Cookies) == 0 && len(next.Spare.Cookies) > 0:
		with := *w.rec
		with.Spare = next.Spare
		return w.commit(&with, nil)
	}
	return w.superseded("the account has gone on meanwhile")
}

// newer reports whether the record's credential is still the one that a record was made
// with, and nothing is in hand that the site gave since.
func (w Ownership) newer(next *store.Record) bool {
	return w.rec.Generation == next.Generation && !w.rec.Staged() && !w.rec.Login.Granted()
}

// useReturned puts to use what another host was given, once the site says whose it is. The
// credential stays in use until then.
func (w Ownership) useReturned(ctx context.Context, next *store.Record, denied bool) error {
	grant := next.StagedGrant
	who, err := w.realm().Identify(ctx, passport.Session{Device: w.rec.Device, Cookies: grant.Cookies})
	switch v := lifecycle.VerdictOf(err); {
	case v.Dead() && denied:
		return w.superseded("the site denied it twice")
	case v.Dead():
		return ErrDeniedOnce
	case !v.OK():
		return err
	case w.rec.Mid != 0 && who.Mid != w.rec.Mid:
		return w.superseded("it belongs to another account")
	}
	if len(who.Cookies) > 0 {
		grant.Cookies = who.Cookies
	}
	web, old := w.rec.Site == passport.Web, w.rec.Credential.RefreshToken
	in := lifecycle.Returned{
		Mid: who.Mid, Uname: who.Uname, ExpiresAt: passport.Expiry(grant.Cookies), Rotated: next.Staged(),
		Refreshable: web && !grant.RefreshToken.IsZero(),
	}
	return w.apply(in, func(r *store.Record) {
		if r.Credential = grant; r.Confirm != nil {
			r.OldToken = old
		}
		if web {
			r.Credential.Cookies = withMid(grant.Cookies, who.Mid)
		}
	})
}

// superseded tells that what the site gave is of no use any more, and why.
func (w Ownership) superseded(why string) error {
	w.log().Warn().Str("why", why).Msg("what the site gave was dropped")
	return w.commit(w.rec, []client.EventData{client.AccountAttention{
		Detail: "what the site gave to a host came when another looked after the account already; it was dropped: " + why}})
}
