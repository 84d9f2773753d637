package page

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// Every link that does not count gets the same answer, on every route.
func TestTokens(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		c := configOf(l.Keeper)
		c.Key = fixedKey(2)
		stranger := l.made(c)
		good, before := l.main(), l.Keeper.Store().Newest()
		raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good, "/l/"))
		bare := l.do("GET", "/", "")
		bad := map[string]string{
			"expired":         l.path("main", 0),
			"no account":      l.page.path("nobody", l.incident("main"), time.Hour),
			"another account": l.page.path("other", l.incident("main"), time.Hour),
			"another subject": l.page.path("main", l.incident("main")+"0", time.Hour),
			"no subject":      l.page.path("main", "", time.Hour),
			"another key":     stranger.path("main", l.incident("main"), time.Hour),
			"empty":           "/l/x",
			"assets":          "/l/assets",
			"too long":        "/l/" + strings.Repeat("A", 4000),
			"cut":             good[:len(good)-4],
			"padded":          good + "=",
			"slash":           good + "/",
		}
		for name, path := range bad {
			for _, route := range []string{"", "?lang=zh", "/state", "/events", "/qr.png", "/sms"} {
				w := l.do("GET", path+route, "", "RemoteAddr", "203.0.113."+string(rune('0'+len(route)))+":1")
				if w.Code != 404 && w.Code != 429 || w.Code == 404 && w.Body.String() != bare.Body.String() {
					t.Errorf("%s: GET %s: %d %s", name, route, w.Code, w.Body)
				}
			}
			w := l.do("POST", path+"/start", "{}", "RemoteAddr", "[2001:db8:"+string(rune('a'+len(name)%6))+"::1]:9")
			if w.Code != 404 && w.Code != 429 {
				t.Errorf("%s: POST: %d", name, w.Code)
			}
		}
		for i := range raw {
			for bit := range 8 {
				flipped := append([]byte(nil), raw...)
				flipped[i] ^= 1 << bit
				if _, err := l.page.logins.sealer.open(base64.RawURLEncoding.EncodeToString(flipped)); err == nil {
					t.Fatalf("byte %d, bit %d flipped: taken", i, bit)
				}
			}
		}
		if after := l.Keeper.Store().Newest(); after != before || l.Site.Requests(passporttest.Any) != 0 {
			t.Errorf("links that stand for nothing reached the keeper: %d entries of the journal", after-before)
		}
		if w := l.do("GET", good, ""); w.Code != 200 {
			t.Errorf("the good link: %d", w.Code)
		}
		time.Sleep(time.Hour)
		if w := l.do("GET", good, ""); w.Code != 404 {
			t.Errorf("the good link, an hour later: %d", w.Code)
		}
	})
}

func TestLink(t *testing.T) {
	p := pageAlone(t)
	until := time.Now().Add(time.Hour)
	link := p.Link("main", "incident-main", until)
	if link != p.Link("main", "incident-main", until) {
		t.Error("the same message tried again has another link")
	}
	if !strings.HasPrefix(link, "https://keeper.example.net/l/") || len(link) > 250 {
		t.Errorf("link %q", link)
	}
	if len(link) != len(p.Link("a", "b", until)) {
		t.Error("the link's length tells the account's")
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(link, "https://keeper.example.net/l/"))
	if err != nil || strings.Contains(string(raw), "main") {
		t.Errorf("the link tells its account: %q, %v", raw, err)
	}
	long := strings.Repeat("n", 64)
	got, err := p.logins.sealer.open(p.logins.sealer.seal(claim{account: long, subject: long, until: until}))
	if err != nil || got.account != long || got.subject != long || !got.until.Equal(until.Truncate(time.Second)) {
		t.Errorf("%+v, %v", got, err)
	}
	p.site.PublicURL = ""
	if link := p.Link("main", "incident-main", until); link != "" {
		t.Errorf("without a public address: %q", link)
	}
}

func TestNew(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Config)
		ok   bool
	}{
		{"whole", func(*Config) {}, true},
		{"a path before the page", func(c *Config) { c.PublicURL = "https://example.net/keeper/" }, true},
		{"no public address", func(c *Config) { c.PublicURL = "" }, true},
		{"no keeper", func(c *Config) { c.Keeper = nil }, false},
		{"no pictures", func(c *Config) { c.QR = nil }, false},
		{"short key", func(c *Config) { c.Key = c.Key[:31] }, false},
		{"public address with a query", func(c *Config) { c.PublicURL = "https://example.net/?x" }, false},
		{"public address of another kind", func(c *Config) { c.PublicURL = "ftp://example.net" }, false},
		{"captcha with a path", func(c *Config) { c.CaptchaOrigin = "https://example.net/x" }, false},
		{"captcha that adds to the policy", func(c *Config) { c.CaptchaOrigin = "https://a;script-src" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := configOf(&keeper.Keeper{})
			tt.edit(&c)
			if _, err := New(c); (err == nil) != tt.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	s, err := newSealer(fixedKey(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.seal(claim{"main", "incident", time.Now().Add(time.Hour)}))
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := s.open(token)
		if err == nil && s.seal(c) != token {
			t.Errorf("%q counts, and is not what the keeper makes", token)
		}
	})
}
