package passport

import (
	"context"
	"time"
)

// Identity is whom the site takes a session for.
type Identity struct {
	Mid   int64
	Uname string
	// Cookies are the session's new set where the reply changed it, else nil.
	// Only IntlUser fills it.
	Cookies []Cookie
}

// Info is the site's word on a session that is alive.
type Info struct {
	// RefreshDue: the site wants the cookies to be rotated.
	RefreshDue bool
	// ServerTime is the site's clock, zero where it did not say.
	ServerTime time.Time
}

// Nav asks who is logged in. It is the only request that proves whose session
// it is; the caller compares the mid with the one that it expects.
//
// The error's class is Dead for code -101 alone. Code 0 without a proper
// "isLogin": true proves nothing either way and is Unknown.
func (c *Client) Nav(ctx context.Context, s Session) (Identity, error) {
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
	uname, _ := data.text("uname")
	return Identity{Mid: mid, Uname: uname}, nil
}

// CookieInfo asks whether a session is alive and whether it should be rotated.
// It is the cheapest check, and proves nothing about whose session it is.
//
// The csrf parameter is optional and left out: with it, a stored token that
// does not belong to the session turns a plain answer into a refusal.
func (c *Client) CookieInfo(ctx context.Context, s Session) (Info, error) {
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
