package quickget

// What follows is of packages strings and strconv, which are initialised too late.

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// cut returns what stands before and behind the first sep.
func cut(s, sep string) (before, after string, found bool) {
	for i := 0; i+len(sep) <= len(s); i++ {
		if s[i:i+len(sep)] == sep {
			return s[:i], s[i+len(sep):], true
		}
	}
	return s, "", false
}

func contains(s, part string) bool {
	_, _, found := cut(s, part)
	return found
}

// trim drops white space at both ends.
func trim(s string) string {
	white := func(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
	for s != "" && white(s[0]) {
		s = s[1:]
	}
	for s != "" && white(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// number reads a short number, -1 where it is none.
func number(s string) int {
	if s == "" || len(s) > 9 {
		return -1
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}
