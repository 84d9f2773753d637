package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/internal/sitehost"
)

// ofSite reports whether a URL names a host of the site.
func ofSite(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return true // what cannot be read is not proved to be harmless
	}
	return sitehost.Own(u.Hostname())
}

// Relaxed reports whether the limits that protect the site may be undercut:
// the two hosts that every check and login goes to are others than the site's,
// and no host of the site is named. One that keeps its default is not named.
func (e Endpoints) Relaxed() bool {
	if ofSite(e.Passport) || ofSite(e.API) {
		return false
	}
	d := defaultEndpoints()
	given := e.list()
	for i, usual := range d.list() {
		if given[i].url != usual.url && ofSite(given[i].url) {
			return false
		}
	}
	return true
}

type endpoint struct{ key, url string }

func (e Endpoints) list() []endpoint {
	return []endpoint{
		{"passport", e.Passport}, {"api", e.API}, {"www", e.WWW},
		{"passport_game", e.PassportGame}, {"passport_intl", e.PassportIntl},
		{"api_intl", e.APIIntl}, {"geetest_js", e.GeetestJS},
	}
}

func (c Config) checkEndpoints(f *faults) {
	for _, e := range c.Endpoints.list() {
		key := "endpoints." + e.key
		u, ok := setting.WebURL(e.url)
		switch {
		case !ok:
			f.Add(key, "is no http or https URL", "write https://host, or leave the key out for the site's own")
		case u.User != nil:
			f.Add(key, "holds a user name", "write https://host")
		case u.Scheme == "http" && ofSite(e.url):
			f.Add(key, "would reach the site in the clear", "write https://")
		case e.key == "geetest_js":
			// The only one that is a file and not a host.
		case u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
			f.Add(key, "has more than a host", "leave out what follows the host")
		}
	}
	f.Path("endpoints.correspond_key_file", c.Endpoints.CorrespondKeyFile)
}

// trim drops the slash after a host, so that a path can be appended.
func (e *Endpoints) trim() {
	for _, s := range []*string{&e.Passport, &e.API, &e.WWW, &e.PassportGame, &e.PassportIntl, &e.APIIntl} {
		*s = strings.TrimSuffix(*s, "/")
	}
}

// listenAddress reports whether s is a host and a port to listen on.
func listenAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, errPort := netip.ParseAddrPort("127.0.0.1:" + port)
	return errPort == nil && !strings.ContainsAny(host, " /")
}

// Way is the proxy that the account's requests go by, nil where they go straight.
// Its error holds no secret; the address may.
func (a Account) Way() (*url.URL, error) {
	address := a.Proxy
	if a.ProxyFile != "" {
		s, err := setting.File{Key: "proxy_file", Path: a.ProxyFile, Form: proxyForm}.Read(ReadSecret)
		if err != nil {
			return nil, fmt.Errorf("proxy_file: %w", err)
		}
		address = s.Reveal()
	}
	return outbound.ParseProxy(address)
}

func proxyForm(text string) (string, error) { return setting.URL(setting.ProxyFault)(text) }

func (a Account) checkWay(f *setting.Faults) {
	f.AddFault("proxy", setting.ProxyFault(a.Proxy))
	f.Path("proxy_file", a.ProxyFile)
	if a.Proxy != "" && a.ProxyFile != "" {
		f.Add("proxy_file", "is given beside proxy", "remove one of them")
	}
}

// checkInline tells that a proxy's password is a secret.
func (a Account) checkInline(f *setting.Faults) {
	if setting.HasUser(a.Proxy) {
		f.Add("proxy", "holds a secret, and everybody can read this file", "put it into proxy_file, or run chmod 600 on the configuration")
	}
}

// files lists the file that the proxy may be in.
func (a Account) files() []setting.File {
	if a.ProxyFile == "" {
		return nil
	}
	return []setting.File{{Key: "proxy_file", Path: a.ProxyFile, Form: proxyForm}}
}

// maskedAccounts are accounts without the passwords of their proxies.
func maskedAccounts(list []Account) []Account {
	list = slices.Clone(list)
	for i := range list {
		list[i] = setting.Masked(list[i])
	}
	return list
}
