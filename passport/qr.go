package passport

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	codeLifetime = 180 * time.Second
	pathGenerate = "/x/passport-login/web/qrcode/generate"
	pathPoll     = "/x/passport-login/web/qrcode/poll"
)

// Code is a QR code that waits for a phone. Whoever holds either field before
// the scan can take part in the login.
type Code struct {
	// URL is the QR code's content, byte for byte.
	URL secret.String `json:"url"`
	Key secret.String `json:"key"`
	// ExpiresAt is 180 s after the request for it was sent; the site's own
	// word, Expired, may come earlier.
	ExpiresAt time.Time `json:"expires_at"`
	// Cookies are those that came with the code; only the international site's
	// polls need them.
	Cookies []Cookie `json:"cookies,omitempty"`
	// Profile is what the code was asked for with, and has to be asked about with.
	Profile Profile `json:"profile,omitempty"`
}

// ScanState is how far a code has come.
type ScanState string

// The states of a code.
const (
	Waiting ScanState = "waiting" // nobody scanned it
	Scanned ScanState = "scanned" // scanned, the tap on the phone is missing
	Expired ScanState = "expired" // run out, unknown, or used
	Granted ScanState = "granted" // the login is done
)

// Scan is the answer to a poll. Grant is set where State is Granted.
type Scan struct {
	State ScanState
	Grant Grant
	// Whole says that the grant can be put to use as it is. One that is not
	// needs Collect; the international site's always do.
	Whole bool
}

// Grant is what a successful login gave.
type Grant struct {
	Cookies []Cookie `json:"cookies"`
	// RefreshToken may be empty: such a session works but cannot be refreshed.
	RefreshToken secret.String `json:"refresh_token,omitempty"`
	// HopURL leads to what the cookies may still lack. It holds a ticket.
	HopURL secret.String `json:"hop_url,omitempty"`
	At     time.Time     `json:"at"`
	// BodyMid is the account's number where the reply's body has it, as the
	// international site's does, else 0.
	BodyMid int64 `json:"body_mid,omitempty"`
	// Left is what the reply brought beside it and was not kept.
	Left LeftOut `json:"left_out,omitzero"`
}

// Missing returns the names of the required cookies that are not there.
func (g Grant) Missing() []string {
	return slices.DeleteFunc(requiredCookies(), func(name string) bool { return cookie.Has(g.Cookies, name) })
}

// Mid returns the account's number as the cookies have it, else as the body had
// it, 0 where neither does. It proves nothing; Identify does.
func (g Grant) Mid() int64 {
	mid, err := strconv.ParseInt(cookie.Value(g.Cookies, cookieMid).Reveal(), 10, 64)
	if err != nil || mid <= 0 {
		return g.BodyMid
	}
	return mid
}

func (c web) Generate(ctx context.Context, d Device, p Profile) (Code, error) {
	const op = "qrcode/generate"
	referer, query := p.request()
	r, err := c.ask(ctx, call{
		op: op, device: d, base: c.bases.passport, path: pathGenerate,
		query: query, referer: referer, urgent: true,
	})
	if err != nil {
		return Code{}, err
	}
	data := r.object("data")
	content, _ := data.text("url")
	key, _ := data.text("qrcode_key")
	// The host is not checked, as it has changed before. The form is, because
	// the content is shown in terminals and sent to people as a link.
	if key == "" || !isPlainURL(content) {
		return Code{}, unknown(op, "the answer holds no usable code")
	}
	return Code{
		URL: secret.New(content), Key: secret.New(key), ExpiresAt: r.sentAt.Add(codeLifetime), Profile: p,
	}, nil
}

// AppLink is an address that opens a code's content in the site's app on the same
// phone, to be confirmed there. The content itself may open in a browser.
func AppLink(content secret.String) secret.String {
	if content.IsZero() {
		return secret.String{}
	}
	return secret.New("bilibili://browser?url=" + url.QueryEscape(content.Reveal()))
}

func isPlainURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func (c web) Poll(ctx context.Context, d Device, code Code) (Scan, error) {
	const op = "qrcode/poll"
	referer, query := code.Profile.request()
	r, err := c.ask(ctx, call{
		op: op, device: d, base: c.bases.passport, path: pathPoll, referer: referer,
		query: "qrcode_key=" + url.QueryEscape(code.Key.Reveal()) + "&" + query,
		poll:  true, urgent: true,
	})
	if err != nil {
		if grant, ok := salvage(r); ok {
			return granted(grant), nil
		}
		return Scan{}, err
	}
	data := r.object("data")
	state, ok := data.number("code")
	if !ok {
		return Scan{}, unknown(op, "the answer has no state")
	}
	switch state {
	case codeNotScanned:
		return Scan{State: Waiting}, nil
	case codeScanned:
		return Scan{State: Scanned}, nil
	case codeGone:
		return Scan{State: Expired}, nil
	case codeOK:
		grant := r.grant()
		token, _ := data.text("refresh_token")
		hop, _ := data.text("url")
		grant.RefreshToken, grant.HopURL = secret.New(token), secret.New(hop)
		return granted(grant), nil
	}
	e := unknown(op, "state "+strconv.FormatInt(state, 10)+" of the code is not known")
	e.Code = int(state)
	return Scan{}, e
}

func granted(g Grant) Scan { return Scan{State: Granted, Grant: g, Whole: len(g.Missing()) == 0} }

func (r reply) grant() Grant {
	return Grant{Cookies: forDomain(r.cookies, webDomain), At: r.received, Left: r.left}
}

// salvage takes a success from the headers of a reply whose body broke off, or
// that leads elsewhere instead of having one. The site sets the login's cookies
// on a success only, and it will not say so again. What is lost is the refresh
// token: the session works, unrefreshable.
func salvage(r reply) (Grant, bool) {
	grant := r.grant()
	if (r.status != http.StatusOK && r.status/100 != 3) || r.fields != nil || len(grant.Missing()) > 0 {
		return Grant{}, false
	}
	return grant, true
}

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
func (c web) Collect(ctx context.Context, d Device, g Grant) (Grant, error) {
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
		for _, one := range forDomain(r.cookies, webDomain) {
			if slices.Contains(loginCookies(), one.Name) {
				gathered = cookie.Set(gathered, one)
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
	return slices.DeleteFunc(loginCookies(), func(name string) bool { return cookie.Has(cookies, name) })
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
		case slices.Contains(loginCookies(), name) && value != "" && cookie.Sendable(value) && !strings.Contains(value, " "):
			cookies = cookie.Set(cookies, Cookie{
				Name: name, Value: secret.New(value), Domain: "." + webDomain, Path: "/",
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
