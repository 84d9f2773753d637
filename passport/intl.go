package passport

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// IntlOptions are what the international site is told with each request. The
// zero value is English and "web".
type IntlOptions struct {
	// Locale is en_US, th_TH, vi_VN, id_ID, ms_MY, zh_ZH, …
	Locale string
	// Platform is "web", whose login sets cookies, or "tv", whose login writes
	// them into the body.
	Platform string
}

const (
	platformWeb = "web"
	platformTV  = "tv"

	intlDomain = "bilibili.tv"
	// intlSister is where a login is carried on to.
	intlSister = "biliintl.com"

	pathIntlUser   = "/intl/gateway/web/v2/user"
	pathIntlLogout = "/x/intl/passport-login/web/login/exit"
)

func (o IntlOptions) filled() (IntlOptions, error) {
	o.Locale, o.Platform = cmp.Or(o.Locale, "en_US"), cmp.Or(o.Platform, platformWeb)
	if !isWord(o.Locale) {
		return o, fmt.Errorf("intl locale: not of the form en_US")
	}
	if !isWord(o.Platform) {
		return o, fmt.Errorf("intl platform: not a word such as web or tv")
	}
	return o, nil
}

func isWord(text string) bool {
	return len(text) <= 16 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}

// intlQuery begins every query of this realm.
func (o IntlOptions) query(platform string) string {
	return "s_locale=" + o.Locale + "&platform=" + platform
}

// intlDevice leaves out the identifiers that the other realm gave: the two know
// nothing of each other, and should not be told.
func intlDevice(d Device) Device {
	d.Buvid3, d.Buvid4 = secret.String{}, secret.String{}
	return d
}

func intlSession(s Session) Session {
	s.Device = intlDevice(s.Device)
	return s
}

// forIntl gives cookies that were collected by name the domain that they are
// used on.
func forIntl(cookies []Cookie) []Cookie {
	for i, c := range cookies {
		if !inDomain(strings.TrimPrefix(c.Domain, "."), intlDomain) {
			cookies[i].Domain = "." + intlDomain
		}
		if c.Path == "" {
			cookies[i].Path = "/"
		}
	}
	return cookies
}

func inDomain(host, domain string) bool {
	host = strings.ToLower(host)
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// replaced is a jar after more was set in it. The jar itself is not touched.
func replaced(jar, more []Cookie) []Cookie {
	jar = slices.Clone(jar)
	for _, c := range more {
		jar = setCookie(jar, c)
	}
	return jar
}

// IntlUser asks the international site whether a session is alive. That is all
// the site is known to say: the mid is taken from its reply where that has one,
// else from the session's cookies, and is 0 where they have none either.
//
// Where the reply set cookies anew, Identity.Cookies is the session's whole new
// set. It replaces the old one only after it has been asked about as well.
//
// The error's class is Dead for code -101, and for code 0 with a proper
// "is_login": false: whether the site ever answers -101 here is not known, and
// without the second rule a session could then never be found dead. The codes
// with which the site wants somebody to log in for a film or an episode are
// Unknown, as they may be about the film.
func (c *Client) IntlUser(ctx context.Context, s Session) (Identity, error) {
	const op = "intl/user"
	s = intlSession(s)
	r, err := c.ask(ctx, call{
		op: op, site: Intl, device: s.Device, session: &s,
		base: c.bases.apiIntl, path: pathIntlUser, query: c.intl.query(platformWeb),
	})
	data := r.object("data")
	login, said := data.flag("is_login")
	if err != nil {
		if ClassOf(err) == Dead && said && login {
			return Identity{}, &Error{
				Op: op, Class: Unknown, Code: codeNotLoggedIn, HTTPStatus: 200, Sent: true,
				Detail: "the answer contradicts itself about the login",
			}
		}
		return Identity{}, err
	}
	switch {
	case !said:
		return Identity{}, unknown(op, "code 0 without a word on the login")
	case !login:
		return Identity{}, &Error{
			Op: op, Class: Dead, Scope: ScopeAccount, HTTPStatus: 200, Sent: true,
			Detail: "the site says that nobody is logged in",
		}
	}
	id := Identity{Cookies: changedCookies(s.Cookies, forIntl(r.cookies))}
	id.Mid, _ = data.number("mid")
	if id.Mid <= 0 {
		id.Mid = Grant{Cookies: s.Cookies}.Mid()
	}
	id.Uname, _ = data.text("uname")
	if id.Uname == "" {
		id.Uname, _ = data.object("user_profile").text("name")
	}
	return id, nil
}

// changedCookies is nil where a reply set nothing that the jar does not have.
func changedCookies(jar, set []Cookie) []Cookie {
	for _, c := range set {
		if !c.Value.Equal(cookieValue(jar, c.Name)) {
			return replaced(jar, set)
		}
	}
	return nil
}

// IntlLogout ends a session of the international site. Only a person's explicit
// wish is a reason for it. ErrAlreadyOut says that it had ended before.
func (c *Client) IntlLogout(ctx context.Context, s Session) error {
	const op = "intl/exit"
	s = intlSession(s)
	csrf := cookieValue(s.Cookies, cookieCSRF)
	if csrf.IsZero() {
		return notPossible(op, ErrWrongCSRF, "the session has no csrf token")
	}
	_, err := c.ask(ctx, call{
		op: op, site: Intl, device: s.Device, session: &s, post: true,
		base: c.bases.passportIntl, path: pathIntlLogout, query: "csrf=" + url.QueryEscape(csrf.Reveal()),
	})
	if ClassOf(err) == Dead {
		e := unknown(op, "the session had ended already")
		e.Code, e.Scope, e.Err = codeNotLoggedIn, ScopeAccount, ErrAlreadyOut
		return e
	}
	return outcome(err, map[int]error{codeWrongCSRF: ErrWrongCSRF})
}
