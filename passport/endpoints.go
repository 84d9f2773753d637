package passport

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
)

// Endpoints are the base URLs of the roles that the site's hosts play. An empty
// one stands for the site's own host.
type Endpoints struct {
	Passport, API, WWW, PassportGame, PassportIntl, APIIntl string
}

// DefaultEndpoints returns the site's own hosts.
func DefaultEndpoints() Endpoints {
	return Endpoints{
		Passport:     "https://passport.bilibili.com",
		API:          "https://api.bilibili.com",
		WWW:          "https://www.bilibili.com",
		PassportGame: "https://passport.biligame.com",
		PassportIntl: "https://passport.bilibili.tv",
		APIIntl:      "https://api.bilibili.tv",
	}
}

// Real reports whether the site's own hosts play a role in a login or a check.
// Where they do, the rules of politeness cannot be relaxed.
func (e Endpoints) Real() bool {
	e = e.filled()
	return isVendorURL(e.Passport) || isVendorURL(e.API)
}

func (e Endpoints) filled() Endpoints {
	d := DefaultEndpoints()
	return Endpoints{
		Passport:     cmp.Or(e.Passport, d.Passport),
		API:          cmp.Or(e.API, d.API),
		WWW:          cmp.Or(e.WWW, d.WWW),
		PassportGame: cmp.Or(e.PassportGame, d.PassportGame),
		PassportIntl: cmp.Or(e.PassportIntl, d.PassportIntl),
		APIIntl:      cmp.Or(e.APIIntl, d.APIIntl),
	}
}

// bases are parsed Endpoints.
type bases struct {
	passport, api, www, passportGame, passportIntl, apiIntl *url.URL
}

func (e Endpoints) parse() (bases, error) {
	e = e.filled()
	var b bases
	for _, role := range []struct {
		name, text string
		into       **url.URL
	}{
		{"passport", e.Passport, &b.passport},
		{"api", e.API, &b.api},
		{"www", e.WWW, &b.www},
		{"passport_game", e.PassportGame, &b.passportGame},
		{"passport_intl", e.PassportIntl, &b.passportIntl},
		{"api_intl", e.APIIntl, &b.apiIntl},
	} {
		u, err := parseBase(role.text)
		if err != nil {
			return bases{}, fmt.Errorf("endpoint %s: %w", role.name, err)
		}
		*role.into = u
	}
	return b, nil
}

func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("not a URL of the form https://host")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("the scheme must be https or http")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("only scheme, host and port may be given")
	case u.Scheme == "http" && isVendorHost(u.Hostname()):
		return nil, fmt.Errorf("the site's own hosts are asked over https only")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

func isVendorURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isVendorHost(u.Hostname())
}

// isVendorHost knows the vendor's registrable domains, also those that only
// serve apps: a mirror's client has no business with any of them.
func isVendorHost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, domain := range []string{
		"bilibili.com", "bilibili.tv", "bilibili.cn", "biligame.com", "biligame.net",
		"biliintl.com", "biliintl.co", "biliapi.com", "biliapi.net", "b23.tv",
		"hdslb.com", "bigfun.cn", "bigfunapp.cn", "dreamcast.hk", "aisee.tv",
	} {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}
