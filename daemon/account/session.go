package account

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/input"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// Session takes a session over from elsewhere, and ends one.
type Session struct{ *Worker }

// TakeOver proves a login and puts it to use. Nothing is spent by that, so
// nothing has to be kept before the site has answered.
// Where it would take the place of a better one, or of another user's, replace
// says that this is meant.
func (w Session) TakeOver(ctx context.Context, l input.Login, replace bool) error {
	return w.do(ctx, true, func(ctx context.Context) error { return w.takeOver(ctx, l, replace) })
}

func (w Session) takeOver(ctx context.Context, l input.Login, replace bool) error {
	switch {
	case w.rec.Site != passport.Web:
		return OtherSite(&w.rec.Brief)
	case w.rec.Login.Active():
		return &client.Problem{Type: client.ProblemBusy, Title: "a login is in progress", Detail: "a login of account " + w.name + " is in progress"}
	}
	grant := passport.Grant{RefreshToken: l.RefreshToken, Cookies: l.Cookies}
	device := w.rec.Device
	if !l.Buvid3.IsZero() {
		// The identifiers belong to the session that they came with.
		device.Buvid3, device.Buvid4 = l.Buvid3, l.Buvid4
	}
	who, err := w.site().Realm(passport.Web).Identify(ctx, passport.Session{Device: device, Cookies: grant.Cookies})
	in := lifecycle.Imported{
		Mid: who.Mid, Uname: who.Uname, ExpiresAt: passport.Expiry(grant.Cookies),
		Refreshable: !l.RefreshToken.IsZero() && HasCSRF(l),
	}
	if err := w.refused(l, who, lifecycle.VerdictOf(err)); err != nil {
		return err
	}
	if err := w.worse(in); err != nil && !replace {
		return err
	}
	grant.Cookies = withMid(grant.Cookies, who.Mid)
	if err := w.apply(in, func(r *store.Record) { r.Credential, r.Device = grant, device }); err != nil {
		return err
	}
	if w.rec.Device.Buvid3.IsZero() {
		Login(w).fetchDevice(ctx)
	}
	return nil
}

func (w Session) refused(l input.Login, who passport.Identity, v lifecycle.Verdict) error {
	switch {
	case v.Dead():
		return &client.Problem{Type: client.ProblemNeedsLogin, Title: "the site denies this login",
			Detail: "the site says that this session is dead: " + v.Detail, Hint: "copy a fresh one, or run: bilikeeper login " + w.name}
	case !v.OK():
		return SiteAway(v, w.rec.BlockedUntil)
	case l.Mid != 0 && l.Mid != who.Mid:
		return BadRequest("the cookies belong to two accounts: DedeUserID says %d, the site says %d; copy them anew, all at once", l.Mid, who.Mid)
	}
	return nil
}

// worse says why a login must not take the place of the account's own without a
// word.
func (w Session) worse(in lifecycle.Imported) error {
	switch r := w.rec; {
	case r.Mid != 0 && r.Mid != in.Mid:
		return BadRequest("account %s is mid %d, and this login belongs to mid %d; import it under another name, or with --replace in the place of the one that is kept", w.name, r.Mid, in.Mid)
	case r.Base == lifecycle.BaseValid && r.Refreshable && !in.Refreshable:
		return BadRequest("account %s has a session that lives and can be refreshed, and this login cannot; import it under another name, or with --replace in its place", w.name)
	}
	return nil
}

// withMid returns the cookies with DedeUserID as the site has proven it. It is
// the account's number and nothing secret; what was pasted may lack it or have it
// in another form.
func withMid(list []cookie.Cookie, mid int64) []cookie.Cookie {
	const name, session = "DedeUserID", "SESSDATA"
	value := secret.New(strconv.FormatInt(mid, 10))
	list = slices.Clone(list)
	added := cookie.Cookie{Name: name, Value: value, Path: "/"}
	for i, c := range list {
		switch c.Name {
		case name:
			list[i].Value = value
			return list
		case session:
			added.Domain, added.Path, added.Expires, added.Secure = c.Domain, c.Path, c.Expires, c.Secure
		}
	}
	return append(list, added)
}

// Logout ends the session at the site, then forgets the account. A session that was
// granted and is not in use yet is ended as well: nobody would know of it any more.
func (w Session) Logout(ctx context.Context) (client.LogoutResult, error) {
	result := client.LogoutResult{Account: w.name}
	err := w.do(ctx, true, func(ctx context.Context) error {
		sessions := w.sessions()
		if len(sessions) == 0 {
			result.Detail = "it had never been logged in"
		}
		for i, one := range sessions {
			err := w.realm().Logout(ctx, one)
			switch v := lifecycle.VerdictOf(err); {
			case err == nil:
				result.Ended = true
			case errors.Is(err, passport.ErrAlreadyOut), v.Dead():
			case errors.Is(err, passport.ErrWrongCSRF) && i < len(sessions)-1:
				// It cannot be ended, and keeps the one in use from nothing.
			case errors.Is(err, passport.ErrWrongCSRF):
				return BadRequest("the site refused the logout, because the csrf token does not belong to the session; bilikeeper forget %s removes the account here", w.name)
			default:
				return SiteAway(v, w.rec.BlockedUntil)
			}
		}
		if len(sessions) > 0 && !result.Ended {
			result.Detail = "the session had ended before"
		}
		return w.forget(ctx)
	})
	return result, err
}

// sessions are those that the site has given and that may live, each once, the one in use
// last: where an earlier one cannot be ended, the account goes on as it was.
func (w Session) sessions() (list []passport.Session) {
	known := map[string]bool{"": true}
	for _, one := range []passport.Session{w.rec.StagedSession(), w.rec.SpareSession()} {
		// What came without the token cannot be ended, and keeps nothing else from it.
		if session := cookie.Value(one.Cookies, "SESSDATA").Reveal(); !known[session] && cookie.Has(one.Cookies, "bili_jct") {
			known[session] = true
			list = append(list, one)
		}
	}
	if w.rec.Generation > 0 {
		list = append(list, w.rec.Session())
	}
	return list
}

// Forget removes the account here; its session at the site lives on.
func (w Session) Forget(ctx context.Context) error { return w.do(ctx, false, w.forget) }

// ForgetEmpty removes an account that never got a credential.
func (w Session) ForgetEmpty(ctx context.Context) error {
	return w.do(ctx, false, func(ctx context.Context) error {
		if w.rec.Generation > 0 || w.rec.Login.Active() {
			return nil
		}
		return w.forget(ctx)
	})
}

// HasCSRF reports whether an imported login has what a refresh proves itself with.
func HasCSRF(l input.Login) bool {
	return cookie.Has(l.Cookies, "bili_jct")
}
