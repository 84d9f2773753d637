package input

import (
	"net/url"
	"strconv"
	"strings"
)

// The forms of a login's values, as the site gives them. They are checked before
// anybody asks the site: what a dialogue cut off or an editor changed would be
// answered like a session that has died.

// isSession knows SESSDATA: percent-decoded once, a hexadecimal id, the seconds
// since 1970 at which it ends, and a hash, with commas in between.
func isSession(value string) bool {
	decoded, err := url.PathUnescape(value)
	if err != nil {
		return false
	}
	parts := strings.SplitN(decoded, ",", 3)
	if len(parts) != 3 || parts[2] == "" || !isHex(parts[0]) {
		return false
	}
	_, err = strconv.ParseUint(parts[1], 10, 63)
	return err == nil && len(parts[1]) >= 9
}

// isToken knows bili_jct and the refresh token: 32 hexadecimal digits.
func isToken(value string) bool { return len(value) == 32 && isHex(value) }

func isHex(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F')
	})
}
