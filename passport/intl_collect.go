package passport

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/sitehost"
)

const (
	opIntlHop = "intl/sso"

	pathIntlTargets = "/x/intl/passport-login/web/sso/list"

	// maxIntlHops is how many redirects one target may make.
	maxIntlHops = 8
	// maxIntlTargets is far above what the site names.
	maxIntlTargets = 16
)

// Collect completes a login of the international site, as its pages do: it
// asks for the list of places that have to know of the login, checks all of
// them, and then visits each. The page of the grant's HopURL is visited where
// the site says that nobody is logged in without it, and once at most.
//
// One place that does not answer does not spoil the others. A place that is
// none of the site's does: ErrRefusedHost, before any was visited, or in the
// middle of a redirect. The grant is returned as far as it got, beside an error
// too; where the error's class is Unreachable or Blocked, trying again later
// makes sense. A nil error says that nothing is left to do, not that the
// session is alive: that is Identify's to say. ErrIncomplete says that the site
// never gave a session.
//
// A "tv" login has everything in its body and is returned without a request.
func (c intl) Collect(ctx context.Context, d Device, g Grant) (Grant, error) {
	if c.visitor.Platform == platformTV && cookie.Has(g.Cookies, cookieSession) {
		return g, nil
	}
	w := &intlWalk{realm: c, device: intlDevice(d), own: slices.Clone(g.Cookies)}
	failed := w.complete(ctx, g.HopURL.Reveal())
	g.Cookies = w.cookies()
	switch {
	case failed != nil:
		return g, failed
	case cookie.Has(g.Cookies, cookieSession):
		return g, nil
	case w.failed != nil:
		return g, w.failed
	}
	e := unknown(opIntlHop, "the login succeeded, but its replies lack "+cookieSession)
	e.Err = ErrIncomplete
	return g, e
}

// intlWalk is a login on its way through the site's hosts.
type intlWalk struct {
	realm  intl
	device Device
	// own are the cookies for bilibili.tv, sister those that biliintl.com set.
	// Neither domain is sent the other's, as in a browser.
	own, sister []Cookie
	// failed is why a place could not be visited, the latest of several.
	failed *Error
}

// cookies are what the walk gathered. The sister domain sets cookies of the
// same names for itself, so its cookies only fill gaps.
func (w *intlWalk) cookies() []Cookie {
	var login []Cookie
	for _, c := range w.sister {
		if slices.Contains(loginCookies(), c.Name) {
			login = append(login, c)
		}
	}
	return mergeMissing(w.own, forDomain(login, intlDomain))
}

func (w *intlWalk) session() Session { return Session{Device: w.device, Cookies: w.cookies()} }

// complete returns what makes it pointless or forbidden to go on.
func (w *intlWalk) complete(ctx context.Context, goURL string) *Error {
	visited := false
	targets, e := w.targets(ctx)
	if e != nil && e.Code == codeNotLoggedIn && goURL != "" {
		if e := w.visitHop(ctx, goURL); e != nil {
			return e
		}
		visited = true
		targets, e = w.targets(ctx)
	}
	// A list that is not understood, or that nobody may see, has no targets.
	// Whether the login needed them is for the check to say.
	if e != nil && (e.Class != Unknown || errors.Is(e, ErrRefusedHost)) {
		return e
	}
	if e := w.visitAll(ctx, targets); e != nil {
		return e
	}
	if visited || goURL == "" {
		return nil
	}
	if cookie.Has(w.cookies(), cookieSession) {
		alive, e := w.alive(ctx)
		if alive || e != nil {
			return e
		}
	}
	return w.visitHop(ctx, goURL)
}

// alive reports whether the hop is not needed any more.
func (w *intlWalk) alive(ctx context.Context) (bool, *Error) {
	id, err := w.realm.Identify(ctx, w.session())
	if err == nil {
		w.own = cookie.Set(w.own, id.Cookies...)
		return true, nil
	}
	e, ok := errors.AsType[*Error](err)
	if ok && e.Class != Dead && e.Class != Unknown {
		return false, e
	}
	return false, nil
}

// targets asks for the list and checks all that it names. The request has the
// cookies of a login that is not finished, so it counts as one without a
// session: no answer to it may call a session dead.
func (w *intlWalk) targets(ctx context.Context) ([]*url.URL, *Error) {
	const op = "intl/sso/list"
	r, e := w.realm.do(ctx, call{
		op: op, site: Intl, device: w.device, cookies: w.cookies(), urgent: true,
		base: w.realm.bases.passportIntl, path: pathIntlTargets, query: w.realm.visitor.query(platformWeb),
	})
	w.own = cookie.Set(w.own, forDomain(r.cookies, intlDomain)...)
	if e != nil {
		return nil, e
	}
	texts, ok := r.object("data").texts("sso", maxIntlTargets)
	if !ok {
		return nil, unknown(op, "the list of the places to visit is not understood")
	}
	var targets []*url.URL
	for _, text := range texts {
		target, e := w.realm.target(nil, text)
		if e != nil {
			return nil, e
		}
		targets = append(targets, target)
	}
	return targets, nil
}

func (w *intlWalk) visitAll(ctx context.Context, targets []*url.URL) *Error {
	for _, target := range targets {
		if e := w.visit(ctx, target); endsWalk(ctx, e) {
			return e
		} else if e != nil {
			w.failed = e
		}
	}
	return nil
}

// visitHop visits the page that the login's reply named. It is asked for only
// where the login needs it, so its failure is not passed over.
func (w *intlWalk) visitHop(ctx context.Context, goURL string) *Error {
	target, e := w.realm.target(nil, goURL)
	if e != nil {
		return e
	}
	return w.visit(ctx, target)
}

// endsWalk tells what concerns the whole walk from the trouble of one place.
func endsWalk(ctx context.Context, e *Error) bool {
	return e != nil && (e.Class == Blocked || errors.Is(e, ErrRefusedHost) || ctx.Err() != nil)
}

// visit follows one target through its redirects.
func (w *intlWalk) visit(ctx context.Context, target *url.URL) *Error {
	for range maxIntlHops + 1 {
		base := w.realm.base(target)
		sister := inDomain(target.Hostname(), intlSister)
		cookies := w.own
		if sister {
			cookies = w.sister
		}
		r, e := w.realm.do(ctx, call{
			op: opIntlHop, site: Intl, device: w.device, cookies: cookies, kind: kindHop, urgent: true,
			base: base, path: target.Path, rawPath: target.RawPath, query: target.RawQuery,
		})
		if e != nil {
			return e
		}
		w.keep(r.cookies, sister)
		if r.location == "" || r.status < 300 || r.status > 399 {
			return nil
		}
		if target, e = w.realm.target(target, r.location); e != nil {
			return e
		}
	}
	return unknown(opIntlHop, "a place of the login redirects without an end")
}

func (w *intlWalk) keep(cookies []Cookie, sister bool) {
	for _, c := range cookies {
		if sister || inDomain(strings.TrimPrefix(c.Domain, "."), intlSister) {
			w.sister = cookie.Set(w.sister, c)
		} else {
			w.own = cookie.Set(w.own, forDomain([]Cookie{c}, intlDomain)...)
		}
	}
}

// target checks a place that a reply leads to. It returns the place as the
// site names it; where it is asked in a mirror is base's matter.
func (c intl) target(from *url.URL, text string) (*url.URL, *Error) {
	if from == nil {
		from = &url.URL{Scheme: httpsScheme, Host: "www." + intlDomain, Path: "/"}
	}
	u, err := from.Parse(text)
	if err != nil || text == "" || u.User != nil || u.Opaque != "" {
		return nil, refusedTarget()
	}
	u.Host, u.Fragment, u.RawFragment = strings.ToLower(u.Host), "", ""
	port := u.Port() == "" && !strings.HasSuffix(u.Host, ":") || u.Port() == "443"
	own := u.Scheme == httpsScheme && port && (inDomain(u.Hostname(), intlDomain) || inDomain(u.Hostname(), intlSister))
	if own || isBase(u, c.bases.passportIntl) || isBase(u, c.bases.apiIntl) {
		return u, nil
	}
	return nil, refusedTarget()
}

// isBase reports whether a place is on one of the endpoints.
func isBase(u, base *url.URL) bool {
	return u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host)
}

// base is where a checked place is really asked: in a mirror the endpoints
// play the roles of all the site's hosts.
func (c intl) base(u *url.URL) *url.URL {
	passport, api := c.bases.passportIntl, c.bases.apiIntl
	switch {
	case isBase(u, passport), isBase(u, api):
	case isHost(u, "api."+intlDomain):
		return api
	case !sitehost.Own(passport.Hostname()):
		return passport
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}
}

func refusedTarget() *Error {
	return &Error{
		Op: opIntlHop, Class: Unknown, Err: ErrRefusedHost,
		Detail: "the login leads to a place that is none of the site's, it was not visited",
	}
}
