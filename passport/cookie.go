package passport

import (
	"net/http"
	"net/url"
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
	cookieMidSum  = "DedeUserID__ckMd5"
	cookieSid     = "sid"
	cookieBuvid3  = "buvid3"
	cookieBuvid4  = "buvid4"
)

const cookieDomain = ".bilibili.com"

func requiredCookies() []string { return []string{cookieSession, cookieCSRF, cookieMid} }

func loginCookies() []string {
	return []string{cookieSession, cookieCSRF, cookieMid, cookieMidSum, cookieSid}
}

// Cookie is one cookie as the site set it.
type Cookie = cookie.Cookie

// parseSetCookies reads Set-Cookie lines. Lines with an empty value or an
// expiry in the past are left out: on an error reply they would wipe a session
// that is still good. So are the cookies that must not be kept.
func parseSetCookies(lines []string, now time.Time) []Cookie {
	var cookies []Cookie
	for _, line := range lines {
		parsed, err := http.ParseSetCookie(line)
		if err != nil || parsed.Value == "" || isTransient(parsed.Name) {
			continue
		}
		c := Cookie{
			Name: parsed.Name, Value: secret.New(parsed.Value),
			Domain: parsed.Domain, Path: parsed.Path, Expires: parsed.Expires,
			HTTPOnly: parsed.HttpOnly, Secure: parsed.Secure, SameSite: sameSite(parsed.SameSite),
		}
		switch {
		case parsed.MaxAge > 0: // overrides Expires, RFC 6265 5.3
			c.Expires = now.Add(time.Duration(min(parsed.MaxAge, maxAgeLimit)) * time.Second).UTC()
		case parsed.MaxAge < 0, !c.Expires.IsZero() && !c.Expires.After(now):
			continue
		}
		cookies = setCookie(cookies, c)
	}
	return cookies
}

// maxAgeLimit is ten years: more would overflow a duration, and means the same.
const maxAgeLimit = 10 * 365 * 24 * 3600

func sameSite(s http.SameSite) string {
	switch s {
	case http.SameSiteLaxMode:
		return "Lax"
	case http.SameSiteStrictMode:
		return "Strict"
	case http.SameSiteNoneMode:
		return "None"
	}
	return ""
}

// isTransient names what must neither be kept nor sent. A stored bili_ticket is
// known to end a session within days, and ac_time_value is the refresh token
// in the disguise of a cookie.
func isTransient(name string) bool {
	return strings.HasPrefix(name, "bili_ticket") || name == "ac_time_value"
}

// forSite gives cookies that were collected by name the domain that they are
// used on: a hop on a sister domain sets them for itself.
func forSite(cookies []Cookie) []Cookie {
	for i, c := range cookies {
		domain := strings.TrimPrefix(strings.ToLower(c.Domain), ".")
		if domain != "bilibili.com" && !strings.HasSuffix(domain, ".bilibili.com") {
			cookies[i].Domain = cookieDomain
		}
		if c.Path == "" {
			cookies[i].Path = "/"
		}
	}
	return cookies
}

// setCookie replaces the cookie of the same name or appends.
func setCookie(cookies []Cookie, c Cookie) []Cookie {
	if i := indexCookie(cookies, c.Name); i >= 0 {
		cookies[i] = c
		return cookies
	}
	return append(cookies, c)
}

func indexCookie(cookies []Cookie, name string) int {
	return slices.IndexFunc(cookies, func(c Cookie) bool { return c.Name == name })
}

// cookieValue is "no secret" where there is no cookie of that name.
func cookieValue(cookies []Cookie, name string) secret.String {
	if i := indexCookie(cookies, name); i >= 0 {
		return cookies[i].Value
	}
	return secret.String{}
}

// hasCookie reports whether a usable cookie of that name is there.
func hasCookie(cookies []Cookie, name string) bool {
	return !cookieValue(cookies, name).IsZero()
}

// mergeMissing adds to have what it lacks, by name, and nothing else.
//
// SESSDATA and bili_jct belong together: a csrf token of another session is
// refused. So where either is missing and more brings both, both are taken.
func mergeMissing(have, more []Cookie) []Cookie {
	merged := slices.Clone(have)
	pair := (!hasCookie(have, cookieSession) || !hasCookie(have, cookieCSRF)) &&
		hasCookie(more, cookieSession) && hasCookie(more, cookieCSRF)
	for _, c := range more {
		ofPair := c.Name == cookieSession || c.Name == cookieCSRF
		if !hasCookie(have, c.Name) || pair && ofPair {
			merged = setCookie(merged, c)
		}
	}
	return merged
}

// sendable reports whether a value can stand in a Cookie header. Only bytes
// that would end the value or the line are ruled out; everything else goes as
// it came.
func sendable(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f || r == ';' })
}

// Session is what a request is made with: a device and an account's cookies.
type Session struct {
	Device  Device
	Cookies []Cookie
}

// Header returns the content of one Cookie header, "a=b; c=d", with the values
// byte for byte.
func (s Session) Header() string {
	pairs := make([]string, 0, len(s.Cookies)+2)
	for _, c := range s.All() {
		pairs = append(pairs, c.Name+"="+c.Value.Reveal())
	}
	return strings.Join(pairs, "; ")
}

// All returns the cookies as they are sent: the session's own, then the
// device's identifiers where the cookies do not bring theirs. Names that must
// not be sent are left out, and so are values that would break the line.
func (s Session) All() []Cookie {
	all := make([]Cookie, 0, len(s.Cookies)+2)
	add := func(c Cookie) {
		value := c.Value.Reveal()
		if c.Name == "" || value == "" || hasCookie(all, c.Name) || isTransient(c.Name) || !sendable(value) || !sendable(c.Name) {
			return
		}
		all = append(all, c)
	}
	for _, c := range s.Cookies {
		add(c)
	}
	add(Cookie{Name: cookieBuvid3, Value: s.Device.Buvid3, Domain: cookieDomain, Path: "/"})
	add(Cookie{Name: cookieBuvid4, Value: secret.New(s.Device.encodedBuvid4()), Domain: cookieDomain, Path: "/"})
	return all
}

// Expiry returns when the session ends at the latest: the earlier of SESSDATA's
// Expires and the time written in its second field. The site may end it long
// before. Zero where neither is known.
func Expiry(cookies []Cookie) time.Time {
	i := indexCookie(cookies, cookieSession)
	if i < 0 {
		return time.Time{}
	}
	attribute, nominal := cookies[i].Expires, sessionExpiry(cookies[i].Value.Reveal())
	if attribute.IsZero() || !nominal.IsZero() && nominal.Before(attribute) {
		return nominal
	}
	return attribute
}

// sessionExpiry reads the second field of a SESSDATA, which decoded once is
// "<id>,<unix seconds>,<hash and more>".
func sessionExpiry(value string) time.Time {
	// PathUnescape, because QueryUnescape would turn "+" into a space.
	decoded, err := url.PathUnescape(value)
	if err != nil {
		decoded = value
	}
	fields := strings.SplitN(decoded, ",", 3)
	if len(fields) < 2 || len(fields[1]) < 9 || len(fields[1]) > 11 {
		return time.Time{}
	}
	seconds, err := strconv.ParseUint(fields[1], 10, 63)
	if err != nil || seconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}
