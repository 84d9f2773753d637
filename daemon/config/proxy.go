package config

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/bilikeeper/bilikeeper/internal/dialguard"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

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
	return dialguard.ParseProxy(address)
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
