package cli

import "github.com/bilikeeper/bilikeeper/internal/lazyregexp"

// pastedLogin finds a login in an error: somebody pasted it where a name belongs,
// and it is not to be repeated in a terminal that others see or a log that keeps it.
var pastedLogin = lazyregexp.New(`(?i)\b(SESSDATA|bili_jct|ac_time_value|refresh_token)(\s*=\s*)[^\s"';]+|\b[0-9a-f]{6,}(%2C|,)[0-9]{9,11}(%2C|,)[^\s"';]*`)

// withoutLogin is a text for people without what opens an account.
func withoutLogin(text string) string {
	return pastedLogin().ReplaceAllString(text, "$1$2[redacted]")
}
