package input

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// The names of header fields that may stand before the pairs.
const (
	requestField  = "cookie:"
	responseField = "set-cookie:"
)

// header reads "name=value; name=value", as a browser's tools show it, a tool
// keeps it, or a person pastes it.
func (c *collector) header(text string) *Error {
	c.pairs(cookieLines(outerQuotes(strings.TrimSpace(text))))
	return nil
}

// cookieLines finds the Cookie line among the other lines of a request that
// was copied whole. Without one, every line counts.
func cookieLines(text string) string {
	var named []string
	for line := range strings.Lines(text) {
		if rest, ok := cutPrefixFold(strings.TrimSpace(line), requestField); ok && strings.TrimSpace(rest) != "" {
			named = append(named, rest)
		}
	}
	if len(named) > 0 {
		return strings.Join(named, ";")
	}
	// Some browsers copy the name and the content as two lines.
	rest, _ := cutPrefixFold(text, requestField)
	return rest
}

// stripFieldName takes the name of a header field off.
func stripFieldName(line string) string {
	rest, ok := cutPrefixFold(line, requestField)
	if !ok {
		rest, _ = cutPrefixFold(line, responseField)
	}
	return rest
}

// pairs takes names and values. A line's end separates like a semicolon: a
// value that an editor wrapped cannot be told from two values. Of several lines
// those without a cookie of a login are left out: beside one in a file of
// settings stand other programs' secrets, and a cookie goes to the site.
func (c *collector) pairs(text string) {
	several := strings.Contains(strings.TrimSpace(text), "\n")
	for line := range strings.Lines(commaBetween().ReplaceAllString(text, "; $1=")) {
		if several && strings.Contains(line, "=") && !ofLogin().MatchString(line) {
			continue
		}
		for part := range strings.SplitSeq(stripFieldName(strings.TrimSpace(line)), ";") {
			part = strings.TrimSpace(part)
			name, value, ok := strings.Cut(part, "=")
			name = strings.TrimSpace(name)
			switch {
			case part == "" || isAttribute(name):
			case !ok:
				c.nameless++
			default:
				c.pair(name, value)
			}
		}
	}
}

// commaBetween is a comma that stands where a semicolon belongs: a pair of a login
// follows. Commas within SESSDATA are followed by no name.
var commaBetween = lazyregexp.New(`,\s*(SESSDATA|bili_jct|DedeUserID|DedeUserID__ckMd5|sid|buvid3|buvid4|ac_time_value)=`)

// ofLogin finds a cookie of a login in a line.
var ofLogin = lazyregexp.New(`(^|[\s;,:"'])(SESSDATA|bili_jct|DedeUserID|DedeUserID__ckMd5|sid|buvid3|buvid4|ac_time_value)\s*=`)

// pair takes a cookie of which the format keeps no attributes. The site sets
// SESSDATA as HttpOnly and Secure; to forget that would let a tool that is
// handed the cookie send it in the clear.
func (c *collector) pair(name, value string) {
	session := name == cookieSession
	c.add(cookie.Cookie{Name: name, Value: secret.New(value), HTTPOnly: session, Secure: session})
}

// isAttribute names what stands among the pairs and is no cookie: the
// attributes of a Set-Cookie line, and the parameters of the query that
// BBDown's file was made of.
func isAttribute(name string) bool {
	return slices.Contains([]string{
		"path", "domain", "expires", "max-age", "samesite", "httponly", "secure", "priority", "partitioned",
		"gourl", "first_domain",
	}, strings.ToLower(name))
}

// The names of the environment that are read. A number after envCookieOf is
// the account's.
const (
	envCookie   = "BILIBILI_COOKIE"
	envCookieOf = envCookie + "_"
	envSession  = "BILIBILI_SESSDATA"
)

// env reads lines of assignments: those that the keeper writes, and the
// BILIBILI_COOKIE_<uid>=… of RSSHub. Other names are other programs'.
func (c *collector) env(text string) *Error {
	var accounts []string
	for line := range strings.Lines(text) {
		name, value, ok := assignment(line)
		if !ok {
			continue
		}
		value = shellValue(value)
		if account, ok := strings.CutPrefix(name, envCookieOf); ok {
			if !slices.Contains(accounts, account) {
				accounts = append(accounts, account)
			}
			if len(accounts) > 1 {
				return &Error{What: "it holds the logins of several accounts; give the line of one", Err: ErrSeveral}
			}
			c.claimMid(account)
			c.pairs(value)
			continue
		}
		switch name {
		case envCookie:
			c.pairs(value)
		case envSession:
			c.pair(cookieSession, value)
		case "BILIBILI_JCT":
			c.pair(cookieCSRF, value)
		case "BILIBILI_UID":
			c.pair(cookieMid, value)
		case "BILIBILI_BUVID3":
			c.pair(cookieBuvid3, value)
		case "BILIBILI_REFRESH_TOKEN":
			c.takeToken(value)
		}
	}
	return nil
}

// assignment takes NAME=value apart, with or without "export".
func assignment(line string) (name, value string, ok bool) {
	line = strings.TrimSpace(line)
	if rest, exported := strings.CutPrefix(line, "export "); exported {
		line = strings.TrimSpace(rest)
	}
	name, value, ok = strings.Cut(line, "=")
	return name, value, ok && strings.HasPrefix(name, "BILIBILI_")
}

// shellValue undoes the quotes that readers of such files want. A value without
// them is taken as it is: docker reads it so, and a shell could not.
func shellValue(v string) string {
	inner := outerQuotes(v)
	switch {
	case len(inner) == len(v):
	case v[0] == '\'':
		return strings.ReplaceAll(inner, `'\''`, "'")
	default:
		return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\$`, `$`, "\\`", "`").Replace(inner)
	}
	return v
}

// toolpro reads BiliBiliToolPro's list, a header each.
func (c *collector) toolpro(text string) *Error {
	var file struct {
		Cookies []word `json:"BiliBiliCookies"`
	}
	if err := readJSON(text, &file); err != nil {
		return err
	}
	logins := slices.DeleteFunc(file.Cookies, func(w word) bool { return strings.TrimSpace(string(w)) == "" })
	if len(logins) > 1 {
		return &Error{What: "it holds " + strconv.Itoa(len(logins)) + " logins; leave one", Err: ErrSeveral}
	}
	for _, l := range logins {
		_ = c.header(string(l))
	}
	return nil
}

func outerQuotes(v string) string {
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		return v[1 : len(v)-1]
	}
	return v
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}
