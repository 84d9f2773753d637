package passport_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const (
	mid   = 100200300
	uname = "example"
	// base is a mirror's address; .invalid never resolves.
	base = "http://sim.invalid"
)

func device() passport.Device {
	return passport.Device{UserAgent: passport.NewUserAgent("seed"), Key: "account-1"}
}

// generous is a limiter that stays out of the way of what is tested.
func generous() *passport.Limiter {
	return passport.NewLimiter(passport.Limits{PerMinute: 1_000_000, Concurrency: 64}, passport.LimiterOptions{})
}

// inMemory is a client of a simulator without a network.
func inMemory(t *testing.T, site *passporttest.Site, gate *passport.Limiter) *passport.Client {
	t.Helper()
	return client(t, passport.Options{Endpoints: site.Endpoints(base), Limiter: gate, Transport: site.Transport()})
}

func client(t *testing.T, o passport.Options) *passport.Client {
	t.Helper()
	c, err := passport.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func web(c *passport.Client) passport.Realm { return c.Realm(passport.Web) }

func intl(c *passport.Client) passport.Realm { return c.Realm(passport.Intl) }

func newSite() *passporttest.Site {
	return passporttest.New(passporttest.WithUser(mid, uname))
}

// login walks a login to its grant.
func login(t *testing.T, site *passporttest.Site, c *passport.Client) passport.Grant {
	t.Helper()
	code, err := web(c).Generate(t.Context(), device(), passport.ProfileHeader)
	if err != nil {
		t.Fatal(err)
	}
	approve(t, site, code)
	scan, err := web(c).Poll(t.Context(), device(), code)
	if err != nil || scan.State != passport.Granted {
		t.Fatalf("poll after the tap: %v, %v", scan.State, err)
	}
	return scan.Grant
}

func approve(t *testing.T, site *passporttest.Site, code passport.Code) {
	t.Helper()
	if err := site.QR.Scan(code.URL.Reveal(), mid); err != nil {
		t.Fatal(err)
	}
	if err := site.QR.Confirm(code.URL.Reveal(), mid); err != nil {
		t.Fatal(err)
	}
}

func session(g passport.Grant) passport.Session {
	return passport.Session{Device: device(), Cookies: g.Cookies}
}

func value(cookies []passport.Cookie, name string) string {
	for _, c := range cookies {
		if c.Name == name {
			return c.Value.Reveal()
		}
	}
	return ""
}

// fakeSession is one that no site knows.
func fakeSession() passport.Session {
	return passport.Session{Device: device(), Cookies: []passport.Cookie{
		{Name: "SESSDATA", Value: secret.New("1a2b3c4d%2C1799999999%2Cf00d5*81CjExampleOnly")},
		{Name: "bili_jct", Value: secret.New("00000000000000000000000000000001")},
	}}
}

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// says is a transport that always gives the same reply.
func says(status int, contentType, body string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {contentType}}, Request: r,
			Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	}
}

// operations are all requests, as far as their error goes.
func operations(c *passport.Client) map[string]func(context.Context) error {
	code := passport.Code{Key: secret.New("00112233445566778899aabbccddeeff")}
	return map[string]func(context.Context) error{
		"nav":         func(ctx context.Context) error { _, err := web(c).Identify(ctx, fakeSession()); return err },
		"cookie/info": func(ctx context.Context) error { _, err := web(c).CheckSession(ctx, fakeSession()); return err },
		"qrcode/generate": func(ctx context.Context) error {
			_, err := web(c).Generate(ctx, device(), passport.ProfileHeader)
			return err
		},
		"qrcode/poll": func(ctx context.Context) error { _, err := web(c).Poll(ctx, device(), code); return err },
		"finger/spi":  func(ctx context.Context) error { _, err := c.Fingerprint(ctx, device()); return err },

		"intl/auth/url": func(ctx context.Context) error {
			_, err := intl(c).Generate(ctx, device(), passport.ProfileHeader)
			return err
		},
		"intl/auth/fetch":  func(ctx context.Context) error { _, err := intl(c).Poll(ctx, device(), code); return err },
		"intl/user":        func(ctx context.Context) error { _, err := intl(c).Identify(ctx, fakeSession()); return err },
		"intl/exit":        func(ctx context.Context) error { return intl(c).Logout(ctx, fakeSession()) },
		"country/list":     func(ctx context.Context) error { _, err := c.Countries(ctx, device()); return err },
		"captcha":          func(ctx context.Context) error { _, err := c.Captcha(ctx, device(), false); return err },
		"captcha/combine":  func(ctx context.Context) error { _, err := c.Captcha(ctx, device(), true); return err },
		"sms/send":         func(ctx context.Context) error { _, err := c.SendSMS(ctx, device(), fakeRequest(), false); return err },
		"sms/general/send": func(ctx context.Context) error { _, err := c.SendSMS(ctx, device(), fakeRequest(), true); return err },
		"login/sms": func(ctx context.Context) error {
			_, _, err := c.LoginSMS(ctx, device(), fakeAnswer(), false)
			return err
		},
		"login/rapid": func(ctx context.Context) error {
			_, _, err := c.LoginSMS(ctx, device(), fakeAnswer(), true)
			return err
		},
	}
}

const phone = "13800000000"

func fakeRequest() passport.SMSRequest {
	return passport.SMSRequest{
		Phone:    secret.New(phone),
		Captcha:  passport.Captcha{Type: "geetest", GT: "g", Challenge: "abc", Token: "t"},
		Validate: secret.New("cba"),
	}
}

func fakeAnswer() passport.SMSLogin {
	return passport.SMSLogin{Phone: secret.New(phone), Code: secret.New("123456"), Key: secret.New("k")}
}

func within(t *testing.T, what string, got, low, high time.Duration) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s = %v, want %v to %v", what, got, low, high)
	}
}
