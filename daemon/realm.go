package daemon

import (
	"context"
	"errors"

	"github.com/bilikeeper/bilikeeper/passport"
)

// What the two sites do differently. The international one has no cookie
// refresh and one way to ask about a session; its logins are completed at
// several places.

func (a *account) generate(ctx context.Context) (passport.Code, error) {
	if a.rec.Site == passport.Intl {
		return a.keeper.site.IntlGenerate(ctx, a.rec.device)
	}
	return a.keeper.site.Generate(ctx, a.rec.device)
}

func (a *account) scan(ctx context.Context) (passport.Scan, error) {
	if a.rec.Site == passport.Intl {
		return a.keeper.site.IntlPoll(ctx, a.rec.device, a.rec.code)
	}
	return a.keeper.site.Poll(ctx, a.rec.device, a.rec.code)
}

// gather fetches what a granted login lacks.
func (a *account) gather(ctx context.Context) (passport.Grant, error) {
	if a.rec.Site == passport.Intl {
		return a.keeper.site.IntlCollect(ctx, a.rec.device, a.rec.staged)
	}
	return a.keeper.site.Collect(ctx, a.rec.device, a.rec.staged)
}

// isWhole reports whether a grant that was just given can be proven as it is.
func (a *account) isWhole(g passport.Grant) bool {
	return a.rec.Site != passport.Intl && len(g.Missing()) == 0
}

// isGathered reports whether nothing is left to fetch. The places that an
// international login is made known at may fail without spoiling it, so their
// failure is put up with in the end.
func (a *account) isGathered(g passport.Grant, err error) bool {
	if len(g.Missing()) > 0 || errors.Is(err, passport.ErrRefusedHost) {
		return false
	}
	return err == nil || a.rec.Site != passport.Intl || a.rec.Login.Failures >= 2
}

// whose asks whose a session is.
func (a *account) whose(ctx context.Context, s passport.Session) (passport.Identity, error) {
	if a.rec.Site == passport.Intl {
		return a.keeper.site.IntlUser(ctx, s)
	}
	return a.keeper.site.Nav(ctx, s)
}

// lives asks whether the session in use lives, and whether it is due.
func (a *account) lives(ctx context.Context) (passport.Info, error) {
	if a.rec.Site == passport.Intl {
		_, err := a.keeper.site.IntlUser(ctx, a.rec.session())
		return passport.Info{}, err
	}
	return a.keeper.site.CookieInfo(ctx, a.rec.session())
}

func (a *account) endSession(ctx context.Context) error {
	if a.rec.Site == passport.Intl {
		return a.keeper.site.IntlLogout(ctx, a.rec.session())
	}
	return a.keeper.site.Logout(ctx, a.rec.session())
}
