package input

import (
	"net/url"
	"strings"
	"unicode/utf16"
)

// plainText returns the input as UTF-8 with plain line ends. Windows'
// PowerShell writes UTF-16 when a program's output is sent to a file.
func (c *collector) plainText(data []byte) string {
	text := string(data)
	if len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		low := int(0xff - data[0]) // where the low byte of a pair is
		units := make([]uint16, 0, len(data)/2)
		for i := 2; i+1 < len(data); i += 2 {
			units = append(units, uint16(data[i+low])|uint16(data[i+1-low])<<8)
		}
		text, c.utf16 = string(utf16.Decode(units)), true
	}
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.Contains(text, cookieSession) && strings.ContainsAny(text, "；，＝") {
		text, c.wide = strings.NewReplacer("；", ";", "，", ",", "＝", "=").Replace(text), true
	}
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// unquote takes double quotes off a value. Python's http.cookies puts them
// around what holds a comma and writes the comma as \054.
func unquote(v string) (string, bool) {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return v, false
	}
	v = v[1 : len(v)-1]
	if !strings.Contains(v, `\`) {
		return v, true
	}
	octal := func(b byte) bool { return b >= '0' && b <= '7' }
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] != '\\' || i+1 == len(v):
			b.WriteByte(v[i])
		case i+3 < len(v) && v[i+1] <= '3' && octal(v[i+1]) && octal(v[i+2]) && octal(v[i+3]):
			b.WriteByte((v[i+1]-'0')<<6 | (v[i+2]-'0')<<3 | (v[i+3] - '0'))
			i += 3
		default:
			i++
			b.WriteByte(v[i])
		}
	}
	return b.String(), true
}

// encodeCommas mends a SESSDATA that a tool decoded, as a whole or only its commas.
// One that has commas of both kinds is none. "*" stays: the site writes it both ways.
func encodeCommas(v string) (string, bool) {
	if strings.Contains(strings.ToUpper(v), "%2C") || !strings.Contains(v, ",") {
		return v, false
	}
	return strings.ReplaceAll(v, ",", "%2C"), true
}

// decodeTwice undoes one of two percent-encodings. A comma of an ordinary value
// is %2C, so %252C without any %2C proves that there were two.
func decodeTwice(v string) (string, bool) {
	upper := strings.ToUpper(v)
	if !strings.Contains(upper, "%252C") || strings.Contains(upper, "%2C") {
		return v, false
	}
	// PathUnescape, because QueryUnescape would turn "+" into a space.
	once, err := url.PathUnescape(v)
	if err != nil || !sendable(once) {
		return v, false
	}
	return once, true
}

// encodeBuvid4 brings the site's identifier, which may hold "=" and "/", into
// the form that a Cookie header wants.
func encodeBuvid4(v string) (string, bool) {
	if strings.Contains(v, "%") {
		return v, false
	}
	encoded := url.QueryEscape(v)
	return encoded, encoded != v
}

func decodeBuvid4(v string) string {
	decoded, err := url.PathUnescape(v)
	if err != nil || !sendable(decoded) {
		return v
	}
	return decoded
}

// sendable reports whether a text can stand in a Cookie header.
func sendable(v string) bool {
	return !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f || r == ';' })
}
