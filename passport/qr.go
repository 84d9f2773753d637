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
	codeLifetime = 180 * time.Second
	pathGenerate = "/x/passport-login/web/qrcode/generate"
	pathPoll     = "/x/passport-login/web/qrcode/poll"

	// qrSource has to be the same on generate and poll.
	qrSource = "main-fe-header"
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
}

// Missing returns the names of the required cookies that are not there.
func (g Grant) Missing() []string {
	return slices.DeleteFunc(requiredCookies(), func(name string) bool { return hasCookie(g.Cookies, name) })
}

// Mid returns the account's number as the cookies have it, else as the body had
// it, 0 where neither does. It proves nothing; Nav does.
func (g Grant) Mid() int64 {
	mid, err := strconv.ParseInt(cookieValue(g.Cookies, cookieMid).Reveal(), 10, 64)
	if err != nil || mid <= 0 {
		return g.BodyMid
	}
	return mid
}

// Generate asks for a new QR code.
func (c *Client) Generate(ctx context.Context, d Device) (Code, error) {
	const op = "qrcode/generate"
	r, err := c.ask(ctx, call{
		op: op, device: d, base: c.bases.passport, path: pathGenerate,
		query: "source=" + qrSource, urgent: true,
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
	return Code{URL: secret.New(content), Key: secret.New(key), ExpiresAt: r.sentAt.Add(codeLifetime)}, nil
}

func isPlainURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// Poll asks how far a code has come.
//
// The site delivers Granted once: the next poll of the same code says Expired.
// So the caller saves the grant before any other request, Collect included,
// even when Grant.Missing names cookies. And it must not cancel ctx while a
// poll is under way: the site may have answered, and that answer would be lost.
// Let the poll end (the client bounds it), then stop polling.
func (c *Client) Poll(ctx context.Context, d Device, code Code) (Scan, error) {
	const op = "qrcode/poll"
	r, err := c.ask(ctx, call{
		op: op, device: d, base: c.bases.passport, path: pathPoll,
		query: "qrcode_key=" + url.QueryEscape(code.Key.Reveal()) + "&source=" + qrSource,
		poll:  true, urgent: true,
	})
	if err != nil {
		if grant, ok := salvage(r); ok {
			return Scan{State: Granted, Grant: grant}, nil
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
		return Scan{State: Granted, Grant: grant}, nil
	}
	e := unknown(op, "state "+strconv.FormatInt(state, 10)+" of the code is not known")
	e.Code = int(state)
	return Scan{}, e
}

func (r reply) grant() Grant {
	return Grant{Cookies: forSite(r.cookies), At: r.received}
}

// salvage takes a success from the headers of a reply whose body broke off. The
// site sets the login's cookies on a success only, and it will not say so
// again. What is lost is the refresh token: the session works, unrefreshable.
func salvage(r reply) (Grant, bool) {
	grant := r.grant()
	if r.status != 200 || r.fields != nil || len(grant.Missing()) > 0 {
		return Grant{}, false
	}
	return grant, true
}
