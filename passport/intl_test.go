package passport_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// overHTTP is a client of a site that is served on a loopback port.
func overHTTP(t *testing.T, site *passporttest.Site, intl passport.IntlOptions) *passport.Client {
	t.Helper()
	server, err := site.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return client(t, passport.Options{Endpoints: site.Endpoints(server.URL), Limiter: generous(), Intl: intl})
}

// intlLogin walks a login of bilibili.tv to its grant.
func intlLogin(t *testing.T, site *passporttest.Site, c *passport.Client) passport.Grant {
	t.Helper()
	code, err := intl(c).Generate(t.Context(), device(), passport.ProfileHeader)
	if err != nil {
		t.Fatal(err)
	}
	poll := func(want passport.ScanState) passport.Grant {
		t.Helper()
		scan, err := intl(c).Poll(t.Context(), device(), code)
		if err != nil || scan.State != want {
			t.Fatalf("poll: %q, %v, want %q", scan.State, err, want)
		}
		return scan.Grant
	}
	poll(passport.Waiting)
	if err := site.QR.Scan(code.URL.Reveal(), mid); err != nil {
		t.Fatal(err)
	}
	poll(passport.Scanned)
	if err := site.QR.Confirm(code.URL.Reveal(), mid); err != nil {
		t.Fatal(err)
	}
	grant := poll(passport.Granted)
	poll(passport.Expired) // the success came once
	if value(grant.Cookies, "bstar-web-lang") != "en" {
		t.Error("the code's cookies are not in the grant")
	}
	return grant
}

func TestIntlLogins(t *testing.T) {
	for _, row := range []struct {
		name, platform string
		flow           passporttest.IntlFlow
		// what the poll's reply lacks, and the requests to complete it
		lacks, lists, users, hops int
	}{
		{"plain", "", passporttest.IntlPlain, 0, 1, 0, 0},
		{"two places", "web", passporttest.IntlSSO, 0, 1, 0, 4},
		{"a page before the list", "web", passporttest.IntlGoURL, 3, 2, 0, 3},
		{"a page after the check", "web", passporttest.IntlLate, 0, 1, 1, 3},
		{"tv", "tv", passporttest.IntlPlain, 0, 0, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			site := newSite()
			site.Intl.SetFlow(row.flow)
			c := overHTTP(t, site, passport.IntlOptions{Platform: row.platform})
			grant := intlLogin(t, site, c)
			if len(grant.Missing()) != row.lacks || grant.Mid() != mid || !grant.RefreshToken.IsZero() {
				t.Errorf("after the poll: mid %d, missing %v", grant.Mid(), grant.Missing())
			}
			whole, err := intl(c).Collect(t.Context(), device(), grant)
			if err != nil {
				t.Fatal(err)
			}
			counted := [3]int{
				site.Requests(passporttest.PathIntlTargets), site.Requests(passporttest.PathIntlUser),
				site.Requests(passporttest.PathIntlSSO) + site.Requests(passporttest.PathIntlGo),
			}
			if counted != [3]int{row.lists, row.users, row.hops} {
				t.Errorf("requests %v", counted)
			}
			checkIntl(t, site, c, whole)
			if row.flow == passporttest.IntlSSO && value(whole.Cookies, "joy_jct") == "" {
				t.Error("the cookie of a place was not kept")
			}
		})
	}
}

func checkIntl(t *testing.T, site *passporttest.Site, c *passport.Client, g passport.Grant) {
	t.Helper()
	if len(g.Missing()) != 0 || !site.Alive(value(g.Cookies, "SESSDATA")) {
		t.Errorf("missing %v, SESSDATA %q", g.Missing(), value(g.Cookies, "SESSDATA"))
	}
	for _, cookie := range g.Cookies {
		if !strings.HasSuffix(cookie.Domain, "bilibili.tv") || cookie.Path != "/" {
			t.Errorf("%s has domain %q, path %q", cookie.Name, cookie.Domain, cookie.Path)
		}
	}
	if at := passport.Expiry(g.Cookies); time.Until(at) < 179*24*time.Hour {
		t.Errorf("the session ends at %v", at)
	}
	id, err := intl(c).Identify(t.Context(), session(g))
	if err != nil || id.Mid != mid || id.Cookies != nil {
		t.Errorf("user: %d, %v, %d cookies", id.Mid, err, len(id.Cookies))
	}
	// The realms do not know each other's sessions.
	if _, err := web(c).CheckSession(t.Context(), session(g)); passport.ClassOf(err) != passport.Dead {
		t.Errorf("the other realm: %v", err)
	}
	if err := intl(c).Logout(t.Context(), session(g)); err != nil || site.Alive(value(g.Cookies, "SESSDATA")) {
		t.Errorf("logout: %v", err)
	}
	if err := intl(c).Logout(t.Context(), session(g)); !errors.Is(err, passport.ErrAlreadyOut) || passport.ClassOf(err) == passport.Dead {
		t.Errorf("logout again: %v", err)
	}
}

func TestIntlLogoutRefused(t *testing.T) {
	site := newSite()
	c := overHTTP(t, site, passport.IntlOptions{})
	g, err := intl(c).Collect(t.Context(), device(), intlLogin(t, site, c))
	if err != nil {
		t.Fatal(err)
	}
	s := session(g)
	for i, cookie := range s.Cookies {
		if cookie.Name == "bili_jct" {
			s.Cookies[i].Value = secret.New("other")
		}
	}
	if err := intl(c).Logout(t.Context(), s); !errors.Is(err, passport.ErrWrongCSRF) {
		t.Errorf("wrong csrf: %v", err)
	}
	s.Cookies = slices.DeleteFunc(s.Cookies, func(c passport.Cookie) bool { return c.Name == "bili_jct" })
	site.ResetLog()
	if err := intl(c).Logout(t.Context(), s); !errors.Is(err, passport.ErrWrongCSRF) || site.Requests(passporttest.Any) != 0 {
		t.Errorf("no csrf: %v", err)
	}
}

func TestIntlSessionDies(t *testing.T) {
	for _, how := range []passporttest.Anonymous{passporttest.AnonymousFlag, passporttest.AnonymousCode} {
		site := newSite()
		site.Intl.SetAnonymous(how)
		c := overHTTP(t, site, passport.IntlOptions{})
		g := intlLogin(t, site, c)
		if _, err := intl(c).Identify(t.Context(), session(g)); err != nil {
			t.Error(err)
		}
		site.Kill(mid)
		if _, err := intl(c).Identify(t.Context(), session(g)); passport.ClassOf(err) != passport.Dead {
			t.Errorf("%s: %v", how, err)
		}
	}
}

// A check that sets new cookies returns them as a whole set of their own.
func TestIntlCheckRenewsCookies(t *testing.T) {
	site := newSite()
	c := overHTTP(t, site, passport.IntlOptions{})
	g := intlLogin(t, site, c)
	site.Intl.Renew(1)
	id, err := intl(c).Identify(t.Context(), session(g))
	if err != nil || id.Cookies == nil {
		t.Fatalf("%d cookies, %v", len(id.Cookies), err)
	}
	if value(id.Cookies, "SESSDATA") == value(g.Cookies, "SESSDATA") || value(id.Cookies, "bstar-web-lang") != "en" {
		t.Error("the new set is not the old one with what the reply changed")
	}
	again, err := intl(c).Identify(t.Context(), passport.Session{Device: device(), Cookies: id.Cookies})
	if err != nil || again.Cookies != nil || again.Mid != mid {
		t.Errorf("the new set: %v", err)
	}
}

// What the site sees: its own origin, the chosen words, the cookies of the code
// and none of the other realm's identifiers.
func TestIntlRequests(t *testing.T) {
	var asked []*http.Request
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r)
		resp, err := says(200, "application/json", `{"code":0,"data":{"is_login":true,"qr_url":"https://www.bilibili.tv/?ticket=t"}}`)(r)
		resp.Header.Add("Set-Cookie", "anon=1; Path=/; Domain=.bilibili.tv")
		return resp, err
	})
	synctest.Test(t, func(t *testing.T) {
		c := client(t, passport.Options{Limiter: generous(), Transport: transport, Intl: passport.IntlOptions{Locale: "th_TH"}})
		d := device()
		d.Buvid3, d.Buvid4 = secret.New("b3"), secret.New("b4")
		code, err := intl(c).Generate(t.Context(), d, passport.ProfileHeader)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := intl(c).Poll(t.Context(), d, code); err != nil {
			t.Fatal(err)
		}
		s := fakeSession()
		s.Device = d
		if _, err := intl(c).Identify(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if err := intl(c).Logout(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	})
	for i, want := range []struct{ method, url, cookie string }{
		{"GET", "https://passport.bilibili.tv/x/intl/passport-login/qrcode/auth/url?s_locale=th_TH&platform=web", ""},
		{"GET", "https://passport.bilibili.tv/x/intl/passport-login/qrcode/auth/fetch?s_locale=th_TH&platform=web&ticket=t", "anon=1"},
		{"GET", "https://api.bilibili.tv/intl/gateway/web/v2/user?s_locale=th_TH&platform=web", fakeSession().Header().Reveal()},
		{"POST", "https://passport.bilibili.tv/x/intl/passport-login/web/login/exit?csrf=00000000000000000000000000000001", fakeSession().Header().Reveal()},
	} {
		got := asked[i]
		if got.Method != want.method || got.URL.String() != want.url || got.Header.Get("Cookie") != want.cookie {
			t.Errorf("%s %s with %q", got.Method, got.URL, got.Header.Get("Cookie"))
		}
		if got.Header.Get("Referer") != "https://www.bilibili.tv/" || got.Header.Get("Origin") != "https://www.bilibili.tv" {
			t.Errorf("%s: referer %q, origin %q", got.URL, got.Header.Get("Referer"), got.Header.Get("Origin"))
		}
	}
}

func TestIntlOptions(t *testing.T) {
	for _, bad := range []passport.IntlOptions{{Locale: "en US"}, {Platform: "a&b"}, {Locale: strings.Repeat("a", 17)}} {
		if _, err := passport.New(passport.Options{Intl: bad}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// A block of one realm leaves the other alone.
func TestRealmsAreBlockedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := newSite()
		var changes []passport.Breaker
		gate := passport.NewLimiter(passport.Limits{PerMinute: 60_000}, passport.LimiterOptions{
			OnChange: func(b passport.Breaker) { changes = append(changes, b) },
		})
		c := inMemory(t, site, gate)
		site.SetTrouble(passporttest.PathIntlUser, passporttest.HTTP412)
		if _, err := intl(c).Identify(t.Context(), fakeSession()); passport.ClassOf(err) != passport.Blocked {
			t.Fatal(err)
		}
		if _, err := intl(c).Generate(t.Context(), device(), passport.ProfileHeader); !errors.Is(err, passport.ErrNotAsked) {
			t.Errorf("the blocked realm was asked: %v", err)
		}
		if _, err := web(c).Generate(t.Context(), device(), passport.ProfileHeader); err != nil {
			t.Errorf("the other realm: %v", err)
		}
		until, _ := gate.BlockedAt(passport.Web)
		tv, reason := gate.BlockedAt(passport.Intl)
		if !until.IsZero() || time.Until(tv) != 30*time.Minute || reason != "HTTP 412" {
			t.Errorf("blocked until %v and %v: %s", until, tv, reason)
		}
		if len(changes) != 1 || changes[0].Host != "*intl" {
			t.Fatalf("%+v", changes)
		}
		again := passport.NewLimiter(passport.Limits{}, passport.LimiterOptions{})
		again.Restore(changes)
		if at, _ := again.BlockedAt(passport.Intl); !at.Equal(tv) {
			t.Errorf("after a restart until %v", at)
		}

		site.SetTrouble(passporttest.PathNav, passporttest.HTTP429)
		time.Sleep(31 * time.Minute)
		site.SetTrouble(passporttest.PathIntlUser, passporttest.None)
		if _, err := web(c).Identify(t.Context(), fakeSession()); passport.ClassOf(err) != passport.Blocked {
			t.Fatal(err)
		}
		if _, err := intl(c).Generate(t.Context(), device(), passport.ProfileHeader); err != nil {
			t.Errorf("bilibili.tv after its block: %v", err)
		}
	})
}

// A reply that breaks off after its headers still holds the login.
func TestIntlSuccessWhoseBodyBroke(t *testing.T) {
	site := newSite()
	c := overHTTP(t, site, passport.IntlOptions{})
	code, err := intl(c).Generate(t.Context(), device(), passport.ProfileHeader)
	if err != nil {
		t.Fatal(err)
	}
	approve(t, site, code)
	site.CutReply(passporttest.PathIntlPoll, 1)
	scan, err := intl(c).Poll(t.Context(), device(), code)
	if err != nil || scan.State != passport.Granted || len(scan.Grant.Missing()) != 0 {
		t.Fatalf("%q, %v", scan.State, err)
	}
	checkIntl(t, site, c, scan.Grant)
}
