package input

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// The cookies of a login. DedeUserID is a prefix of DedeUserID__ckMd5, so names
// are always compared whole.
const (
	cookieSession = "SESSDATA"
	cookieCSRF    = "bili_jct"
	cookieMid     = "DedeUserID"
	cookieBuvid3  = "buvid3"
	cookieBuvid4  = "buvid4"
)

const (
	siteDomain   = "bilibili.com"
	cookieDomain = "." + siteDomain
	// tokenStorage is where the site's pages keep the refresh token in a
	// browser's local storage.
	tokenStorage = "ac_time_value"
)

// isLoginName names the cookies that tell a login from any other text, and the
// only ones that a note repeats: any other name may be a piece of a secret that
// a broken text put into its place.
func isLoginName(name string) bool {
	return slices.Contains([]string{cookieSession, cookieCSRF, cookieMid, "DedeUserID__ckMd5", "sid", cookieBuvid3, cookieBuvid4}, name)
}

// collector takes cookies as a format yields them, mends them, and remembers
// what it did.
type collector struct {
	now     time.Time
	cookies []Cookie
	at      map[string]int // name → index in cookies
	token   secret.String
	mid     int64
	// appLogin is set where the login is the app's, not the web's.
	appLogin bool
	tally
}

func newCollector(now time.Time) *collector {
	return &collector{now: now, at: map[string]int{}, tally: tally{doubled: map[string]bool{}}}
}

// add takes one cookie.
func (c *collector) add(k Cookie) {
	k.Name = strings.TrimSpace(k.Name)
	k.Domain = strings.ToLower(strings.TrimSpace(k.Domain))
	value, unquoted := unquote(strings.TrimSpace(k.Value.Reveal()))
	if k.Name == "" || value == "" {
		return
	}
	if k.Domain == "" {
		k.Domain = cookieDomain
	}
	switch {
	case !ofSite(k.Domain):
		c.foreign++
		c.foreignSession = c.foreignSession || k.Name == cookieSession
		return
	case k.Name == tokenStorage, k.Name == "refresh_token":
		c.tokenCookie = c.takeToken(value) || c.tokenCookie
		return
	case strings.HasPrefix(k.Name, "bili_ticket"):
		c.ticket = true
		return
	case !sendable(k.Name) || strings.ContainsAny(k.Name, "= ,\"") || !sendable(value):
		c.damaged++
		c.damagedSession = c.damagedSession || k.Name == cookieSession
		return
	case k.Name != cookieSession && c.over(k):
		c.expired++
		return
	}
	c.unquoted = c.unquoted || unquoted
	k.Value = secret.New(c.mend(k.Name, value))
	if k.Path == "" {
		k.Path = "/"
	}
	c.keep(k)
}

// mend brings the values that tools are known to change back into the form in
// which the site sets them.
func (c *collector) mend(name, value string) string {
	switch name {
	case cookieSession:
		if once, ok := decodeTwice(value); ok {
			value, c.twice = once, true
		}
		if whole, ok := encodeCommas(value); ok {
			value, c.commas = whole, true
		}
	case cookieBuvid4:
		if encoded, ok := encodeBuvid4(value); ok {
			value, c.buvid4 = encoded, true
		}
	}
	return value
}

// keep decides between cookies of one name. A jar that was merged from several
// holds an old SESSDATA beside the new one; the new one lives longer.
func (c *collector) keep(k Cookie) {
	i, ok := c.at[k.Name]
	if !ok {
		c.at[k.Name] = len(c.cookies)
		c.cookies = append(c.cookies, k)
		return
	}
	if !c.cookies[i].Value.Equal(k.Value) {
		if isLoginName(k.Name) {
			c.doubled[k.Name] = true
		} else {
			c.doubledOther = true
		}
	}
	if c.life(k) >= c.life(c.cookies[i]) {
		c.cookies[i] = k
	}
}

// life orders cookies by how long they live: over, for the browser's session,
// until a time.
func (c *collector) life(k Cookie) int64 {
	switch {
	case c.over(k):
		return -1
	case k.Expires.IsZero():
		return 0
	}
	return k.Expires.Unix()
}

func (c *collector) over(k Cookie) bool { return !k.Expires.IsZero() && !k.Expires.After(c.now) }

// takeToken takes the web refresh token; the first one found counts.
func (c *collector) takeToken(value string) bool {
	value, _ = unquote(strings.TrimSpace(value))
	if !c.token.IsZero() || value == "" || !sendable(value) {
		return false
	}
	c.token = secret.New(value)
	return true
}

// claimMid is for formats that name the account beside the cookies.
func (c *collector) claimMid(text string) { c.mid = parseMid(text) }

func parseMid(text string) int64 {
	mid, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || mid < 0 {
		return 0
	}
	return mid
}

func (c *collector) value(name string) string {
	if i, ok := c.at[name]; ok {
		return c.cookies[i].Value.Reveal()
	}
	return ""
}

// login returns what was collected.
func (c *collector) login() (Login, *Error) {
	if err := c.lacksSession(); err != nil {
		return Login{}, err
	}
	l := Login{
		Cookies: c.cookies, RefreshToken: c.token, Mid: c.mid,
		Buvid3: secret.New(c.value(cookieBuvid3)), Buvid4: secret.New(decodeBuvid4(c.value(cookieBuvid4))),
	}
	if own := c.value(cookieMid); own != "" {
		l.Mid = parseMid(own)
		c.noNumber = l.Mid == 0
	}
	c.sessionOver = c.over(c.cookies[c.at[cookieSession]])
	c.appToken = c.appLogin && c.token.IsZero()
	l.Notes = c.notes()
	return l, nil
}

func (c *collector) lacksSession() *Error {
	if _, ok := c.at[cookieSession]; ok {
		return nil
	}
	switch {
	case c.damagedSession:
		return &Error{What: "SESSDATA holds a character that no cookie can hold: it was damaged on its way", Err: ErrUnreadable}
	case c.foreignSession:
		return &Error{What: "the SESSDATA in it is not one of " + siteDomain, Err: ErrNoSession}
	case c.firstBad > 0:
		return &Error{Line: c.firstBad, What: "it has not the seven fields of a cookie, and no other line holds SESSDATA", Err: ErrUnreadable}
	}
	return &Error{What: "there is no SESSDATA in it", Err: ErrNoSession}
}

// ofSite reports whether a cookie's domain is the site's. The international
// site, bilibili.tv, has logins of its own.
func ofSite(domain string) bool {
	domain = strings.TrimPrefix(strings.ToLower(domain), ".")
	return domain == siteDomain || strings.HasSuffix(domain, "."+siteDomain)
}
