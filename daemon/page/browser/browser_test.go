package browser

import (
	"strings"
	"testing"
)

func TestKnows(t *testing.T) {
	s := Site{PublicURL: "https://keeper.example.net:8443/tools"}
	for host, want := range map[string]bool{
		"keeper.example.net:8443": true, "KEEPER.example.net:8443": true, "keeper.example.net": true, "evil.example": false, "": false,
		"127.0.0.1:7331": true, "[::1]:7331": true, "192.168.1.2": true, "localhost": true, "nas:7331": true, "nas.local": true,
		"keeper.lan:80": true, "localhost.": true, "evil.example.": false, "local.evil.example": false,
	} {
		if got := s.Knows(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	for origin, want := range map[string]bool{
		"https://keeper.example.net:8443": true, "http://keeper.example.net:8443": false, "https://keeper.example.net": false, "null": false, "": false,
		"http://nas:7331": true, "https://nas:7331": true, "http://nas": false,
	} {
		host := "keeper.example.net:8443"
		if strings.Contains(origin, "nas") {
			host = "nas:7331"
		}
		if got := s.Own(origin, host); got != want {
			t.Errorf("%q at %s: %v", origin, host, got)
		}
	}
	for in, want := range map[string]string{
		"https://Keeper.example.net:443/a": "https://keeper.example.net", "http://a:80": "http://a", "https://a:80": "https://a:80", "http://[::1]:7331/": "http://[::1]:7331",
		"ftp://a": "", "null": "", "": "", "https://a b": "",
	} {
		if got := OriginOf(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if s.Path() != "/tools" || !s.Secure() || (Site{}).Path() != "" || (Site{}).Secure() || (Site{}).Knows("keeper.example.net") {
		t.Error("path or scheme")
	}
}

func TestChooseLanguage(t *testing.T) {
	tests := []struct{ asked, accepted, fallback, want string }{
		{"", "", English, English},
		{"", "", Chinese, Chinese},
		{"", "zh-CN,zh;q=0.9,en;q=0.8", English, Chinese},
		{"", "en-GB, zh;q=0.5", Chinese, English},
		{"", "de, zh;q=0.4, en;q=0.3", English, Chinese},
		{"", "de", Chinese, Chinese},
		{"", "zh;q=0", English, English},
		{"zh", "en", English, Chinese},
		{"zh_TW.UTF-8", "", English, Chinese},
		{"en", "zh", Chinese, English},
		{"xx", "zh", English, Chinese},
	}
	for _, tt := range tests {
		if got := ChooseLanguage(tt.asked, tt.accepted, tt.fallback); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

func FuzzChooseLanguage(f *testing.F) {
	f.Add("", "zh-CN,zh;q=0.9,en;q=0.8")
	f.Add("zh", "*")
	f.Add("", "en;q=NaN, zh;q=2, ;;,")
	f.Fuzz(func(t *testing.T, asked, accepted string) {
		if got := ChooseLanguage(asked, accepted, English); got != English && got != Chinese {
			t.Errorf("%q", got)
		}
	})
}
