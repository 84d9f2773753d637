package account

import (
	"context"
	"errors"

	"github.com/bilikeeper/bilikeeper/passport"
)

// What the two sites do differently. The international one has no cookie
// refresh and one way to ask about a session; its logins are completed at
// several places.

func (w *Worker) generate(ctx context.Context) (passport.Code, error) {
	if w.rec.Site == passport.Intl {
		return w.Site.IntlGenerate(ctx, w.rec.Device)
	}
	return w.Site.Generate(ctx, w.rec.Device)
}

func (w *Worker) scan(ctx context.Context) (passport.Scan, error) {
	if w.rec.Site == passport.Intl {
		return w.Site.IntlPoll(ctx, w.rec.Device, w.rec.Code)
	}
	return w.Site.Poll(ctx, w.rec.Device, w.rec.Code)
}

// collectGrant fetches what a granted login lacks.
func (w *Worker) collectGrant(ctx context.Context) (passport.Grant, error) {
	if w.rec.Site == passport.Intl {
		return w.Site.IntlCollect(ctx, w.rec.Device, w.rec.StagedGrant)
	}
	return w.Site.Collect(ctx, w.rec.Device, w.rec.StagedGrant)
}

// isWhole reports whether a grant that was just given can be proven as it is.
func (w *Worker) isWhole(g passport.Grant) bool {
	return w.rec.Site != passport.Intl && len(g.Missing()) == 0
}

// isCollected reports whether nothing is left to fetch. The places that an
// international login is made known at may fail without spoiling it, so their
// failure is put up with in the end.
func (w *Worker) isCollected(g passport.Grant, err error) bool {
	if len(g.Missing()) > 0 || errors.Is(err, passport.ErrRefusedHost) {
		return false
	}
	return err == nil || w.rec.Site != passport.Intl || w.rec.Login.Failures >= 2
}

// identify asks whose a session is.
func (w *Worker) identify(ctx context.Context, s passport.Session) (passport.Identity, error) {
	if w.rec.Site == passport.Intl {
		return w.Site.IntlUser(ctx, s)
	}
	return w.Site.Nav(ctx, s)
}

// checkSession asks whether the session in use lives, and whether it is due.
func (w *Worker) checkSession(ctx context.Context) (passport.Info, error) {
	if w.rec.Site == passport.Intl {
		_, err := w.Site.IntlUser(ctx, w.rec.Session())
		return passport.Info{}, err
	}
	return w.Site.CookieInfo(ctx, w.rec.Session())
}

func (w *Worker) endSession(ctx context.Context) error {
	if w.rec.Site == passport.Intl {
		return w.Site.IntlLogout(ctx, w.rec.Session())
	}
	return w.Site.Logout(ctx, w.rec.Session())
}
