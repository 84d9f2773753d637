package browser

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Tokens are the colours of all pages, light and dark: the beginning of each style
// sheet.
//
//go:embed tokens.css
var Tokens []byte

// Policy is what a document may load: nothing beside what the page itself serves
// and, in the document of the SMS form, the captcha.
func Policy(captcha ...string) string {
	and := strings.TrimRight(" "+strings.Join(captcha, " "), " ")
	return "default-src 'none'; script-src 'self'" + and + "; style-src 'self'" + and +
		"; img-src 'self' data:" + and + "; connect-src 'self'" + and +
		"; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

// SetHeaders sets what every answer has.
func SetHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", Policy())
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), "+
		"gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow")
}

// WriteBody answers as a whole.
func WriteBody(w http.ResponseWriter, status int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// WriteJSON answers with a document.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	WriteBody(w, status, "application/json", body)
	return nil
}

// IsForm reports whether a request is sent by a form, and not by a script.
func IsForm(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded")
}
