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

// OriginOf returns scheme://host[:port] of an http or https address as browsers
// write it, "" of anything else.
func OriginOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(u.Host, " ;,'\"*") {
		return ""
	}
	host := strings.ToLower(u.Host)
	if u.Port() == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host = strings.TrimSuffix(host, ":"+u.Port())
	}
	return u.Scheme + "://" + host
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

// nameOf is a Host without its port.
func nameOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// Own reports whether an Origin is the page's: the public address's, or that of
// the address that was asked. A proxy may or may not pass the former on. Where the
// public address is https, what is at the same host over http may be somebody else in
// between.
func (s Site) Own(origin, host string) bool {
	found := OriginOf(origin)
	if found == "" {
		return false
	}
	scheme, name, _ := strings.Cut(found, "://")
	if scheme == "http" && "https://"+name == OriginOf(s.PublicURL) {
		return false
	}
	return strings.EqualFold(name, host) || s.PublicURL != "" && found == OriginOf(s.PublicURL)
}

// IsPublic reports whether a Host is that of the public address. Proxies pass on its
// port or leave it out.
func (s Site) IsPublic(host string) bool {
	u, err := url.Parse(s.PublicURL)
	return err == nil && u.Host != "" && nameOf(host) == nameOf(u.Host)
}

// SameOrigin reports whether a browser says that a request comes from the page
// itself, or is too old to say it.
func SameOrigin(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin"
}

// Knows reports whether a Host can be the page's: the public one, an address by
// number, or a name that no stranger can own. Another one comes from a proxy that
// passes on none or a wrong one, or from a name that was pointed here by somebody
// else.
func (s Site) Knows(host string) bool {
	if s.IsPublic(host) {
		return true
	}
	name := nameOf(host)
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
