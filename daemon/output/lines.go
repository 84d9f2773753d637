package output

import (
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
)

// header has no line end: who reads the file whole would send it too.
func header(c keeper.Credential, _ Options) ([]byte, error) { return []byte(line(c)), nil }

// bbdown is BBDown.data: the query with which the site's login once handed the
// cookies on, and which BBDown now sends as its Cookie header. There is no line
// end, because it would be sent too.
func bbdown(c keeper.Credential, _ Options) ([]byte, error) {
	text := pairs(c, ";")
	if !c.ExpiresAt.IsZero() {
		text += ";Expires=" + strconv.FormatInt(c.ExpiresAt.Unix(), 10)
	}
	return []byte(text), nil
}

// netscape is the cookies.txt of curl, wget, yt-dlp and Python's http.cookiejar,
// which demands the first line and seven fields. The cookies that scripts must
// not see are not marked as such: the mark makes a comment of the line, and wget
// takes it for one, so that the session itself would not be sent. To a program
// that only sends cookies the mark says nothing.
//
// A cookie that ends with the browser's session is written with the end of the
// login. The 0 that stands for such a cookie elsewhere is the year 1970 to
// Python's reader, which then never sends it, and the site blocks requests that
// lack the device's cookies.
func netscape(c keeper.Credential, _ Options) ([]byte, error) {
	var b strings.Builder
	b.WriteString("# Netscape HTTP Cookie File\n")
	for _, k := range c.Cookies {
		end, expires := k.Expires, int64(0)
		if end.IsZero() {
			end = c.ExpiresAt
		}
		if !end.IsZero() {
			expires = end.Unix()
		}
		fields := []string{domain(c, k), "TRUE", path(k), upper(k.Secure), strconv.FormatInt(expires, 10), k.Name, k.Value.Reveal()}
		b.WriteString(strings.Join(fields, "\t") + "\n")
	}
	return []byte(b.String()), nil
}

func upper(b bool) string { return strings.ToUpper(strconv.FormatBool(b)) }

// env is for eval in a POSIX shell.
func env(c keeper.Credential, _ Options) ([]byte, error) {
	lines := [][2]string{
		{"BILIBILI_COOKIE", pairs(c, "; ")},
		{"BILIBILI_SESSDATA", c.Value(cookieSession)},
		{"BILIBILI_JCT", c.Value(cookieCSRF)},
		{"BILIBILI_UID", uid(c)},
		{"BILIBILI_BUVID3", c.Value(cookieBuvid3)},
	}
	if !c.RefreshToken.IsZero() {
		lines = append(lines, [2]string{"BILIBILI_REFRESH_TOKEN", c.RefreshToken.Reveal()})
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l[0] + "=" + shellQuote(l[1]) + "\n")
	}
	return []byte(b.String()), nil
}

// uid is the account's number as tools want it, "" where it is not known.
func uid(c keeper.Credential) string {
	if uid := c.Value(cookieMid); uid != "" || c.Mid == 0 {
		return uid
	}
	return strconv.FormatInt(c.Mid, 10)
}

// rsshub is a line of RSSHub's environment. It is read by three kinds of
// readers that disagree about quotes, hence by three formats:
//
//   - rsshub, as it is: docker run --env-file takes the line verbatim, and
//     quotes would become part of the value;
//   - rsshub-systemd: EnvironmentFile= undoes double quotes and backslashes, and
//     expands neither "%" nor "$";
//   - rsshub-shell: a POSIX shell, and the env_file of docker compose, which
//     looks for "$" in what is not in single quotes. Compose reads an apostrophe
//     in a value otherwise than a shell does; the site sets none.
func rsshub(quote func(string) string) func(keeper.Credential, Options) ([]byte, error) {
	return func(c keeper.Credential, _ Options) ([]byte, error) {
		name, value, err := rsshubEntry(c)
		if err != nil {
			return nil, err
		}
		return []byte(name + "=" + quote(value) + "\n"), nil
	}
}

func rsshubEntry(c keeper.Credential) (name, value string, err error) {
	uid := uid(c)
	if uid == "" || strings.Trim(uid, "0123456789") != "" {
		return "", "", &Error{What: "rsshub: the account's number is a part of the variable's name, and it is not known", Err: ErrUnsuitable}
	}
	return "BILIBILI_COOKIE_" + uid, pairs(c, "; "), nil
}

// RSSHub returns the name and the value of the variable from which RSSHub takes
// the account's cookies.
func RSSHub(c keeper.Credential) (name, value string, err error) {
	f, _ := find("rsshub")
	if err := f.suits(&c, Options{}); err != nil {
		return "", "", err
	}
	return rsshubEntry(c)
}

// shellQuote puts a text into single quotes, which keep everything but
// themselves as it is.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// systemdQuote puts a text into double quotes. Inside, systemd unescapes these
// four characters and no others, as a shell does.
func systemdQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`).Replace(s) + `"`
}
