package output

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Options say what a caller asked for by name.
type Options struct {
	WithRefreshToken bool
	// Template is the text of the format "template", and of no other.
	Template string
}

// Rendered is a credential in one format.
type Rendered struct {
	Body        []byte
	ContentType string
}

// siteIntl is the Site of a login at bilibili.tv.
const siteIntl = "intl"

// The cookies that tools ask for by name.
const (
	cookieSession = "SESSDATA"
	cookieCSRF    = "bili_jct"
	cookieMid     = "DedeUserID"
	cookieBuvid3  = "buvid3"
	cookieBuvid4  = "buvid4"
	// tokenName is what the site's pages, and tools after them, call the refresh
	// token. Some keep it among the cookies; it is none.
	tokenName = "ac_time_value"
)

// Render writes the credential in a format. Every error is an [*Error] around
// one of the sentinels.
func Render(name string, c keeper.Credential, o Options) (Rendered, error) {
	f, ok := find(name)
	if !ok {
		return Rendered{}, &Error{What: fmt.Sprintf("%v %q: there are %s", ErrUnknownFormat, name, strings.Join(Formats(), ", ")), Err: ErrUnknownFormat}
	}
	if err := f.suits(&c, o); err != nil {
		return Rendered{}, err
	}
	body, err := f.render(c, o)
	if err != nil {
		return Rendered{}, err
	}
	return Rendered{Body: body, ContentType: f.contentType}, nil
}

// suits reports why a credential cannot be written in a format, and takes out
// of it what must not be.
func (f format) suits(c *keeper.Credential, o Options) error {
	switch {
	case o.WithRefreshToken && !f.token:
		return &Error{What: fmt.Sprintf("%v: %s", ErrNoRefreshToken, f.name), Err: ErrNoRefreshToken}
	case o.Template != "" && f.name != formatTemplate:
		return &Error{What: "a template's text goes with the format template, not with " + f.name, Err: ErrTemplate}
	case c.Site == siteIntl && !f.intl:
		return f.unsuitable("it is read by a tool that knows bilibili.com alone, and this login is one of bilibili.tv")
	}
	if !o.WithRefreshToken {
		c.RefreshToken = secret.String{}
	}
	c.Cookies = slices.DeleteFunc(slices.Clone(c.Cookies), func(k cookie.Cookie) bool { return stray(k.Name) })
	for _, k := range c.Cookies {
		if k.Name == "" || !f.holds(k.Name) || strings.Contains(k.Name, "=") || !f.holds(k.Value.Reveal()) {
			return f.unsuitable("a cookie holds a character that has no place in it")
		}
	}
	if !f.holds(c.RefreshToken.Reveal()) {
		return f.unsuitable("the refresh token holds a character that has no place in it")
	}
	return nil
}

func (f format) unsuitable(what string) error {
	return &Error{What: f.name + ": " + what, Err: ErrUnsuitable}
}

// stray names what is found among cookies and must not be handed on: a ticket
// that is kept with a session is known to end it within days, and the other is
// the refresh token.
func stray(name string) bool {
	return strings.HasPrefix(name, "bili_ticket") || name == tokenName
}

// pairs joins the cookies as name=value.
func pairs(c keeper.Credential, separator string) string {
	all := make([]string, 0, len(c.Cookies))
	for _, k := range c.Cookies {
		all = append(all, k.Name+"="+k.Value.Reveal())
	}
	return strings.Join(all, separator)
}

// line is the value of a Cookie header. It ends with a semicolon: the
// patterns with which blrec and BililiveRecorder look for DedeUserID and buvid3
// demand one after each.
func line(c keeper.Credential) string {
	if len(c.Cookies) == 0 {
		return ""
	}
	return pairs(c, "; ") + ";"
}

// domain is the one for which a cookie is sent, with the dot that says that the
// site's other hosts are meant too. The site sets its cookies for all of them;
// without the dot, readers would send them to one host alone.
func domain(c keeper.Credential, k cookie.Cookie) string {
	d := k.Domain
	if d == "" {
		d = siteDomain(c)
	}
	return "." + strings.TrimPrefix(d, ".")
}

func siteDomain(c keeper.Credential) string {
	if c.Site == siteIntl {
		return "bilibili.tv"
	}
	return "bilibili.com"
}

// path is the one for which a cookie is sent.
func path(k cookie.Cookie) string { return cmp.Or(k.Path, "/") }
