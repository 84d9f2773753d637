package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Credential is what there is to render.
type Credential struct {
	Account    string
	Site       string
	Mid        int64
	Uname      string
	Generation uint64
	IssuedAt   time.Time
	ExpiresAt  time.Time
	// Cookies are in the order in which they are written.
	Cookies      []Cookie
	RefreshToken secret.String
	UserAgent    string
}

// Cookie is one cookie with its attributes. A Value is written as it is.
type Cookie struct {
	Name     string
	Value    secret.String
	Domain   string
	Path     string
	Expires  time.Time
	HTTPOnly bool
	Secure   bool
	SameSite string
}

// Options say what a caller asked for by name.
type Options struct{ WithRefreshToken bool }

// Errors of Render.
var (
	ErrUnknownFormat  = errors.New("unknown format")
	ErrNoRefreshToken = errors.New("this format has no place for the refresh token")
)

// Rendered is a credential in one format.
type Rendered struct {
	Body        []byte
	ContentType string
}

type format struct {
	contentType string
	// token is true where the format has a place for the refresh token.
	token  bool
	render func(c Credential) ([]byte, error)
}

const plain = "text/plain; charset=utf-8"

func formats() map[string]format {
	return map[string]format{
		"header":   {plain, false, header},
		"json":     {"application/json", true, full},
		"netscape": {plain, false, netscape},
		"env":      {plain, true, env},
	}
}

// Formats returns the names that Render knows.
func Formats() []string { return slices.Sorted(maps.Keys(formats())) }

// Render writes the credential in a format. It returns ErrUnknownFormat, or
// ErrNoRefreshToken where the token was asked for and the format would have to
// pass it off as a cookie.
func Render(name string, c Credential, o Options) (Rendered, error) {
	f, ok := formats()[name]
	if !ok {
		return Rendered{}, fmt.Errorf("%w %q: there are %s", ErrUnknownFormat, name, strings.Join(Formats(), ", "))
	}
	if o.WithRefreshToken && !f.token {
		return Rendered{}, fmt.Errorf("%w: %s", ErrNoRefreshToken, name)
	}
	if !o.WithRefreshToken {
		c.RefreshToken = secret.String{}
	}
	body, err := f.render(c)
	return Rendered{Body: body, ContentType: f.contentType}, err
}

// header ends with a semicolon: the patterns with which blrec and
// BililiveRecorder look for DedeUserID and buvid3 demand one.
func header(c Credential) ([]byte, error) {
	return []byte(line(c) + ";\n"), nil
}

func line(c Credential) string {
	pairs := make([]string, 0, len(c.Cookies))
	for _, k := range c.Cookies {
		pairs = append(pairs, k.Name+"="+k.Value.Reveal())
	}
	return strings.Join(pairs, "; ")
}

// netscape is the cookies.txt of curl, wget and Python's http.cookiejar, which
// demands the first line and seven fields.
func netscape(c Credential) ([]byte, error) {
	var b strings.Builder
	b.WriteString("# Netscape HTTP Cookie File\n")
	for _, k := range c.Cookies {
		domain := k.Domain
		if domain == "" {
			domain = defaultDomain(c.Site)
		}
		if !strings.HasPrefix(domain, ".") {
			// The site sets its cookies for the whole domain; without the dot
			// the readers would send them to that one host alone.
			domain = "." + domain
		}
		if k.HTTPOnly {
			domain = "#HttpOnly_" + domain
		}
		var expires int64 // 0: until the session ends
		if !k.Expires.IsZero() {
			expires = k.Expires.Unix()
		}
		fields := []string{domain, "TRUE", path(k), upper(k.Secure), strconv.FormatInt(expires, 10), k.Name, k.Value.Reveal()}
		b.WriteString(strings.Join(fields, "\t") + "\n")
	}
	return []byte(b.String()), nil
}

func defaultDomain(site string) string {
	if site == "intl" {
		return ".bilibili.tv"
	}
	return ".bilibili.com"
}

func path(k Cookie) string {
	if k.Path == "" {
		return "/"
	}
	return k.Path
}

func upper(b bool) string { return strings.ToUpper(strconv.FormatBool(b)) }

// env is for eval in a POSIX shell: single quotes keep everything but
// themselves as it is.
func env(c Credential) ([]byte, error) {
	value := map[string]string{}
	for _, k := range c.Cookies {
		value[k.Name] = k.Value.Reveal()
	}
	uid := value["DedeUserID"]
	if uid == "" && c.Mid != 0 {
		uid = strconv.FormatInt(c.Mid, 10)
	}
	lines := [][2]string{
		{"BILIBILI_COOKIE", line(c)},
		{"BILIBILI_SESSDATA", value["SESSDATA"]},
		{"BILIBILI_JCT", value["bili_jct"]},
		{"BILIBILI_UID", uid},
		{"BILIBILI_BUVID3", value["buvid3"]},
	}
	if !c.RefreshToken.IsZero() {
		lines = append(lines, [2]string{"BILIBILI_REFRESH_TOKEN", c.RefreshToken.Reveal()})
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l[0] + "='" + strings.ReplaceAll(l[1], "'", `'\''`) + "'\n")
	}
	return []byte(b.String()), nil
}

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

func full(c Credential) ([]byte, error) {
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
	b, err := json.MarshalIndent(f, "", "  ")
	return append(b, '\n'), err
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
