package browser

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// Site is where the page is, as its browsers know it.
type Site struct {
	// PublicURL is the address that links start with, without a slash at its end;
	// "" where there is none.
	PublicURL string
}

// IsAddress reports whether a text can be a public address.
func IsAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && OriginOf(text) != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// OriginOf returns scheme://host[:port] of an http or https address, "" of
// anything else.
func OriginOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(u.Host, " ;,'\"*") {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// Secure reports whether browsers reach the page over TLS.
func (s Site) Secure() bool { return strings.HasPrefix(s.PublicURL, "https://") }

// Path is what the public address has behind its host, without a slash at its
// end.
func (s Site) Path() string {
	u, err := url.Parse(s.PublicURL)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
}

// host is the public address's host and port.
func (s Site) host() string {
	_, host, _ := strings.Cut(OriginOf(s.PublicURL), "://")
	return host
}

// Own reports whether an Origin is the page's: the public address's, or that of
// the address that was asked. A proxy may or may not pass the former on.
func (s Site) Own(origin, host string) bool {
	found := OriginOf(origin)
	if found == "" {
		return false
	}
	_, name, _ := strings.Cut(found, "://")
	return strings.EqualFold(name, host) || s.PublicURL != "" && found == OriginOf(s.PublicURL)
}

// Knows reports whether a Host can be the page's: the public one, an address by
// number, or a name that no stranger can own. Another one comes from a proxy that
// passes on none or a wrong one, or from a name that was pointed here by somebody
// else.
func (s Site) Knows(host string) bool {
	if host != "" && strings.EqualFold(host, s.host()) {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	for _, private := range []string{".localhost", ".local", ".lan", ".home.arpa", ".internal"} {
		if strings.HasSuffix(name, private) {
			return true
		}
	}
	return name != "" && !strings.Contains(name, ".")
}

// Below serves the page also where its public address has a path and the proxy
// passes that path on: what mux has no pattern for but its last is looked for
// without the path.
func (s Site) Below(mux *http.ServeMux) http.Handler {
	prefix := s.Path()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); prefix != "" && pattern == "/" {
			if r.URL.Path == prefix {
				// The document's own addresses start at its directory.
				w.Header().Set("Location", path.Base(prefix)+"/")
				w.WriteHeader(http.StatusPermanentRedirect)
				return
			}
			if rest, ok := strings.CutPrefix(r.URL.Path, prefix+"/"); ok {
				r.URL.Path, r.URL.RawPath = "/"+rest, ""
			}
		}
		// ServeMux would answer such a path with a redirect; none of the page's is one.
		if r.URL.Path != path.Clean(r.URL.Path) {
			r.URL.Path, r.URL.RawPath = unknown, ""
		}
		mux.ServeHTTP(w, r)
	})
}

// unknown is a path that no page has.
const unknown = "/-"
