package input

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
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

// A browser takes no longer cookie, and no site needs more of them for a login.
const (
	maxCookie  = 4096
	maxCookies = 64
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
	cookies []cookie.Cookie
	at      map[string]int // name → index in cookies
	token   secret.String
	mid     int64
	// appLogin is set where the login is the app's, not the web's.
	appLogin bool
	// mids are the accounts' numbers that were seen; sessions counts SESSDATAs
	// beside the first of which nothing tells that one replaced the other.
	mids     map[int64]bool
	sessions int
	tally
}

func newCollector(now time.Time) *collector {
	return &collector{now: now, at: map[string]int{}, mids: map[int64]bool{}, tally: tally{doubled: map[string]bool{}}}
}

// add takes one cookie.
func (c *collector) add(k cookie.Cookie) {
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
	case len(k.Name)+1+len(value) > maxCookie:
		c.long++
		return
	case cookie.CheckName(k.Name) != nil || k.Name != cookieSession && cookie.CheckValue(value) != nil || cookie.CheckDomain(k.Domain) != nil:
		c.damaged++
		return
	case k.Name != cookieSession && c.over(k):
		c.expired++
		return
	case len(c.cookies) >= maxCookies && !isLoginName(k.Name):
		c.many++
		return
	}
	c.unquoted = c.unquoted || unquoted
	value = c.mend(k.Name, value)
	if !c.whole(k.Name, value) {
		return
	}
	k.Value = secret.New(value)
	if k.Path == "" || cookie.CheckPath(k.Path) != nil {
		k.Path = "/"
	}
	c.keep(k)
}

// whole looks at the values of a login for the form that the site gives them, and
// counts those that have another.
func (c *collector) whole(name, value string) bool {
	comma := strings.Contains(value, ",") // no cookie-octet: a reader may cut there
	switch {
	case comma && name != cookieSession:
		c.damaged++
		return false
	case name == cookieSession && (comma || cookie.CheckValue(value) != nil || !isSession(value)):
		c.damagedSession = true
		return false
	case name == cookieCSRF && !isToken(value):
		c.brokenCSRF = true
		return false
	case name == cookieMid:
		if mid := parseMid(value); mid != 0 {
			c.mids[mid] = true
		}
	}
	return true
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
func (c *collector) keep(k cookie.Cookie) {
	i, ok := c.at[k.Name]
	if !ok {
		c.at[k.Name] = len(c.cookies)
		c.cookies = append(c.cookies, k)
		return
	}
	if !c.cookies[i].Value.Equal(k.Value) {
		if k.Name == cookieSession && k.Expires.IsZero() && c.cookies[i].Expires.IsZero() {
			c.sessions++ // nothing says which of them is the newer one
		}
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
func (c *collector) life(k cookie.Cookie) int64 {
	switch {
	case c.over(k):
		return -1
	case k.Expires.IsZero():
		return 0
	}
	return k.Expires.Unix()
}

func (c *collector) over(k cookie.Cookie) bool { return !k.Expires.IsZero() && !k.Expires.After(c.now) }

// takeToken takes the web refresh token; the first one found counts.
func (c *collector) takeToken(value string) bool {
	value, _ = unquote(strings.TrimSpace(value))
	if !c.token.IsZero() || value == "" {
		return false
	}
	if !isToken(value) {
		c.brokenToken = true
		return false
	}
	c.token = secret.New(value)
	return true
}

// claimMid is for formats that name the account beside the cookies.
func (c *collector) claimMid(text string) { c.mid = parseMid(text) }

// parseMid reads an account's number, also one that a spreadsheet or a script has
// written as a float. It is 0 where it is none.
func parseMid(text string) int64 {
	text = strings.TrimSpace(text)
	mid, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		const exact = 1 << 53
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != math.Trunc(f) || f >= exact {
			return 0
		}
		mid = int64(f)
	}
	return max(mid, 0)
}

func (c *collector) value(name string) string {
	if i, ok := c.at[name]; ok {
		return c.cookies[i].Value.Reveal()
	}
	return ""
}

// login returns what was collected.
func (c *collector) login() (Login, *Error) {
	if c.sessions > 0 || len(c.mids) > 1 {
		return Login{}, &Error{What: "it holds the logins of several accounts; give that of one", Err: ErrSeveral}
	}
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
		l.Cookies = c.withNumber(l.Mid)
	}
	c.sessionOver = c.over(c.cookies[c.at[cookieSession]])
	c.appToken = c.appLogin && c.token.IsZero()
	l.Notes = c.notes()
	return l, nil
}

// withNumber returns the cookies with DedeUserID as a plain number, and without it
// where it is none.
func (c *collector) withNumber(mid int64) []cookie.Cookie {
	list := slices.Clone(c.cookies)
	i := c.at[cookieMid]
	if mid == 0 {
		return slices.Delete(list, i, i+1)
	}
	list[i].Value = secret.New(strconv.FormatInt(mid, 10))
	return list
}

func (c *collector) lacksSession() *Error {
	if _, ok := c.at[cookieSession]; ok {
		return nil
	}
	switch {
	case c.damagedSession:
		return &Error{What: "SESSDATA was damaged on its way: it is cut off, or holds what the site never puts into it; copy it anew, all of it", Err: ErrDamaged}
	case c.foreignSession:
		return &Error{What: "it is of another site: there is no SESSDATA of " + siteDomain + " in it", Err: ErrNoSession}
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
