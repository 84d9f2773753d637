package passport

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Session is what a request is made with: a device and an account's cookies.
type Session struct {
	Device  Device
	Cookies []Cookie
}

// Header returns the content of one Cookie header, with the values byte for byte.
func (s Session) Header() secret.String { return cookie.Header(s.All()) }

// All returns the cookies as they are sent: the session's own, then the
// device's identifiers where the cookies do not bring theirs. Names that must
// not be sent are left out, and so are values that would break the line.
func (s Session) All() []Cookie {
	all := make([]Cookie, 0, len(s.Cookies)+2)
	add := func(c Cookie) {
		if c.Sendable() && !cookie.Has(all, c.Name) && !isTransient(c.Name) {
			all = append(all, c)
		}
	}
	for _, c := range s.Cookies {
		add(c)
	}
	add(Cookie{Name: cookieBuvid3, Value: s.Device.Buvid3, Domain: "." + webDomain, Path: "/"})
	add(Cookie{Name: cookieBuvid4, Value: secret.New(s.Device.encodedBuvid4()), Domain: "." + webDomain, Path: "/"})
	return all
}

// Identity is whom the site takes a session for.
type Identity struct {
	Mid int64
	// Uname is the person's own choice of a name, on one line and without
	// control and format characters.
	Uname string
	// Cookies are the session's new set where the reply changed it, else nil.
	// Only the international site does so.
	Cookies []Cookie
}

// Info is the site's word on a session that is alive.
type Info struct {
	// RefreshDue: the site wants the cookies to be rotated.
	RefreshDue bool
	// ServerTime is the site's clock, zero where it did not say.
	ServerTime time.Time
	// Cookies are as those of an Identity.
	Cookies []Cookie
}

// Identify asks nav, the only request that proves whose session it is.
//
// The error's class is Dead for code -101 alone. Code 0 without a proper
// "isLogin": true proves nothing either way and is Unknown.
func (c web) Identify(ctx context.Context, s Session) (Identity, error) {
	const op = "nav"
	r, err := c.ask(ctx, call{
		op: op, device: s.Device, session: &s, base: c.bases.api, path: "/x/web-interface/nav",
	})
	data := r.object("data")
	login, said := data.flag("isLogin")
	if err != nil {
		if ClassOf(err) == Dead && said && login {
			return Identity{}, &Error{
				Op: op, Class: Unknown, Code: codeNotLoggedIn, HTTPStatus: 200,
				Detail: "the answer contradicts itself about the login",
			}
		}
		return Identity{}, err
	}
	mid, _ := data.number("mid")
	switch {
	case data == nil:
		return Identity{}, unknown(op, "code 0 without data")
	case !said:
		return Identity{}, unknown(op, "code 0 without a word on the login")
	case !login:
		return Identity{}, unknown(op, "code 0, yet nobody is logged in")
	case mid <= 0:
		return Identity{}, unknown(op, "code 0 without a mid")
	}
	return Identity{Mid: mid, Uname: data.words("uname")}, nil
}

// CheckSession asks cookie/info.
//
// The csrf parameter is optional and left out: with it, a stored token that
// does not belong to the session turns a plain answer into a refusal.
func (c web) CheckSession(ctx context.Context, s Session) (Info, error) {
	const op = "cookie/info"
	r, err := c.ask(ctx, call{
		op: op, device: s.Device, session: &s,
		base: c.bases.passport, path: "/x/passport-login/web/cookie/info",
	})
	if err != nil {
		return Info{}, err
	}
	data := r.object("data")
	due, said := data.flag("refresh")
	if !said {
		return Info{}, unknown(op, "code 0 without a word on the refresh")
	}
	info := Info{RefreshDue: due}
	if ms, ok := data.number("timestamp"); ok && ms > 0 {
		info.ServerTime = time.UnixMilli(ms).UTC()
	}
	return info, nil
}

// ErrAlreadyOut: the session had ended before, so there was nothing left to do.
var ErrAlreadyOut = errors.New("the session had ended already")

const pathLogout = "/login/exit/v2"

// Logout takes the login page that the site sends instead of JSON for
// ErrAlreadyOut. The page alone is no proof, so whoever must be sure asks
// Identify.
func (c web) Logout(ctx context.Context, s Session) error {
	const op = "login/exit"
	csrf := cookie.Value(s.Cookies, cookieCSRF)
	if csrf.IsZero() {
		return notPossible(op, ErrWrongCSRF, "the session has no csrf token")
	}
	r, err := c.ask(ctx, call{
		op: op, device: s.Device, session: &s, base: c.bases.passport, path: pathLogout,
		form: form(url.Values{"biliCSRF": {csrf.Reveal()}}),
	})
	if errors.Is(err, errPage) {
		e := unknown(op, "the session had ended already")
		e.Scope, e.Err = ScopeAccount, ErrAlreadyOut
		return e
	}
	if err != nil {
		return outcome(err, map[int]error{codeLogoutCSRF: ErrWrongCSRF, codeWrongCSRF: ErrWrongCSRF})
	}
	if done, said := r.flag("status"); said && !done {
		return unknown(op, "code 0, yet the site says that nothing ended")
	}
	return nil
}
