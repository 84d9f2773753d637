package daemon

import (
	"context"
	"errors"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/input"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport"
)

// sharedNote is told with every import that can be refreshed: the most common
// reason for a cookie that dies within days.
const sharedNote = "a login that a browser or another tool goes on using is refreshed by it, which ends the one kept here: log out there without ending the session (delete the site's cookies), or give the keeper a login of its own"

// Import takes over an existing login after the site has said whose it is.
func (k *Keeper) Import(ctx context.Context, req client.ImportRequest) (client.ImportResult, error) {
	if !config.ValidName(req.Account) {
		return client.ImportResult{}, badAccountName(req.Account)
	}
	if req.Format == "" {
		req.Format = input.Auto
	}
	found, err := input.Parse(req.Format, []byte(req.Data))
	if err != nil {
		return client.ImportResult{}, badRequest("%s", err)
	}
	existed := k.find(req.Account) != nil
	a, err := k.ensure(req.Account, passport.Web)
	if err != nil {
		return client.ImportResult{}, err
	}
	err = a.do(passport.Force(ctx), func(ctx context.Context) error { return a.takeOver(ctx, found) })
	if err != nil {
		if !existed {
			// An account that was made for this import holds nothing.
			err = errors.Join(err, k.dropEmpty(ctx, a))
		}
		return client.ImportResult{}, storageProblem(err)
	}
	r := a.shown.Load()
	result := client.ImportResult{Account: k.view(r), Format: found.Format, Refreshable: r.Refreshable, Notes: found.Notes}
	if r.Refreshable {
		result.Notes = append(result.Notes, sharedNote)
	} else {
		result.Notes = append(result.Notes, cannotBeRefreshed(found))
	}
	return result, nil
}

func cannotBeRefreshed(l input.Login) string {
	lacks := []string{}
	if l.RefreshToken.IsZero() {
		lacks = append(lacks, "the refresh token (ac_time_value)")
	}
	if !hasCookie(l, "bili_jct") {
		lacks = append(lacks, "bili_jct")
	}
	return "the session is checked and handed out, but cannot be refreshed, because " + strings.Join(lacks, " and ") + " is missing; a new login is asked for before it ends"
}

func hasCookie(l input.Login, name string) bool {
	for _, c := range l.Cookies {
		if c.Name == name && !c.Value.IsZero() {
			return true
		}
	}
	return false
}

// dropEmpty removes an account that never got a credential.
func (k *Keeper) dropEmpty(ctx context.Context, a *account) error {
	return a.do(ctx, func(ctx context.Context) error {
		if a.rec.Generation > 0 || a.rec.Login.Active() {
			return nil
		}
		return a.forget(ctx)
	})
}

// takeOver proves a login and puts it to use. Nothing is spent by that, so
// nothing has to be kept before the site has answered.
func (a *account) takeOver(ctx context.Context, l input.Login) error {
	if a.rec.Login.Active() {
		return &client.Problem{Type: client.ProblemBusy, Title: "a login is in progress", Detail: "a login of account " + a.name + " is in progress"}
	}
	grant := passport.Grant{RefreshToken: l.RefreshToken}
	for _, c := range l.Cookies {
		grant.Cookies = append(grant.Cookies, passport.Cookie(c))
	}
	device := a.rec.device
	if !l.Buvid3.IsZero() {
		// The identifiers belong to the session that they came with.
		device.Buvid3, device.Buvid4 = l.Buvid3, l.Buvid4
	}
	who, err := a.keeper.site.Nav(ctx, passport.Session{Device: device, Cookies: grant.Cookies})
	if err := refusedImport(a, l, who, lifecycle.VerdictOf(err)); err != nil {
		return err
	}
	in := lifecycle.Imported{
		Mid: who.Mid, Uname: who.Uname, ExpiresAt: passport.Expiry(grant.Cookies),
		Refreshable: !l.RefreshToken.IsZero() && hasCookie(l, "bili_jct"),
	}
	if err := a.apply(in, func(r *record) { r.credential, r.device = grant, device }); err != nil {
		return err
	}
	if a.rec.device.Buvid3.IsZero() {
		a.identify(ctx)
	}
	return nil
}

func refusedImport(a *account, l input.Login, who passport.Identity, v lifecycle.Verdict) error {
	switch {
	case v.Dead():
		return &client.Problem{Type: client.ProblemNeedsLogin, Title: "the site denies this login",
			Detail: "the site says that this session is dead: " + v.Detail, Hint: "copy a fresh one, or run: bilikeeper login " + a.name}
	case !v.OK():
		return siteAway(v, a.rec.BlockedUntil)
	case l.Mid != 0 && l.Mid != who.Mid:
		return badRequest("the cookies belong to two accounts: DedeUserID says %d, the site says %d; copy them anew, all at once", l.Mid, who.Mid)
	case a.rec.Mid != 0 && a.rec.Mid != who.Mid:
		return badRequest("account %s is mid %d, and this login belongs to mid %d; import it under another name", a.name, a.rec.Mid, who.Mid)
	}
	return nil
}

// Logout ends the session at the site, then forgets the account.
func (k *Keeper) Logout(ctx context.Context, name string) (client.LogoutResult, error) {
	a := k.find(name)
	if a == nil {
		return client.LogoutResult{}, noAccount(name)
	}
	result := client.LogoutResult{Account: name}
	err := a.do(passport.Force(ctx), func(ctx context.Context) error {
		if a.rec.Generation == 0 {
			result.Detail = "it had never been logged in"
			return a.forget(ctx)
		}
		err := a.endSession(ctx)
		switch v := lifecycle.VerdictOf(err); {
		case err == nil:
			result.Ended = true
		case errors.Is(err, passport.ErrAlreadyOut), v.Dead():
			result.Detail = "the session had ended before"
		case errors.Is(err, passport.ErrWrongCSRF):
			return badRequest("the site refused the logout, because the csrf token does not belong to the session; bilikeeper forget %s removes the account here", name)
		default:
			return siteAway(v, a.rec.BlockedUntil)
		}
		return a.forget(ctx)
	})
	return result, storageProblem(err)
}
