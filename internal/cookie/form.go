package cookie

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxName is far above any name of the site's.
	maxName = 128
	// maxText is what RFC 6265 (6.1) wants of a browser for a whole cookie.
	maxText = 4096
	// maxDomain and maxLabel are DNS's own.
	maxDomain, maxLabel = 253, 63
)

// Sendable reports whether a text can stand in a Cookie header: only bytes that
// would end the value or the line are ruled out. It is looser than CheckName
// and CheckValue, as what the site itself set goes back to it as it came.
func Sendable(text string) bool {
	for i := range len(text) { // each is a byte of its own in UTF-8
		if c := text[i]; c < ' ' || c == 0x7f || c == ';' {
			return false
		}
	}
	return true
}

// CheckName wants a token of RFC 6265 (4.1.1), not longer than any name of the
// site's could be. Like the errors of all checks here, its error says what is
// wrong in words and does not repeat the text.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the cookie's name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the cookie's name is longer than %d bytes", maxName)
	}
	return wrong("name", name, "()<>@,;:\\\"/[]?={} \t")
}

// CheckValue wants cookie-octets of RFC 6265 (4.1.1), and takes one byte more:
// the comma, which a decoded SESSDATA has twice and which the site reads. An
// empty value is a cookie too.
func CheckValue(value string) error {
	if len(value) > maxText {
		return fmt.Errorf("the cookie's value is longer than %d bytes", maxText)
	}
	return wrong("value", value, "\"\\; \t")
}

// CheckPath wants a path that a browser would keep (RFC 6265, 5.2.4). An empty
// one says that the cookie has none of its own.
func CheckPath(path string) error {
	switch {
	case path != "" && path[0] != '/':
		return errors.New("the cookie's path does not begin with a slash")
	case len(path) > maxText:
		return fmt.Errorf("the cookie's path is longer than %d bytes", maxText)
	}
	return wrong("path", path, ";")
}

// CheckDomain wants a host's name in its ASCII form, with or without a dot
// before it. An empty one says that the cookie has none of its own.
func CheckDomain(domain string) error {
	host := strings.TrimPrefix(domain, ".")
	switch {
	case domain == "":
		return nil
	case len(host) > maxDomain:
		return fmt.Errorf("the cookie's domain is longer than %d bytes", maxDomain)
	}
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return errors.New("the cookie's domain is not a host's name")
		}
	}
	return nil
}

func isLabel(label string) bool {
	return label != "" && len(label) <= maxLabel && label[0] != '-' && label[len(label)-1] != '-' &&
		!strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
		})
}

// wrong says which byte a part of a cookie must not hold, nil where it holds none.
func wrong(part, text, without string) error {
	for _, b := range []byte(text) {
		switch {
		case strings.IndexByte(without, b) >= 0:
			return fmt.Errorf("the cookie's %s holds %s", part, called(b))
		case b < ' ' || b == 0x7f:
			return fmt.Errorf("the cookie's %s holds a control character", part)
		case b > 0x7f:
			return fmt.Errorf("the cookie's %s holds a character outside ASCII", part)
		}
	}
	return nil
}

func called(b byte) string {
	switch b {
	case ' ':
		return "a blank"
	case '\t':
		return "a tab"
	case '"':
		return "a double quote"
	case '\\':
		return "a backslash"
	case ';':
		return "a semicolon"
	}
	return fmt.Sprintf("%q", b)
}
