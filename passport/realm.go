package passport

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/sitehost"
)

// Site is one of the vendor's two realms. Accounts, cookies and tokens of one
// mean nothing to the other.
type Site string

// The realms.
const (
	Web  Site = "web"  // bilibili.com
	Intl Site = "intl" // bilibili.tv
)

// Realm is what both sites can be asked. What bilibili.com alone has (the
// refresh, the login by SMS, the device's identifiers) belongs to the Client.
type Realm interface {
	logins
	sessions
}

// logins are the steps of a login by QR code.
type logins interface {
	// Generate asks for a new code. Code.Cookies have to be kept with it. Only
	// bilibili.com has more than one profile.
	Generate(context.Context, Device, Profile) (Code, error)
	// Poll asks how far a code has come. Granted comes once: the next poll of
	// the same code says Expired. So the caller saves the grant before any other
	// request, Collect included. And it must not cancel ctx while a poll is under
	// way: the site may have answered, and that answer would be lost. Let the
	// poll end (the client bounds it), then stop polling.
	Poll(context.Context, Device, Code) (Scan, error)
	// Collect completes a grant whose Scan was not Whole. The grant is returned
	// as far as it got, beside an error too. Where it lacks nothing
	// (Grant.Missing), an error is one of a place that the login is only made
	// known at: it may be tried again, and put up with in the end, unless it is
	// ErrRefusedHost. ErrIncomplete says that the site never gave a session.
	Collect(context.Context, Device, Grant) (Grant, error)
}

// sessions are what can be asked about a session. An error's class is Dead
// where the site says that nobody is logged in, and only then.
type sessions interface {
	// CheckSession asks whether a session is alive and whether it should be
	// refreshed. It is the cheapest check, and proves nothing about whose
	// session it is.
	CheckSession(context.Context, Session) (Info, error)
	// Identify asks whose session it is; the caller compares the mid with the
	// one that it expects.
	Identify(context.Context, Session) (Identity, error)
	// Logout ends a session at the site. Only a person's explicit wish is a
	// reason for it; a rotation is none. A session that had ended before is
	// ErrAlreadyOut.
	Logout(context.Context, Session) error
}

// web and intl are the two realms.
type (
	web  struct{ *Client }
	intl struct{ *Client }
)

// Realm returns what both sites can be asked, at one of them.
func (c *Client) Realm(s Site) Realm {
	if s == Intl {
		return intl{c}
	}
	return web{c}
}

// Endpoints are the base URLs of the roles that the site's hosts play. An empty
// one stands for the site's own host.
type Endpoints struct {
	Passport, API, WWW, PassportGame, PassportIntl, APIIntl string
}

// Real reports whether the site's own hosts play a role in a login or a check.
// Where they do, the rules of politeness cannot be relaxed.
func (e Endpoints) Real() bool {
	e = e.filled()
	return ownURL(e.Passport) || ownURL(e.API)
}

func (e Endpoints) filled() Endpoints {
	return Endpoints{
		Passport:     cmp.Or(e.Passport, sitehost.Passport),
		API:          cmp.Or(e.API, sitehost.API),
		WWW:          cmp.Or(e.WWW, sitehost.WWW),
		PassportGame: cmp.Or(e.PassportGame, sitehost.PassportGame),
		PassportIntl: cmp.Or(e.PassportIntl, sitehost.PassportIntl),
		APIIntl:      cmp.Or(e.APIIntl, sitehost.APIIntl),
	}
}

// bases are parsed Endpoints.
type bases struct {
	passport, api, www, passportGame, passportIntl, apiIntl *url.URL
}

func (e Endpoints) parse() (bases, error) {
	e = e.filled()
	var b bases
	for _, role := range []struct {
		name, text string
		into       **url.URL
	}{
		{"passport", e.Passport, &b.passport},
		{"api", e.API, &b.api},
		{"www", e.WWW, &b.www},
		{"passport_game", e.PassportGame, &b.passportGame},
		{"passport_intl", e.PassportIntl, &b.passportIntl},
		{"api_intl", e.APIIntl, &b.apiIntl},
	} {
		u, err := parseBase(role.text)
		if err != nil {
			return bases{}, fmt.Errorf("endpoint %s: %w", role.name, err)
		}
		*role.into = u
	}
	return b, nil
}

func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("not a URL of the form https://host")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("the scheme must be https or http")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("only scheme, host and port may be given")
	case u.Scheme == "http" && sitehost.Own(u.Hostname()):
		return nil, fmt.Errorf("the site's own hosts are asked over https only")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

func ownURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && sitehost.Own(u.Hostname())
}
