package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

func (c *collector) list(cookies cookieList, domain string) {
	for _, k := range cookies {
		c.add(k.asCookie(domain))
	}
}

// cookieList leaves out what holds nothing while it reads, so that a small
// text of empty objects does not become a large list.
type cookieList []jsonCookie

// UnmarshalJSON implements [json.Unmarshaler].
func (l *cookieList) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t == nil {
		return err
	} else if t != json.Delim('[') {
		return errors.New("no list")
	}
	for d.More() {
		var k jsonCookie
		if err := d.Decode(&k); err != nil {
			return err
		}
		if k = k.plain(); k.Name != "" && k.Value != "" {
			*l = append(*l, k)
		}
	}
	return nil
}

// jsonCookie is a cookie under the names that the tools have for its
// attributes. encoding/json matches names in any case.
type jsonCookie struct {
	Name           word `json:"name"`
	Value          word `json:"value"`
	Domain         word `json:"domain"`
	Path           word `json:"path"`
	Expires        when `json:"expires"`        // keeper, biliup, Playwright, Puppeteer
	ExpirationDate when `json:"expirationDate"` // extensions, CookieCloud
	Expiry         when `json:"expiry"`         // WebDriver
	HTTPOnly       flag `json:"httpOnly"`
	HTTPOnlySnake  flag `json:"http_only"` // keeper, biliup
	Secure         flag `json:"secure"`
	SameSite       word `json:"sameSite"`
	SameSiteSnake  word `json:"same_site"` // keeper

	// Cookie Quick Manager's names.
	HostRaw    word `json:"Host raw"`
	NameRaw    word `json:"Name raw"`
	PathRaw    word `json:"Path raw"`
	ContentRaw word `json:"Content raw"`
	ExpiresRaw when `json:"Expires raw"`
	SecureRaw  flag `json:"Send for raw"`
	OnlyRaw    flag `json:"HTTP only raw"`
}

// plain puts names that only one writer has in the place of the usual ones.
func (k jsonCookie) plain() jsonCookie {
	if k.NameRaw == "" {
		return k
	}
	host := string(k.HostRaw)
	if u, err := url.Parse(host); err == nil && u.Host != "" {
		host = u.Host
	}
	k.Name, k.Value, k.Domain, k.Path, k.Expires = k.NameRaw, k.ContentRaw, word(host), k.PathRaw, k.ExpiresRaw
	k.Secure, k.HTTPOnly = k.SecureRaw, k.OnlyRaw
	return k
}

func (k jsonCookie) asCookie(domain string) cookie.Cookie {
	if k.Domain != "" {
		domain = string(k.Domain)
	}
	c := cookie.Cookie{
		Name: string(k.Name), Value: secret.New(string(k.Value)), Domain: domain, Path: string(k.Path),
		HTTPOnly: bool(k.HTTPOnly || k.HTTPOnlySnake), Secure: bool(k.Secure),
		SameSite: sameSite(string(k.SameSite + k.SameSiteSnake)),
	}
	for _, w := range []when{k.Expires, k.ExpirationDate, k.Expiry} {
		if c.Expires.IsZero() {
			c.Expires = time.Time(w)
		}
	}
	return c
}

func sameSite(text string) string {
	switch strings.ToLower(text) {
	case "lax":
		return "Lax"
	case "strict":
		return "Strict"
	case "none", "no_restriction":
		return "None"
	}
	return ""
}

// word is a text that some writers give as a number. What is neither is as good
// as missing: an attribute that nobody needs must not cost the login.
type word string

// UnmarshalJSON implements [json.Unmarshaler].
func (w *word) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*w = word(s)
	} else if data[0] == '-' || data[0] >= '0' && data[0] <= '9' {
		*w = word(data)
	}
	return nil
}

// flag is true, 1 or a text of either.
type flag bool

// UnmarshalJSON implements [json.Unmarshaler].
func (f *flag) UnmarshalJSON(data []byte) error {
	b, err := strconv.ParseBool(strings.Trim(string(data), `"`))
	*f = flag(b && err == nil)
	return nil
}

func (w when) time() time.Time { return time.Time(w) }

// when is a time in seconds, RFC 3339 or the form of a Set-Cookie line.
type when time.Time

// UnmarshalJSON implements [json.Unmarshaler].
func (w *when) UnmarshalJSON(data []byte) error {
	var text word
	_ = text.UnmarshalJSON(data)
	if t, err := time.Parse(time.RFC3339, string(text)); err == nil {
		*w = when(t.UTC())
	} else if t, err := http.ParseTime(string(text)); err == nil {
		*w = when(t.UTC())
	} else {
		*w = when(seconds(string(text)))
	}
	return nil
}
