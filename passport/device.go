package passport

import (
	"context"
	"hash/fnv"
	"net/url"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Device is what the site sees of the place that an account lives in. It stays
// the same for the account's life: a session whose browser changes between two
// requests looks stolen.
type Device struct {
	UserAgent string `json:"user_agent"`
	// Buvid3 and Buvid4 are the site's device identifiers, as it gave them
	// (Buvid4 not percent-encoded). Empty before the first Fingerprint.
	Buvid3 secret.String `json:"buvid3,omitempty"`
	Buvid4 secret.String `json:"buvid4,omitempty"`
	// Key is an opaque, stable name under which the limiter keeps the account's
	// budget. It is never sent.
	Key string `json:"-"`
}

// Profile names the page of bilibili.com that a login by QR code comes from: where
// it says it is, and what it sends along. Reports differ on which of the two
// always learns of a confirmed code, so where one may have failed the other is
// taken.
type Profile string

// The profiles.
const (
	ProfileHeader Profile = ""         // the small login in the header of every page
	ProfileLogin  Profile = "passport" // the page for logging in
)

// Other is the profile to try where this one may have failed.
func (p Profile) Other() Profile {
	if p == ProfileLogin {
		return ProfileHeader
	}
	return ProfileLogin
}

// request is what a profile's requests have of their own.
func (p Profile) request() (referer, query string) {
	if p == ProfileLogin {
		return "https://passport.bilibili.com/login", "source=main_web&web_location=333.1228&x-bili-redirect=1"
	}
	return originWeb + "/", "source=main-fe-header"
}

// userAgents is small on purpose: common browsers, none of them a rarity that
// would make its owner stand out.
var userAgents = [...]string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:152.0) Gecko/20100101 Firefox/152.0",
	"Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0",
}

// NewUserAgent returns a desktop browser's string, the same for a seed each
// time. Keep the result with the account: the table changes with the program.
func NewUserAgent(seed string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(seed))
	return userAgents[h.Sum32()%uint32(len(userAgents))]
}

// userAgent never returns "": the site answers a missing one with HTTP 412.
func (d Device) userAgent() string {
	if d.UserAgent != "" {
		return d.UserAgent
	}
	return NewUserAgent(d.Key)
}

// encodedBuvid4 is the form of a Cookie header: the raw one may hold "=" and
// "/". A value with a "%" was encoded by whoever it was taken from.
func (d Device) encodedBuvid4() string {
	raw := d.Buvid4.Reveal()
	if strings.Contains(raw, "%") {
		return raw
	}
	return url.QueryEscape(raw)
}

// Fingerprint asks the site for device identifiers and returns the device with
// them. Ask once in an account's life and keep the answer with the account.
func (c *Client) Fingerprint(ctx context.Context, d Device) (Device, error) {
	const op = "finger/spi"
	r, err := c.ask(ctx, call{op: op, device: d, base: c.bases.api, path: "/x/frontend/finger/spi"})
	if err != nil {
		return d, err
	}
	data := r.object("data")
	b3, ok3 := data.text("b_3")
	b4, _ := data.text("b_4")
	if !ok3 || !cookie.Sendable(b3) || b3 == "" {
		return d, unknown(op, "the answer holds no device identifier")
	}
	d.Buvid3, d.Buvid4 = secret.New(b3), secret.New(b4)
	return d, nil
}
