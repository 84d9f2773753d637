package output

import (
	"encoding/json"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
)

// The full… types are the keeper's own form. Names stay as they are.
type fullCredential struct {
	Account      string       `json:"account"`
	Site         string       `json:"site"`
	Mid          int64        `json:"mid"`
	Uname        string       `json:"uname"`
	Generation   uint64       `json:"generation"`
	IssuedAt     *time.Time   `json:"issued_at"`
	ExpiresAt    *time.Time   `json:"expires_at"`
	UserAgent    string       `json:"user_agent"`
	Cookies      []fullCookie `json:"cookies"`
	RefreshToken string       `json:"refresh_token,omitempty"`
}

type fullCookie struct {
	Name     string     `json:"name"`
	Value    string     `json:"value"`
	Domain   string     `json:"domain"`
	Path     string     `json:"path"`
	Expires  *time.Time `json:"expires"`
	HTTPOnly bool       `json:"http_only"`
	Secure   bool       `json:"secure"`
	SameSite string     `json:"same_site,omitempty"`
}

func full(c keeper.Credential, _ Options) ([]byte, error) {
	f := fullCredential{
		Account: c.Account, Site: c.Site, Mid: c.Mid, Uname: c.Uname, Generation: c.Generation,
		IssuedAt: known(c.IssuedAt), ExpiresAt: known(c.ExpiresAt), UserAgent: c.UserAgent,
		Cookies: []fullCookie{}, RefreshToken: c.RefreshToken.Reveal(),
	}
	for _, k := range c.Cookies {
		f.Cookies = append(f.Cookies, fullCookie{
			Name: k.Name, Value: k.Value.Reveal(), Domain: k.Domain, Path: path(k), Expires: known(k.Expires),
			HTTPOnly: k.HTTPOnly, Secure: k.Secure, SameSite: k.SameSite,
		})
	}
	return encode(f)
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func encode(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	return append(b, '\n'), err
}

// apiCredential has the names of the keyword arguments of bilibili-api's
// Credential, which bili-sync has taken over. The readers take every key for
// granted, an empty token included; without one bili-sync has to run with
// --disable-credential-refresh. It alone knows no buvid4.
type apiCredential struct {
	Session string  `json:"sessdata"`
	CSRF    string  `json:"bili_jct"`
	Buvid3  string  `json:"buvid3"`
	Buvid4  *string `json:"buvid4,omitempty"`
	Mid     string  `json:"dedeuserid"`
	Token   string  `json:"ac_time_value"`
}

func api(c keeper.Credential) apiCredential {
	return apiCredential{
		Session: c.Value(cookieSession), CSRF: c.Value(cookieCSRF), Buvid3: c.Value(cookieBuvid3), Mid: uid(c), Token: c.RefreshToken.Reveal(),
	}
}

func bilibiliAPI(c keeper.Credential, _ Options) ([]byte, error) {
	a, buvid4 := api(c), c.Value(cookieBuvid4)
	a.Buvid4 = &buvid4
	return encode(a)
}

func biliSync(c keeper.Credential, _ Options) ([]byte, error) {
	return encode(map[string]apiCredential{"credential": api(c)})
}

type biliupFile struct {
	CookieInfo biliupCookies `json:"cookie_info"`
	SSO        []string      `json:"sso"`
	Platform   *string       `json:"platform"`
}

type biliupCookies struct {
	Cookies []biliupCookie `json:"cookies"`
	Domains []string       `json:"domains"`
}

type biliupCookie struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	HTTPOnly int    `json:"http_only"`
	Expires  int64  `json:"expires"`
	Secure   int    `json:"secure"`
}

// biliup is the cookies.json of biliup, as far as a session of the web fills
// it. It serves biliup's recorder, as user.bili_cookie_file, which reads the
// cookies alone. It does not serve the uploader: that demands token_info, asks
// the site about the app's token in it before each use, and stops on an error
// even where the cookies are good. A session of the web has no such token, and
// one that is made up would only move the error to a later place, so there is
// no token_info.
func biliup(c keeper.Credential, _ Options) ([]byte, error) {
	f := biliupFile{
		CookieInfo: biliupCookies{Cookies: []biliupCookie{}, Domains: []string{"." + siteDomain(c)}},
		SSO:        []string{"https://passport.bilibili.com/api/v2/sso"},
	}
	for _, k := range c.Cookies {
		entry := biliupCookie{Name: k.Name, Value: k.Value.Reveal(), HTTPOnly: number(k.HTTPOnly), Secure: number(k.Secure)}
		if !k.Expires.IsZero() {
			entry.Expires = k.Expires.Unix()
		}
		f.CookieInfo.Cookies = append(f.CookieInfo.Cookies, entry)
	}
	return encode(f)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// toolpro is the cookies.json of BiliBiliToolPro. The list holds one account
// after another; this is a file for one.
func toolpro(c keeper.Credential, _ Options) ([]byte, error) {
	return encode(map[string][]string{"BiliBiliCookies": {pairs(c, ";")}})
}

// bililiveRecorder is the part of BililiveRecorder's config.json that holds the
// cookie, in a file that it could start with. It is read at the start alone and
// holds the rooms too, so a running recorder is better served by a push.
func bililiveRecorder(c keeper.Credential, _ Options) ([]byte, error) {
	type optional struct {
		HasValue bool
		Value    string
	}
	return encode(struct {
		Version int                 `json:"version"`
		Global  map[string]optional `json:"global"`
		Rooms   []string            `json:"rooms"`
	}{3, map[string]optional{"Cookie": {true, line(c)}}, []string{}})
}
