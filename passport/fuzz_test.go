package passport

import (
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Whatever the bytes, the session counts as dead only for a code of -101 in
// whole JSON, and no harmless word of an error is taken from the reply.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"code":0,"data":{"isLogin":true}}`, `{"code":"-101"}`, `{"code":-101`, `<html>`, ``, `null`, `[]`, `{"code":{}}`,
		`{"code":1e3}`, "\ufeff{}", `{"code":-352,"data":{"v_voucher":"x"}}`,
	} {
		f.Add([]byte(seed), "application/json")
		f.Add([]byte(seed), "text/html")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		env, e := parseEnvelope("nav", body, contentType)
		if e != nil {
			if e.Class == OK || e.Class == Dead {
				t.Fatalf("%q: %s", body, e.Class)
			}
			return
		}
		if _, ok := env.number("code"); !ok {
			t.Fatalf("%q passed without a code", body)
		}
		if env.code == codeNotLoggedIn && !strings.Contains(string(body), "101") {
			t.Fatalf("%q is -101", body)
		}
		data := env.object("data")
		data.flag("isLogin")
		data.number("mid")
		data.text("uname")
	})
}

func FuzzQueryCookies(f *testing.F) {
	f.Add("https://passport.biligame.com/crossDomain?DedeUserID=1&Expires=15551000&SESSDATA=a%2C1799999999%2Cb*c&bili_jct=ff&gourl=x#y")
	f.Add("?SESSDATA=a+b%zz&&=&SESSDATA")
	f.Add("SESSDATA=a")
	at := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, hop string) {
		for _, c := range queryCookies(hop, at) {
			v := c.Value.Reveal()
			if !strings.Contains(hop, c.Name+"="+v) || !cookie.Sendable(v) || v == "" {
				t.Fatalf("%q gave %s=%q", hop, c.Name, v)
			}
			if !c.Expires.IsZero() && c.Expires.Year() > 2300 {
				t.Fatalf("%q expires %v", hop, c.Expires)
			}
		}
	})
}

func FuzzSetCookie(f *testing.F) {
	f.Add("SESSDATA=1a%2C17%2Cf*8; Path=/; Domain=bilibili.com; Expires=Fri, 15 Jan 2027 07:59:59 GMT; HttpOnly; Secure")
	f.Add("a=b; Max-Age=99999999999")
	f.Add(`a="b"; SameSite=None`)
	f.Add("bili_ticket=x")
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, line string) {
		cookies, _ := parseSetCookies([]string{line, line}, now)
		for _, c := range cookies {
			v := c.Value.Reveal()
			if v == "" || !strings.Contains(line, v) || isTransient(c.Name) {
				t.Fatalf("%q gave %s=%q", line, c.Name, v)
			}
			if !c.Expires.IsZero() && !c.Expires.After(now) {
				t.Fatalf("%q has ended at %v", line, c.Expires)
			}
			header := Session{Cookies: []Cookie{c}}.Header().Reveal()
			if header != "" && header != c.Name+"="+v {
				t.Fatalf("%q is sent as %q", line, header)
			}
			if strings.ContainsAny(header, "\r\n;") {
				t.Fatalf("%q breaks the header %q", line, header)
			}
		}
	})
}

func FuzzExpiry(f *testing.F) {
	f.Add("1a2b3c4d%2C1799999999%2Cf00d5*81")
	f.Add("a,1799999999,b")
	f.Add("%zz,99999999999,")
	f.Fuzz(func(t *testing.T, value string) {
		at := Expiry([]Cookie{{Name: cookieSession, Value: secret.New(value)}})
		if !at.IsZero() && (at.Unix() <= 0 || at.Unix() > 99_999_999_999) {
			t.Fatalf("%q: %v", value, at)
		}
	})
}

func FuzzHopTarget(f *testing.F) {
	f.Add("https://passport.biligame.com/crossDomain?ticket=T")
	f.Add("https://passport.bilibili.com:443/x/passport-login/web/crossDomain?a=b#c")
	f.Add("//passport.bilibili.com/crossDomain")
	c, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, _ := c.hopTarget(nil, text)
		if u == nil {
			return
		}
		if u.Scheme != "https" || u.Host != hostGame && u.Host != hostWeb || u.Path != pathHopOld && u.Path != pathHopWeb || u.User != nil {
			t.Fatalf("%q leads to %v", text, u)
		}
	})
}
