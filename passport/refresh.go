package passport

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Outcomes of a refresh and of its confirmation.
var (
	// ErrMismatch: the refresh token does not belong to the cookies, or the
	// page's code was not good any more. The cookies go on working.
	ErrMismatch = errors.New("the refresh token does not belong to the cookies")
	// ErrWrongCSRF: bili_jct does not belong to SESSDATA, or is not there.
	ErrWrongCSRF = errors.New("the csrf token does not belong to the session")
	// ErrRefused: the site will not confirm this, however often it is asked.
	ErrRefused = errors.New("the confirmation was refused")
)

const (
	pathRefresh = "/x/passport-login/web/cookie/refresh"
	pathConfirm = "/x/passport-login/web/confirm/refresh"

	// refreshSource is what the site's own pages send.
	refreshSource = "main_web"
)

// Refresh spends the code of RefreshCSRF and the session's refresh token on a
// new pair of cookies and token. The old pair goes on working until Confirm.
//
// The site gives the new pair once. So the caller saves the grant before any
// other request, and it must not cancel ctx while the request is under way. It
// is never sent twice. An error whose Sent is set may hide a success: the old
// pair still works then, but the site may not take its token a second time.
//
// A grant is a pair where err is nil: a new token, a new SESSDATA and bili_jct.
// It holds the session's other cookies too, as a browser's jar would. Whose it
// is says only Identify, whatever DedeUserID came with it. An error with
// ErrIncomplete comes with the grant as far as it got, and so does any other
// whose reply set a new SESSDATA: the old pair is the better one as long as it
// lives, and what came is worth keeping for when it does not.
func (c *Client) Refresh(ctx context.Context, s Session, csrf, token secret.String) (Grant, error) {
	const op = "cookie/refresh"
	old := cookie.Value(s.Cookies, cookieCSRF)
	switch {
	case old.IsZero():
		return Grant{}, notPossible(op, ErrWrongCSRF, "the session has no csrf token")
	case token.IsZero():
		return Grant{}, notPossible(op, ErrMismatch, "the session has no refresh token")
	case csrf.IsZero():
		return Grant{}, notPossible(op, ErrMismatch, "there is no code for the refresh")
	}
	r, err := c.ask(ctx, call{
		op: op, device: s.Device, session: &s, base: c.bases.passport, path: pathRefresh, urgent: true,
		form: form(url.Values{
			"csrf": {old.Reveal()}, "refresh_csrf": {csrf.Reveal()},
			"source": {refreshSource}, "refresh_token": {token.Reveal()},
		}),
	})
	if err != nil {
		grant := r.grant()
		if !freshSession(s, grant) {
			grant = Grant{}
		} else {
			grant.Cookies = keepOthers(s.Cookies, grant.Cookies)
		}
		return grant, outcome(err, map[int]error{codeMismatch: ErrMismatch, codeWrongCSRF: ErrWrongCSRF})
	}
	grant := r.grant()
	next, _ := r.object("data").text("refresh_token")
	grant.RefreshToken = secret.New(next)
	lacks := lacking(s, grant, token)
	grant.Cookies = keepOthers(s.Cookies, grant.Cookies)
	if len(lacks) > 0 {
		e := unknown(op, "the refresh succeeded, but its reply lacks "+strings.Join(lacks, ", "))
		e.Scope, e.Err = ScopeAccount, ErrIncomplete
		return grant, e
	}
	return grant, nil
}

// lacking names what keeps a refresh's reply from being a new pair. An
// unchanged value counts as missing: the confirmation ends what belongs to the
// old token, and must not end the pair that is in use.
func lacking(s Session, g Grant, token secret.String) []string {
	var lacks []string
	if g.RefreshToken.IsZero() || g.RefreshToken.Equal(token) {
		lacks = append(lacks, "a new refresh token")
	}
	if !freshSession(s, g) {
		lacks = append(lacks, "a new "+cookieSession)
	}
	if !cookie.Has(g.Cookies, cookieCSRF) {
		lacks = append(lacks, cookieCSRF)
	}
	return lacks
}

// freshSession reports whether a reply set a SESSDATA that is not the old one.
func freshSession(s Session, g Grant) bool {
	session := cookie.Value(g.Cookies, cookieSession)
	return !session.IsZero() && !session.Equal(cookie.Value(s.Cookies, cookieSession))
}

// keepOthers is the jar after the reply: what was set anew, and what was there
// before. SESSDATA and bili_jct are taken from the reply or not at all, since
// old ones beside new ones would look like a pair.
func keepOthers(old, set []Cookie) []Cookie {
	old = slices.DeleteFunc(slices.Clone(old), func(c Cookie) bool {
		return c.Name == cookieSession || c.Name == cookieCSRF
	})
	return mergeMissing(set, old)
}

// Confirm tells the site that the new pair is saved: it ends the cookies that
// belong to the old token, and that token. The session is the new one.
//
// Confirming again after a success is refused at worst. ErrRefused is the
// site's definite no, after which the old pair ages out by itself; any other
// error leaves open whether the site acted, and may be tried again later.
func (c *Client) Confirm(ctx context.Context, s Session, old secret.String) error {
	const op = "confirm/refresh"
	csrf := cookie.Value(s.Cookies, cookieCSRF)
	switch {
	case csrf.IsZero():
		return notPossible(op, ErrRefused, "the session has no csrf token")
	case old.IsZero():
		return notPossible(op, ErrRefused, "there is no old refresh token to confirm with")
	}
	_, err := c.ask(ctx, call{
		op: op, device: s.Device, session: &s, base: c.bases.passport, path: pathConfirm,
		form: form(url.Values{"csrf": {csrf.Reveal()}, "refresh_token": {old.Reveal()}}),
	})
	return outcome(err, map[int]error{codeWrongCSRF: ErrRefused, codeMalformed: ErrRefused})
}

// outcome gives an error of the site's code the sentinel that the operation has
// for it.
func outcome(err error, sentinels map[int]error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Class != Unknown {
		return err
	}
	if sentinel := sentinels[e.Code]; sentinel != nil {
		e.Err, e.Scope = sentinel, ScopeAccount
	}
	return err
}

// notPossible is the answer to a request that would only be refused.
func notPossible(op string, sentinel error, detail string) *Error {
	return &Error{Op: op, Class: Unknown, Scope: ScopeAccount, Err: sentinel, Detail: "not asked: " + detail}
}

func form(v url.Values) secret.String { return secret.New(v.Encode()) }
