// Package sitehost knows the site's hosts: those that play a role in a login or a
// check, and the domains that are the site's own. What is asked of a host belongs to
// the protocol, and which limits hold there to who keeps them; neither comes in.
//
// Guarantee: who asks whether an address is the site's gets one answer, whatever
// room it is asked in.
package sitehost

import "strings"

// The hosts of each role, as base URLs.
const (
	Passport     = "https://passport.bilibili.com"
	API          = "https://api.bilibili.com"
	WWW          = "https://www.bilibili.com"
	PassportGame = "https://passport.biligame.com"
	PassportIntl = "https://passport.bilibili.tv"
	APIIntl      = "https://api.bilibili.tv"
)

// Own reports whether a host is one of the site's. It knows the registrable domains,
// also those that only serve apps: what stands in for the site has no business with
// any of them.
func Own(host string) bool {
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
