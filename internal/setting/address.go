package setting

import (
	"net/url"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
)

// WebURL parses an absolute http or https URL. There is no error to return: a
// *url.Error prints the URL, and with it the token that it may hold.
func WebURL(raw string) (*url.URL, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, false
	}
	return u, true
}

// WebFault says what is wrong with the URL of what is sent over HTTP, nil if
// nothing is. In the clear it may go to this machine; brings says why not further.
func WebFault(raw string, allowHTTP bool, brings string) *Fault {
	u, ok := WebURL(raw)
	switch {
	case !ok || u.Fragment != "":
		return &Fault{"is no http or https URL", `write "https://host/path"`}
	case u.Scheme == "http" && !allowHTTP && !outbound.Local(u.Hostname()):
		return &Fault{"goes to another machine in the clear, and " + brings, "use https, or allow_http = true"}
	}
	return nil
}

// ProxyFault says what is wrong with the URL of a proxy, nil if nothing is or if
// there is none.
func ProxyFault(raw string) *Fault {
	if _, err := outbound.ParseProxy(raw); err == nil {
		return nil
	}
	return &Fault{"is no proxy's URL", `write "http://host:port" or "socks5://host:port"`}
}

var serviceURL = lazyregexp.New(`^([a-z][a-z0-9]*(\+[a-z]+)?)://.`)

// Service returns the scheme of an address that a service defines for itself:
// "service://…" or "service+scheme://…".
func Service(raw string) (scheme string, ok bool) {
	m := serviceURL().FindStringSubmatch(raw)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// HasUser reports whether a URL says who somebody is.
func HasUser(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.User != nil
}
