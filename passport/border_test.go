package passport_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// A name that a stranger chose cannot steer what shows it.
func TestNamesAreCleaned(t *testing.T) {
	const foreign = `\u001b[31mred\u0007\r\nX-Header: 1 \u202egnp.exe\u2066\u200b\ufeff\u0085 end\u0000`
	const want = "[31mred X-Header: 1 gnp.exe end"
	c := client(t, passport.Options{
		Endpoints: newSite().Endpoints(base), Limiter: generous(),
		Transport: says(200, "application/json", `{"code":0,"data":{"isLogin":true,"is_login":true,"mid":100200300,"uname":"`+foreign+`"}}`),
	})
	for _, site := range []passport.Site{passport.Web, passport.Intl} {
		who, err := c.Realm(site).Identify(t.Context(), fakeSession())
		if err != nil || who.Uname != want {
			t.Errorf("%s: %q, %v", site, who.Uname, err)
		}
	}
}

// A poll whose success is a redirect gives the cookies all the same.
func TestARedirectedPollIsASuccess(t *testing.T) {
	for status, want := range map[int]passport.ScanState{302: passport.Granted, 307: passport.Granted, 502: ""} {
		c := client(t, passport.Options{
			Endpoints: newSite().Endpoints(base), Limiter: generous(),
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				resp, err := says(status, "text/html", "")(r)
				resp.Header["Set-Cookie"] = fullCookies()
				resp.Header.Set("Location", "https://www.bilibili.com/")
				return resp, err
			}),
		})
		scan, err := web(c).Poll(t.Context(), device(), passport.Code{Key: secret.New("k"), URL: secret.New("https://example.org/k")})
		if scan.State != want || (err == nil) != (want != "") || scan.Whole != (want != "") {
			t.Errorf("%d: %q, %v", status, scan.State, err)
		}
	}
}

// What no login needs is not kept.
func TestCookiesBeyondTheLimitsAreLeftOut(t *testing.T) {
	lines := append(fullCookies(), "track=1; Domain=ads.example.org", "evil=1; Domain=notbilibili.com",
		"long="+strings.Repeat("x", 4096), "b_nut=1700000000; Domain=.bilibili.com")
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("extra%d=1", i))
	}
	c := client(t, passport.Options{
		Endpoints: newSite().Endpoints(base), Limiter: generous(),
		Transport: setting(`{"code":0,"data":{"code":0,"refresh_token":"x","url":""}}`, lines...),
	})
	scan, err := web(c).Poll(t.Context(), device(), passport.Code{Key: secret.New("k"), URL: secret.New("https://example.org/k")})
	if err != nil || !scan.Whole || len(scan.Grant.Cookies) != 64 {
		t.Fatalf("%d cookies, %v", len(scan.Grant.Cookies), err)
	}
	for name, want := range map[string]string{"track": "", "evil": "", "long": "", "b_nut": "1700000000"} {
		if got := value(scan.Grant.Cookies, name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}
