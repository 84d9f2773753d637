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

// The cookies of a login.
const (
	cookieSession = "SESSDATA"
	cookieCSRF    = "bili_jct"
	cookieMid     = "DedeUserID"
	cookieMidSum  = "DedeUserID__ckMd5"
	cookieSid     = "sid"
	cookieBuvid3  = "buvid3"
	cookieBuvid4  = "buvid4"
)

// The sites' own domains.
const (
	webDomain  = "bilibili.com"
	gameDomain = "biligame.com"
	intlDomain = "bilibili.tv"
	// intlSister is where a login of the international site is carried on to.
	intlSister = "biliintl.com"
)

func requiredCookies() []string { return []string{cookieSession, cookieCSRF, cookieMid} }

func loginCookies() []string {
	return []string{cookieSession, cookieCSRF, cookieMid, cookieMidSum, cookieSid}
}

// Cookie is one cookie as the site set it.
type Cookie = cookie.Cookie

// A browser takes no longer line, and no site needs more cookies for a login.
const (
	maxCookieLine = 4096
	maxCookies    = 64
)

// LeftOut counts the cookies of a reply that were not kept.
type LeftOut struct {
	Foreign int `json:"foreign,omitempty"` // of a domain that is not the site's
	Many    int `json:"many,omitempty"`    // beyond the most that are kept
	Long    int `json:"long,omitempty"`    // longer than a browser takes
}

// Notes says so, a sentence each.
func (l LeftOut) Notes() []string {
	var notes []string
	for _, one := range []struct {
		n    int
		what string
	}{
		{l.Foreign, "of another domain than the site's"},
		{l.Many, "beyond the first " + strconv.Itoa(maxCookies)},
		{l.Long, "longer than 4 KiB"},
	} {
		switch {
		case one.n == 1:
			notes = append(notes, "1 cookie "+one.what+" was left out")
		case one.n > 1:
			notes = append(notes, strconv.Itoa(one.n)+" cookies "+one.what+" were left out")
		}
	}
	return notes
}

// parseSetCookies reads Set-Cookie lines. Lines with an empty value or an
// expiry in the past are left out: on an error reply they would wipe a session
// that is still good. So are the cookies that must not be kept, those of
// strangers, and what goes beyond the limits; the login's own cookies count as
// the site's wherever they are said to belong.
func parseSetCookies(lines []string, now time.Time) (cookies []Cookie, left LeftOut) {
	for _, line := range lines {
		if len(line) > maxCookieLine {
			left.Long++
			continue
		}
		parsed, err := http.ParseSetCookie(line)
		if err != nil || parsed.Value == "" || isTransient(parsed.Name) {
			continue
		}
		if !ofSite(parsed.Domain) && !slices.Contains(loginCookies(), parsed.Name) {
			left.Foreign++
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
		if len(cookies) < maxCookies || cookie.Has(cookies, c.Name) || slices.Contains(loginCookies(), c.Name) {
			cookies = cookie.Set(cookies, c)
		} else {
			left.Many++
		}
	}
	return cookies, left
}

// ofSite reports whether a cookie's domain is one of the site's. A cookie that
// names none belongs to the host that was asked.
func ofSite(domain string) bool {
	domain = strings.TrimPrefix(domain, ".")
	return domain == "" || slices.ContainsFunc([]string{webDomain, gameDomain, intlDomain, intlSister}, func(own string) bool {
		return inDomain(domain, own)
	})
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

// forDomain gives cookies that were collected by name the domain that they are
// used on: a hop on a sister domain sets them for itself.
func forDomain(cookies []Cookie, domain string) []Cookie {
	for i, c := range cookies {
		if !inDomain(strings.TrimPrefix(c.Domain, "."), domain) {
			cookies[i].Domain = "." + domain
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

// mergeMissing adds to have what it lacks, by name, and nothing else.
//
// SESSDATA and bili_jct belong together: a csrf token of another session is
// refused. So where either is missing and more brings both, both are taken.
func mergeMissing(have, more []Cookie) []Cookie {
	merged := have
	pair := (!cookie.Has(have, cookieSession) || !cookie.Has(have, cookieCSRF)) &&
		cookie.Has(more, cookieSession) && cookie.Has(more, cookieCSRF)
	for _, c := range more {
		ofPair := c.Name == cookieSession || c.Name == cookieCSRF
		if !cookie.Has(have, c.Name) || pair && ofPair {
			merged = cookie.Set(merged, c)
		}
	}
	return merged
}

// Expiry returns when the session ends at the latest: the earlier of SESSDATA's
// Expires and the time written in its second field. The site may end it long
// before. Zero where neither is known.
func Expiry(cookies []Cookie) time.Time {
	c, _ := cookie.Find(cookies, cookieSession)
	attribute, nominal := c.Expires, sessionExpiry(c.Value.Reveal())
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
