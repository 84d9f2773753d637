package passport

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	pathIntlGenerate = "/x/intl/passport-login/qrcode/auth/url"
	pathIntlPoll     = "/x/intl/passport-login/qrcode/auth/fetch"

	// maxBodyCookies is far above what a login sets.
	maxBodyCookies = 64
)

// IntlGenerate asks the international site for a new QR code. Code.Cookies have
// to be kept with it, as the polls carry them.
//
// How long such a code lives is not documented. ExpiresAt is the 180 s of the
// other realm's codes; the site's Expired may come earlier or later.
func (c *Client) IntlGenerate(ctx context.Context, d Device) (Code, error) {
	const op = "intl/auth/url"
	r, err := c.ask(ctx, call{
		op: op, site: Intl, device: intlDevice(d), base: c.bases.passportIntl, path: pathIntlGenerate,
		query: c.intl.query(c.intl.Platform), urgent: true,
	})
	if err != nil {
		return Code{}, err
	}
	content, _ := r.object("data").text("qr_url")
	key, ok := ticketOf(content)
	if !ok {
		return Code{}, unknown(op, "the answer holds no usable code")
	}
	return Code{
		URL: secret.New(content), Key: secret.New(key), ExpiresAt: r.sentAt.Add(codeLifetime),
		Cookies: forIntl(r.cookies),
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

// IntlPoll asks how far a code has come.
//
// As with Poll, Granted comes once: the caller saves the grant before any other
// request, IntlCollect included, and does not cancel ctx while a poll is under
// way. The grant's cookies include those of the code. It has no refresh token,
// as this realm knows no refresh of cookies; the app's tokens that a "tv" login
// brings are left out, because nothing here could use them.
func (c *Client) IntlPoll(ctx context.Context, d Device, code Code) (Scan, error) {
	const op = "intl/auth/fetch"
	r, err := c.ask(ctx, call{
		op: op, site: Intl, device: intlDevice(d), cookies: code.Cookies,
		base: c.bases.passportIntl, path: pathIntlPoll,
		query: c.intl.query(c.intl.Platform) + "&ticket=" + url.QueryEscape(code.Key.Reveal()),
		poll:  true, urgent: true,
	})
	if err != nil {
		return intlState(r, code, err)
	}
	data := r.object("data")
	set := forIntl(r.cookies)
	if body := data.object("cookie_info").bodyCookies("cookies", r.received); len(body) > 0 {
		set = mergeMissing(set, forIntl(body))
	}
	goURL, _ := data.text("go_url")
	mid, ok := data.number("mid")
	if !ok {
		mid, _ = data.object("token_info").number("mid")
	}
	return Scan{State: Granted, Grant: Grant{
		Cookies: replaced(code.Cookies, set), HopURL: secret.New(goURL), At: r.received, BodyMid: max(mid, 0),
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
	grant.Cookies = replaced(code.Cookies, forIntl(grant.Cookies))
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
		if !isCookieName(name) || isTransient(name) || value == "" || !sendable(value) {
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
		cookies = setCookie(cookies, c)
	}
	return cookies
}

// isCookieName is stricter than the standard and takes every name of the site.
func isCookieName(name string) bool {
	return name != "" && len(name) <= 128 && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}
