package passport

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	maxHops     = 3
	opHop       = "crossDomain"
	hostGame    = "passport.biligame.com"
	hostWeb     = "passport.bilibili.com"
	pathHopOld  = "/crossDomain"
	pathHopWeb  = "/x/passport-login/web/crossDomain"
	httpsScheme = "https"
)

// Collect completes a grant that lacks cookies: it follows the grant's hop, by
// hand and only where the site's own hops lead, and takes what is still missing
// from the hop URL's query, where the site put it in former years. A complete
// grant is returned as it is, without a request.
//
// Where cookies are still missing afterwards the grant is returned as far as it
// got, with an error that says why: of the hop's own class where the hop
// failed (asking again makes sense), else Unknown with ErrIncomplete.
func (c *Client) Collect(ctx context.Context, d Device, g Grant) (Grant, error) {
	if len(g.Missing()) == 0 {
		return g, nil
	}
	cookies, failed := c.followHops(ctx, d, g)
	g.Cookies = mergeMissing(g.Cookies, cookies)
	if len(g.Missing()) > 0 {
		g.Cookies = mergeMissing(g.Cookies, queryCookies(g.HopURL.Reveal(), g.At))
	}
	missing := g.Missing()
	switch {
	case len(missing) == 0:
		return g, nil
	case failed != nil:
		return g, failed
	}
	e := unknown(opHop, "the login succeeded, but its reply lacks "+strings.Join(missing, ", "))
	e.Err = ErrIncomplete
	return g, e
}

// followHops gathers cookies by name from each reply. It ends where nothing is
// missing any more, where no redirect leads on, where one leads to a place that
// is none of the site's hops (its end is the site's front page), or at the
// third hop.
func (c *Client) followHops(ctx context.Context, d Device, g Grant) ([]Cookie, *Error) {
	var gathered []Cookie
	next, refused := c.hopTarget(nil, g.HopURL.Reveal())
	if refused != nil {
		return nil, refused
	}
	for range maxHops {
		if next == nil {
			break
		}
		r, e := c.do(ctx, call{
			op: opHop, device: d, kind: kindHop, urgent: true,
			base: &url.URL{Scheme: next.Scheme, Host: next.Host}, path: next.Path, query: next.RawQuery,
		})
		if e != nil {
			return gathered, e
		}
		for _, cookie := range forSite(r.cookies) {
			if slices.Contains(loginCookies(), cookie.Name) {
				gathered = setCookie(gathered, cookie)
			}
		}
		if r.location == "" || len(missingLogin(mergeMissing(g.Cookies, gathered))) == 0 {
			break
		}
		// A place that may not be asked is where the chain ends, no error.
		next, _ = c.hopTarget(next, r.location)
	}
	return gathered, nil
}

func missingLogin(cookies []Cookie) []string {
	return slices.DeleteFunc(loginCookies(), func(name string) bool { return hasCookie(cookies, name) })
}

// hopTarget decides where a hop's URL is really requested. It names the site's
// own hosts; where the endpoints are others, the request goes to the one that
// plays the same role. Nil without an error means that there is no hop.
func (c *Client) hopTarget(from *url.URL, text string) (*url.URL, *Error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err == nil && from != nil {
		u = from.ResolveReference(u)
	}
	if err != nil || u.User != nil || (u.Path != pathHopOld && u.Path != pathHopWeb) || u.RawPath != "" {
		return nil, refusedHop()
	}
	target := &url.URL{Path: u.Path, RawQuery: u.RawQuery}
	for _, role := range []struct {
		host string
		base *url.URL
	}{{hostGame, c.bases.passportGame}, {hostWeb, c.bases.passport}} {
		own := u.Scheme == httpsScheme && isHost(u, role.host)
		configured := u.Scheme == role.base.Scheme && strings.EqualFold(u.Host, role.base.Host)
		if own || configured {
			target.Scheme, target.Host = role.base.Scheme, role.base.Host
			return target, nil
		}
	}
	return nil, refusedHop()
}

func isHost(u *url.URL, host string) bool {
	return strings.EqualFold(u.Hostname(), host) && (u.Port() == "" || u.Port() == "443")
}

func refusedHop() *Error {
	return &Error{
		Op: opHop, Class: Unknown, Err: ErrRefusedHost,
		Detail: "the login's reply leads to a place that is none of the site's, it was not followed",
	}
}

// queryCookies reads the former form of the hop URL, which had the cookies in
// its query. It is split by hand: form decoding would turn "+" into a space and
// undo the "%2C" that belong to SESSDATA.
func queryCookies(hop string, at time.Time) []Cookie {
	_, query, _ := strings.Cut(hop, "?")
	query, _, _ = strings.Cut(query, "#")
	var cookies []Cookie
	var expires time.Time
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case name == "Expires":
			expires = queryExpiry(value, at)
		case slices.Contains(loginCookies(), name) && value != "" && sendable(value) && !strings.Contains(value, " "):
			cookies = setCookie(cookies, Cookie{
				Name: name, Value: secret.New(value), Domain: cookieDomain, Path: "/",
				HTTPOnly: name == cookieSession, Secure: name == cookieSession,
			})
		}
	}
	for i := range cookies {
		cookies[i].Expires = expires
	}
	return cookies
}

// queryExpiry knows both forms that were seen: unix seconds, and the seconds
// that the cookies live. Ten years tell them apart.
func queryExpiry(value string, at time.Time) time.Time {
	seconds, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil || seconds <= 0 || seconds > 1<<33:
		return time.Time{}
	case seconds > maxAgeLimit:
		return time.Unix(seconds, 0).UTC()
	case at.IsZero():
		return time.Time{}
	}
	return at.Add(time.Duration(seconds) * time.Second).UTC()
}
