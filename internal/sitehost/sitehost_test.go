package sitehost

import (
	"net/url"
	"testing"
)

func TestOwn(t *testing.T) {
	for host, want := range map[string]bool{
		"bilibili.com": true, "API.Bilibili.com": true, "passport.bilibili.com.": true, "a.b.biligame.net": true, "b23.tv": true,
		"": false, "com": false, "notbilibili.com": false, "bilibili.com.example.org": false, "127.0.0.1": false,
	} {
		if Own(host) != want {
			t.Errorf("%q is the site's own: %v", host, !want)
		}
	}
	for _, base := range []string{Passport, API, WWW, PassportGame, PassportIntl, APIIntl} {
		u, err := url.Parse(base)
		if err != nil || u.Scheme != "https" || !Own(u.Hostname()) || u.Path != "" {
			t.Errorf("%s is no base of the site's, %v", base, err)
		}
	}
}
