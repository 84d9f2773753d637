package passport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
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

// Identify asks the international site whether a session is alive. That is all
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
func (c intl) Identify(ctx context.Context, s Session) (Identity, error) {
	const op = "intl/user"
	s = intlSession(s)
	r, err := c.ask(ctx, call{
		op: op, site: Intl, device: s.Device, session: &s,
		base: c.bases.apiIntl, path: pathIntlUser, query: c.visitor.query(platformWeb),
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
	id := Identity{Cookies: changedCookies(s.Cookies, forDomain(r.cookies, intlDomain))}
	id.Mid, _ = data.number("mid")
	if id.Mid <= 0 {
		id.Mid = Grant{Cookies: s.Cookies}.Mid()
	}
	id.Uname = cmp.Or(data.words("uname"), data.object("user_profile").words("name"))
	return id, nil
}

// CheckSession asks the same as Identify: this realm has one question about a
// session, and no refresh.
func (c intl) CheckSession(ctx context.Context, s Session) (Info, error) {
	id, err := c.Identify(ctx, s)
	return Info{Cookies: id.Cookies}, err
}

// changedCookies is nil where a reply set nothing that the jar does not have.
func changedCookies(jar, set []Cookie) []Cookie {
	for _, c := range set {
		if !c.Value.Equal(cookie.Value(jar, c.Name)) {
			return cookie.Set(jar, set...)
		}
	}
	return nil
}

func (c intl) Logout(ctx context.Context, s Session) error {
	const op = "intl/exit"
	s = intlSession(s)
	csrf := cookie.Value(s.Cookies, cookieCSRF)
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

const (
	pathIntlGenerate = "/x/intl/passport-login/qrcode/auth/url"
	pathIntlPoll     = "/x/intl/passport-login/qrcode/auth/fetch"

	// qrTypeLogin is the type of a code that logs in, where the site names one.
	qrTypeLogin = "qrcode_login"

	// maxBodyCookies is far above what a login sets.
	maxBodyCookies = 64
)

// Generate keeps the code's cookies, as the polls carry them. How long such a
// code lives is not documented. ExpiresAt is the 180 s of the
// other realm's codes; the site's Expired may come earlier or later.
func (c intl) Generate(ctx context.Context, d Device, _ Profile) (Code, error) {
	const op = "intl/auth/url"
	r, err := c.ask(ctx, call{
		op: op, site: Intl, device: intlDevice(d), base: c.bases.passportIntl, path: pathIntlGenerate,
		query: c.visitor.query(c.visitor.Platform), urgent: true,
	})
	if err != nil {
		return Code{}, err
	}
	data := r.object("data")
	content, _ := data.text("qr_url")
	key, ok := ticketOf(content)
	// Another type is a picture for something else than a login.
	if kind, said := data.text("qr_type"); !ok || said && kind != qrTypeLogin {
		return Code{}, unknown(op, "the answer holds no usable code")
	}
	return Code{
		URL: secret.New(content), Key: secret.New(key), ExpiresAt: r.sentAt.Add(codeLifetime),
		Cookies: forDomain(r.cookies, intlDomain),
	}, nil
}

// ticketOf finds the key that the polls name in the content of a code. Neither
// its host nor the ticket's length has always been the same.
func ticketOf(content string) (string, bool) {
	if !isPlainURL(content) {
		return "", false
	}
	u, err := url.Parse(content)
	if err != nil {
		return "", false
	}
	key := u.Query().Get("ticket")
	return key, key != ""
}

// Poll gives a grant whose cookies include those of the code. It has no refresh token,
// as this realm knows no refresh of cookies; the app's tokens that a "tv" login
// brings are left out, because nothing here could use them.
func (c intl) Poll(ctx context.Context, d Device, code Code) (Scan, error) {
	const op = "intl/auth/fetch"
	r, err := c.ask(ctx, call{
		op: op, site: Intl, device: intlDevice(d), cookies: code.Cookies,
		base: c.bases.passportIntl, path: pathIntlPoll,
		query: c.visitor.query(c.visitor.Platform) + "&ticket=" + url.QueryEscape(code.Key.Reveal()),
		poll:  true, urgent: true,
	})
	if err != nil {
		return intlState(r, code, err)
	}
	data := r.object("data")
	set := forDomain(r.cookies, intlDomain)
	if body := data.object("cookie_info").bodyCookies("cookies", r.received); len(body) > 0 {
		set = mergeMissing(set, forDomain(body, intlDomain))
	}
	var hop string
	for _, name := range []string{"go_url", "redirect_url", "url"} { // the later ones since 2026
		if hop == "" {
			hop, _ = data.text(name)
		}
	}
	mid, ok := data.number("mid")
	if !ok {
		mid, _ = data.object("token_info").number("mid")
	}
	return Scan{State: Granted, Grant: Grant{
		Cookies: cookie.Set(code.Cookies, set...), HopURL: secret.New(hop), At: r.received, BodyMid: max(mid, 0), Left: r.left,
	}}, nil
}

// intlState reads the states that are codes of the envelope here, and so came
// out as errors.
func intlState(r reply, code Code, err error) (Scan, error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Class == Unknown && e.HTTPStatus == 200 {
		switch e.Code {
		case codeIntlNotScanned:
			return Scan{State: Waiting}, nil
		case codeIntlScanned:
			return Scan{State: Scanned}, nil
		case codeIntlGone:
			return Scan{State: Expired}, nil
		}
	}
	grant, ok := salvage(r)
	if !ok {
		return Scan{}, err
	}
	grant.Cookies = cookie.Set(code.Cookies, forDomain(grant.Cookies, intlDomain)...)
	return Scan{State: Granted, Grant: grant}, nil
}

// bodyCookies reads the list of cookies in a login's body: name, value, and
// flags as 0 and 1. What a Set-Cookie line would be left out for is left out
// here as well.
func (f fields) bodyCookies(name string, now time.Time) []Cookie {
	var cookies []Cookie
	for _, item := range f.list(name, maxBodyCookies) {
		name, _ := item.text("name")
		value, _ := item.text("value")
		if cookie.CheckName(name) != nil || isTransient(name) || value == "" || !cookie.Sendable(value) {
			continue
		}
		c := Cookie{
			Name: name, Value: secret.New(value), Domain: "." + intlDomain, Path: "/",
			HTTPOnly: item.truthy("http_only"), Secure: item.truthy("secure"),
		}
		if seconds, ok := item.number("expires"); ok && seconds > 0 && seconds < 1<<33 {
			c.Expires = time.Unix(seconds, 0).UTC()
			if !c.Expires.After(now) {
				continue
			}
		}
		cookies = cookie.Set(cookies, c)
	}
	return cookies
}
