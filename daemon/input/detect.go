package input

import (
	"slices"
	"strings"
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
	own, stored := has("account", "generation", "issued_at", "expires_at", "user_agent", "refresh_token"), has("origins")
	add("json", has("cookies") && (own || !stored))
	add("playwright", has("cookies") && (stored || !own))
	add("biliup", has("cookie_info"))
	add("bilibili-api", has("sessdata"))
	add("bili-sync", has("credential"))
	add("toolpro", has("bilibilicookies"))
	add("cookiecloud", has("cookie_data", "encrypted"))
	return found, nil
}

// marks are what the lines of a text give away.
type marks struct{ netscape, env, rsshub, header, bbdown bool }

func detectText(text string) []string {
	m := marks{}
	for line := range strings.Lines(text) {
		m.look(strings.TrimSpace(line))
	}
	var found []string
	add := func(format string, fits bool) {
		if fits {
			found = append(found, format)
		}
	}
	add("header", m.header && !m.bbdown)
	add("bbdown", m.header && m.bbdown)
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
