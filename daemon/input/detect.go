package input

import (
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
)

// detect tells the format of a text by marks that no other format has. Where
// several fit, or none, it says so instead of taking the likeliest. The text is
// not blank.
func detect(text string) (string, *Error) {
	var found []string
	var err *Error
	switch strings.TrimSpace(text)[0] {
	case '{':
		found, err = detectObject(text)
	case '[':
		found = []string{"browser"}
		if section().MatchString(text) {
			found = detectText(text)
		}
	default:
		found = detectText(text)
	}
	switch {
	case err != nil:
		return "", err
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return "", &Error{What: "the format cannot be told; name it: " + strings.Join(Formats(), ", "), Err: ErrUnknownFormat}
	}
	return "", &Error{What: "it could be " + strings.Join(found, " or ") + "; name the format", Err: ErrUnknownFormat}
}

// section is how a file of settings begins whose first character is that of a JSON
// list.
var section = lazyregexp.New(`^\s*\[+[A-Za-z_][A-Za-z0-9_.-]*\]+\s*(\n|$)`)

// detectObject goes by the names at the top of a JSON object.
func detectObject(text string) ([]string, *Error) {
	keys, err := objectKeys(text)
	if err != nil {
		return nil, err
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return keys[n] })
	}
	var found []string
	add := func(format string, fits bool) {
		if fits {
			found = append(found, format)
		}
	}
	stored := has("origins")
	// An extension's object of a url and its cookies is like the keeper's own form
	// without the rest of it.
	add("json", has("cookies") && !stored)
	add("playwright", has("cookies") && stored)
	add("har", has("log"))
	add("biliup", has("cookie_info"))
	add("bilibili-api", has("sessdata"))
	add("bili-sync", has("credential"))
	add("toolpro", has("bilibilicookies"))
	add("cookiecloud", has("cookie_data", "encrypted"))
	add("settings", len(found) == 0 && holdsSession(text))
	return found, nil
}

// marks are what the lines of a text give away.
type marks struct{ netscape, env, rsshub, header, bbdown, devtools, wrapped bool }

func detectText(text string) []string {
	m := marks{wrapped: !isHeader(text) || netCookie().MatchString(text) || sessionKey().MatchString(text)}
	for line := range strings.Lines(text) {
		m.look(strings.TrimSpace(line))
	}
	var found []string
	add := func(format string, fits bool) {
		if fits {
			found = append(found, format)
		}
	}
	plain := m.header && !m.devtools && !(m.wrapped && !m.env && !m.rsshub && holdsSession(text))
	add("header", plain && !m.bbdown)
	add("bbdown", plain && m.bbdown)
	add("devtools", m.devtools && !m.netscape)
	add("settings", !m.devtools && !m.netscape && !m.env && !m.rsshub && m.wrapped && holdsSession(text))
	add("netscape", m.netscape)
	add("env", m.env)
	add("rsshub", m.rsshub && !m.env)
	return found
}

func (m *marks) look(line string) {
	if isMagic(line) {
		m.netscape = true
		return
	}
	if _, ok := netscapeFields(line); ok {
		m.netscape = true
		return
	}
	if _, ok := tableRow(line); ok {
		m.devtools = true
		return
	}
	if name, _, ok := assignment(line); ok {
		switch {
		case name == envCookie || name == envSession:
			m.env = true
			return
		case strings.HasPrefix(name, envCookieOf):
			m.rsshub = true
			return
		}
	}
	_, response := cutPrefixFold(line, responseField)
	for part := range strings.SplitSeq(stripFieldName(line), ";") {
		name, _, ok := strings.Cut(strings.Trim(part, " \t\"'"), "=")
		switch {
		case !ok:
		case isLoginName(name):
			m.header = true
		case name == "Expires" && !response:
			// A pseudo-cookie that is left over from the query in which the
			// login handed the cookies on; only BBDown's file has it.
			m.bbdown = true
		}
	}
}
