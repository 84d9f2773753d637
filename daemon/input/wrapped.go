package input

import (
	"net/url"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// A login often comes wrapped in something else: a command that a browser copied,
// a tool's settings, a recording of requests. Only the cookie in it is taken;
// nothing else of such a text is kept or sent anywhere.

// isHeader reports whether a text is pairs of names and values and nothing else,
// but for the name of the header field, quotes around it, and what a Set-Cookie
// line or a copied request has beside them.
func isHeader(text string) bool {
	text = outerQuotes(strings.TrimSpace(text))
	if requestLine().MatchString(text) {
		return true // a whole request or reply, with fields by their names
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if _, response := cutPrefixFold(line, responseField); response {
			continue
		}
		// What stands before the first pair gives a wrapping away.
		first, _, _ := strings.Cut(stripFieldName(line), ";")
		name, value, ok := strings.Cut(strings.TrimSpace(first), "=")
		if ok && (cookie.CheckName(strings.TrimSpace(name)) != nil || wraps(value)) {
			return false
		}
	}
	return true
}

// requestLine is how a request or a reply begins, or one of its lines.
var requestLine = lazyregexp.New(`(?im)^(GET|POST|HEAD|PUT) \S+ HTTP/|^HTTP/[0-9.]+ |^(set-)?cookie:\s*\S*=`)

// wraps reports whether what follows a name and "=" is itself a pair of a login.
func wraps(value string) bool {
	name, _, ok := strings.Cut(strings.TrimLeft(value, "\"' "), "=")
	return ok && isLoginName(strings.TrimSpace(name))
}

func holdsSession(text string) bool {
	return strings.Contains(text, cookieSession+"=") || netCookie().MatchString(text) || sessionKey().MatchString(text)
}

// loginKey is a key of its own for one value of a login, as yutto's and bili-sync's
// settings have them; sessionKey is that of SESSDATA.
var (
	loginKey   = lazyregexp.New(`(?m)^\s*"?(sessdata|bili_jct|dedeuserid|buvid3|buvid4|ac_time_value)"?\s*[:=]\s*["']?([^"'\s,]+)["']?,?\s*$`)
	sessionKey = lazyregexp.New(`(?m)^\s*"?sessdata"?\s*[:=]\s*["'][^"'\s,]+["'],?\s*$`)
)

// ownLine is a line of settings for one of the login's other cookies, by the
// cookie's own name.
var ownLine = lazyregexp.New(`^\s*(?:-\s+)?["']?(?:export\s+|Environment=)?["']?(bili_jct|DedeUserID|DedeUserID__ckMd5|buvid3|buvid4|ac_time_value)["']?\s*[:=]\s*["']?([^"'\s;,]+)["']?,?\s*$`)

// siteName is a cookie's own name for a key of settings.
func siteName(key string) string {
	switch key {
	case "sessdata":
		return cookieSession
	case "dedeuserid":
		return cookieMid
	}
	return key
}

// netCookie is a cookie in what Chrome copies for PowerShell.
var netCookie = lazyregexp.New("System\\.Net\\.Cookie\\(\"([^\"`]*)\", \"([^\"]*)\"(?:, \"([^\"]*)\", \"([^\"]*)\")?")

// settings reads the cookie out of a command (curl, fetch, PowerShell) or of a
// tool's settings (an environment file, YAML, TOML, a compose file, JSON within
// text), wherever in it a quoted or a bare text of pairs holds SESSDATA.
func (c *collector) settings(text string) *Error {
	var words []string
	if isCommand(text) {
		words = shellWords(text)
	}
	if foreign(text, words) {
		c.foreignSession = true
		return nil
	}
	if c.command(words); c.value(cookieSession) != "" {
		return nil
	}
	if strings.Contains(text, `^"`) { // for cmd
		text = dropCarets(text)
	}
	for _, m := range netCookie().FindAllStringSubmatch(text, -1) {
		value := strings.ReplaceAll(m[2], "`", "")
		session := m[1] == cookieSession
		c.add(cookie.Cookie{Name: m[1], Value: secret.New(value), Path: m[3], Domain: m[4], HTTPOnly: session, Secure: session})
	}
	if sessionKey().MatchString(text) {
		for _, m := range loginKey().FindAllStringSubmatch(text, -1) {
			c.pair(siteName(m[1]), m[2])
		}
		return nil
	}
	for line := range strings.Lines(text) {
		for _, found := range cookieTexts(line) {
			c.pairs(found)
		}
		if m := ownLine().FindStringSubmatch(line); m != nil {
			c.pair(m[1], m[2])
		}
	}
	return nil
}

// cookieTexts returns the texts of pairs with SESSDATA in a line.
func cookieTexts(line string) []string {
	var list []string
	for from := 0; ; {
		i := strings.Index(line[from:], cookieSession+"=")
		if i < 0 {
			return list
		}
		begin, end := bounds(line, from+i)
		found := unwrapped(line[begin:end])
		if !slices.Contains(list, found) {
			list = append(list, found)
		}
		from = max(end, from+i+len(cookieSession))
	}
}

// bounds finds the quotes around a place in a line, or where what is not quoted
// begins and ends.
func bounds(line string, at int) (begin, end int) {
	for i := at - 1; i >= 0; i-- {
		if line[i] != '"' && line[i] != '\'' {
			continue
		}
		if j := strings.IndexByte(line[at:], line[i]); j >= 0 {
			return i + 1, at + j
		}
	}
	return 0, len(line)
}

// unwrapped takes off what stands before the first pair: a header's name, a key
// and its colon or equals sign, a flag.
func unwrapped(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndex(strings.ToLower(text), requestField); i >= 0 {
		text = text[i+len(requestField):]
	}
	first, rest, _ := strings.Cut(text, ";")
	for {
		name, value, ok := strings.Cut(first, "=")
		switch {
		case ok && wraps(value):
			first = value
			continue
		case ok && cookie.CheckName(strings.TrimSpace(name)) != nil:
			// The name is what follows the last blank or colon.
			if i := strings.LastIndexAny(name, " \t:"); i >= 0 {
				first = first[i+1:]
			}
		}
		return strings.TrimLeft(first, " \"'") + ";" + strings.TrimRight(rest, " \"',\r\n")
	}
}

// tableRow knows a row that was copied from the browser's table of cookies: name,
// value, domain, path, expiry and more, with tabs in between.
func tableRow(line string) (cookie.Cookie, bool) {
	fields := strings.Split(line, "\t")
	if len(fields) < 4 || cookie.CheckName(fields[0]) != nil || isFlag(fields[1]) || isFlag(fields[3]) ||
		!strings.Contains(fields[2], ".") || !strings.HasPrefix(fields[3], "/") {
		return cookie.Cookie{}, false
	}
	k := cookie.Cookie{Name: fields[0], Value: secret.New(fields[1]), Domain: fields[2], Path: fields[3]}
	if len(fields) > 4 {
		var w when
		_ = w.UnmarshalJSON([]byte(`"` + strings.Trim(fields[4], `"\`) + `"`))
		k.Expires = w.time()
	}
	if k.Name == cookieSession {
		k.HTTPOnly, k.Secure = true, true
	}
	return k, true
}

// devtools reads rows of the browser's table of cookies.
func (c *collector) devtools(text string) *Error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.Trim(line, "\r\n"); strings.TrimSpace(line) == "" {
			continue
		}
		if k, ok := tableRow(line); ok {
			c.add(k)
		} else {
			c.badLine(n)
		}
	}
	return nil
}

// har reads a recording of requests: the cookies that were sent to the site.
func (c *collector) har(text string) *Error {
	var file struct {
		Log struct {
			Entries []struct {
				Request struct {
					URL     word `json:"url"`
					Headers []struct {
						Name  word `json:"name"`
						Value word `json:"value"`
					} `json:"headers"`
					Cookies cookieList `json:"cookies"`
				} `json:"request"`
			} `json:"entries"`
		} `json:"log"`
	}
	if err := readJSON(text, &file); err != nil {
		return err
	}
	for _, e := range file.Log.Entries {
		u, err := url.Parse(string(e.Request.URL))
		if err != nil || !ofSite(u.Hostname()) {
			c.foreignSession = true
			continue
		}
		c.list(e.Request.Cookies, u.Hostname())
		if len(e.Request.Cookies) > 0 {
			continue
		}
		for _, h := range e.Request.Headers {
			if strings.EqualFold(string(h.Name), "cookie") {
				c.pairs(string(h.Value))
			}
		}
	}
	return nil
}
