package passport

import (
	"context"
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
