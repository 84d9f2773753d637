package passport

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// answering is a client of a site that says the same to everything. Its
// requests are counted, and the site's own host is never among them.
func answering(t testing.TB, status int, header http.Header, body io.Reader) (*Client, *int) {
	t.Helper()
	const mirror = "http://sim.invalid"
	asked := new(int)
	text, err := io.ReadAll(io.LimitReader(body, 1<<16))
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{
		Endpoints: Endpoints{Passport: mirror, API: mirror, WWW: mirror, PassportGame: mirror, PassportIntl: mirror, APIIntl: mirror},
		Limiter:   NewLimiter(Limits{PerMinute: 1_000_000}, LimiterOptions{}),
		Transport: trip(func(r *http.Request) (*http.Response, error) {
			*asked++
			if r.URL.Host != "sim.invalid" {
				t.Fatalf("asked %s", r.URL.Host)
			}
			return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(text)), Request: r}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, asked
}

type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func usable(t *testing.T, cookies []Cookie) {
	t.Helper()
	line := Session{Cookies: cookies}.Header().Reveal()
	if strings.ContainsAny(line, "\r\n\x00") {
		t.Fatalf("the header breaks: %q", line)
	}
	for _, c := range cookies {
		if c.Name == "" || c.Value.IsZero() || isTransient(c.Name) {
			t.Fatalf("cookie %q", c.Name)
		}
	}
}

// Whatever the site answers to any of the logins, no call panics, hangs or asks
// another host, and a session dies only by what says so.
func FuzzLoginReplies(f *testing.F) {
	for _, seed := range []string{
		`{"code":0,"data":{"qr_url":"https://www.bilibili.tv/h5/en/qrcode/login?ticket=0123","qr_type":"qrcode_login"}}`,
		`{"code":10018101}`, `{"code":10018102}`, `{"code":10018100}`, `{"code":-101}`, `{"code":86103}`,
		`{"code":0,"data":{"mid":100200300,"is_new":false,"go_url":"https://www.bilibili.tv/go?t=1"}}`,
		`{"code":0,"data":{"token_info":{"mid":1},"cookie_info":{"cookies":[{"name":"SESSDATA","value":"a%2C1%2Cb","http_only":1,"expires":1799999999,"secure":0}]}}}`,
		`{"code":0,"data":{"sso":["https://www.bilibili.tv/sso?x=1","https://evil.example/"]}}`,
		`{"code":0,"data":{"is_login":true,"mid":7}}`, `{"code":0,"data":{"is_login":false}}`,
		`{"code":0,"data":{"type":"geetest","token":"t","geetest":{"challenge":"c","gt":"g"}}}`,
		`{"code":0,"data":{"type":1,"result":{"success":1,"gt":"g","challenge":"c","key":"k"}}}`,
		`{"code":0,"data":{"common":[{"id":1,"cname":"x","country_id":"86"}],"others":[]}}`,
		`{"code":0,"data":{"captcha_key":"deadbeef"}}`,
		`{"code":0,"data":{"is_new":false,"status":0,"url":"https://www.bilibili.com","refresh_token":"ff"}}`,
		`{"code":0,"data":{"status":2,"url":"https://passport.bilibili.com/v?tmp_token=x"}}`,
		`<html>`, ``, `{`, `[]`, `null`,
	} {
		f.Add([]byte(seed), "SESSDATA=a%2C1799999999%2Cb; Domain=.bilibili.tv", "/next")
	}
	f.Add([]byte(`{}`), "DedeUserID=1", "https://www.biliintl.com/x")
	f.Fuzz(func(t *testing.T, body []byte, cookie, location string) {
		header := http.Header{"Set-Cookie": {cookie}, "Location": {location}}
		c, asked := answering(t, 200, header, bytes.NewReader(body))
		ctx, d := t.Context(), Device{Key: "k"}
		s := Session{Device: d, Cookies: []Cookie{{Name: cookieSession, Value: secret.New("x")}, {Name: cookieCSRF, Value: secret.New("y")}}}
		if code, err := c.Realm(Intl).Generate(ctx, d, ProfileHeader); err == nil && (code.Key.IsZero() || !isPlainURL(code.URL.Reveal())) {
			t.Fatalf("code %q", code.URL.Reveal())
		}
		if scan, err := c.Realm(Intl).Poll(ctx, d, Code{Key: secret.New("k")}); err == nil {
			usable(t, scan.Grant.Cookies)
			if scan.Grant.Mid() < 0 {
				t.Fatalf("mid %d", scan.Grant.Mid())
			}
		} else if ClassOf(err) == Dead {
			t.Fatal(err)
		}
		if id, err := c.Realm(Intl).Identify(ctx, s); err == nil {
			usable(t, id.Cookies)
		} else if ClassOf(err) == Dead && !bytes.Contains(body, []byte("101")) && !bytes.Contains(body, []byte("false")) {
			t.Fatalf("%q is dead", body)
		}
		fuzzSMS(t, c, d)
		*asked = 0
		g, _ := c.Realm(Intl).Collect(ctx, d, Grant{Cookies: s.Cookies, HopURL: secret.New(location)})
		usable(t, g.Cookies)
		if most := 3 + (maxIntlTargets+1)*(maxIntlHops+1); *asked > most {
			t.Fatalf("%d requests", *asked)
		}
		walk(t, header)
	})
}

func fuzzSMS(t *testing.T, c *Client, d Device) {
	t.Helper()
	for _, legacy := range []bool{false, true} {
		puzzle, err := c.Captcha(t.Context(), d, legacy)
		if err == nil && (puzzle.GT == "" || puzzle.Challenge == "" || puzzle.Token == "") {
			t.Fatalf("%+v", puzzle)
		}
		key, err := c.SendSMS(t.Context(), d, SMSRequest{
			Phone: secret.New("13800000000"), Captcha: Captcha{Challenge: "c", Token: "t"}, Validate: secret.New("v"),
		}, legacy)
		if err == nil && key.IsZero() != legacy {
			t.Fatal("no key and no error")
		}
		g, v, err := c.LoginSMS(t.Context(), d, SMSLogin{Phone: secret.New("13800000000"), Code: secret.New("1"), Key: secret.New("k")}, legacy)
		usable(t, g.Cookies)
		if ClassOf(err) == Dead || !v.URL.IsZero() && !c.isSiteURL(v.URL.Reveal()) {
			t.Fatalf("%v, leads to %q", err, v.URL.Reveal())
		}
	}
	countries, _ := c.Countries(t.Context(), d)
	for _, one := range countries {
		if one.ID <= 0 || one.Name == "" || !isDigits(one.Code, 1, 6) {
			t.Fatalf("%+v", one)
		}
	}
}

// walk follows a place that redirects for ever.
func walk(t *testing.T, header http.Header) {
	t.Helper()
	c, asked := answering(t, 302, header, strings.NewReader(""))
	w := &intlWalk{realm: intl{c}}
	_ = w.visitHop(t.Context(), "https://www.bilibili.tv/go")
	if *asked > maxIntlHops+1 {
		t.Fatalf("%d hops", *asked)
	}
	usable(t, w.cookies())
}

func FuzzIntlTarget(f *testing.F) {
	for _, seed := range []string{
		"https://www.bilibili.tv/sso?x=1", "https://a.biliintl.com:443/x#y", "//www.bilibili.tv/x", "/x", "?x", "https://u@www.bilibili.tv/",
		"https://www.bilibili.tv:/", "https://bilibili.tv.evil.example/", "HTTPS://WWW.BILIBILI.TV/%2f",
	} {
		f.Add(seed)
	}
	c, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, e := intl{c}.target(nil, text)
		if e != nil {
			return
		}
		host := u.Hostname()
		if u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443" || !inDomain(host, intlDomain) && !inDomain(host, intlSister) {
			t.Fatalf("%q leads to %v", text, u)
		}
		if base := (intl{c}).base(u); base.Hostname() != host || base.Scheme != "https" {
			t.Fatalf("%q is asked at %v", text, base)
		}
	})
}

// endless never stops.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func (e *endless) Close() error { return nil }

// A body without an end is read up to the limit and no further, and that of a
// place to visit not at all.
func TestEndlessBodiesAreBounded(t *testing.T) {
	var bodies []*endless
	c, err := New(Options{
		Endpoints: Endpoints{Passport: "http://sim.invalid", API: "http://sim.invalid", PassportIntl: "http://sim.invalid", APIIntl: "http://sim.invalid"},
		Limiter:   NewLimiter(Limits{PerMinute: 1_000_000}, LimiterOptions{}),
		Transport: trip(func(r *http.Request) (*http.Response, error) {
			bodies = append(bodies, &endless{})
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: bodies[len(bodies)-1], Request: r}, nil
		}),
		Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	d := Device{Key: "k"}
	for name, ask := range map[string]func(context.Context) error{
		"generate":  func(ctx context.Context) error { _, err := c.Realm(Intl).Generate(ctx, d, ProfileHeader); return err },
		"user":      func(ctx context.Context) error { _, err := c.Realm(Intl).Identify(ctx, Session{Device: d}); return err },
		"countries": func(ctx context.Context) error { _, err := c.Countries(ctx, d); return err },
		"captcha":   func(ctx context.Context) error { _, err := c.Captcha(ctx, d, false); return err },
	} {
		if err := ask(t.Context()); ClassOf(err) != Unreachable {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := &intlWalk{realm: intl{c}}
	if e := w.visitHop(t.Context(), "https://www.bilibili.tv/go"); e != nil {
		t.Error(e)
	}
	for i, body := range bodies {
		if limit := 2 * maxBody; body.read > limit || i == len(bodies)-1 && body.read > 0 {
			t.Errorf("%d bytes were read", body.read)
		}
	}
}
