package passport_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func TestLoginStepByStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := newSite()
		c := inMemory(t, site, generous())
		start := time.Now()
		code, err := web(c).Generate(t.Context(), device(), passport.ProfileHeader)
		if err != nil {
			t.Fatal(err)
		}
		if got := code.ExpiresAt.Sub(start); got != 180*time.Second {
			t.Errorf("the code lives for %v", got)
		}
		if !strings.HasPrefix(code.URL.Reveal(), "https://account.bilibili.com/h5/") || len(code.Key.Reveal()) != 32 {
			t.Errorf("code %q, key %q", code.URL.Reveal(), code.Key.Reveal())
		}
		poll := func(want passport.ScanState) passport.Scan {
			t.Helper()
			scan, err := web(c).Poll(t.Context(), device(), code)
			if err != nil || scan.State != want {
				t.Fatalf("poll: %q, %v, want %q", scan.State, err, want)
			}
			return scan
		}
		poll(passport.Waiting)
		if err := site.QR.Scan(code.URL.Reveal(), mid); err != nil {
			t.Fatal(err)
		}
		poll(passport.Scanned)
		if err := site.QR.Confirm(code.URL.Reveal(), mid); err != nil {
			t.Fatal(err)
		}
		grant := poll(passport.Granted).Grant
		poll(passport.Expired) // the success came once

		if grant.Mid() != mid || len(grant.Missing()) != 0 || grant.RefreshToken.IsZero() || grant.HopURL.IsZero() {
			t.Errorf("grant of %d lacks %v", grant.Mid(), grant.Missing())
		}
		sessdata := value(grant.Cookies, "SESSDATA")
		if !site.Alive(sessdata) || !strings.Contains(sessdata, "%2C") || !strings.Contains(sessdata, "*") {
			t.Errorf("SESSDATA %q is not what the site set", sessdata)
		}
		if got := passport.Expiry(grant.Cookies).Sub(start); got != 180*24*time.Hour {
			t.Errorf("the session ends after %v", got)
		}
		id, err := web(c).Identify(t.Context(), session(grant))
		if err != nil || id.Mid != mid || id.Uname != uname {
			t.Errorf("nav: %+v, %v", id, err)
		}
		site.Kill(mid)
		if _, err := web(c).Identify(t.Context(), session(grant)); passport.ClassOf(err) != passport.Dead {
			t.Errorf("nav of a killed session: %v", err)
		}
		if _, err := web(c).CheckSession(t.Context(), session(grant)); passport.ClassOf(err) != passport.Dead {
			t.Errorf("cookie/info of a killed session: %v", err)
		}
	})
}

func TestCodeRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := newSite()
		c := inMemory(t, site, generous())
		code, err := web(c).Generate(t.Context(), device(), passport.ProfileHeader)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(180 * time.Second)
		if scan, err := web(c).Poll(t.Context(), device(), code); err != nil || scan.State != passport.Expired {
			t.Errorf("%q, %v", scan.State, err)
		}
	})
}

// The code's end is counted from before the request, however long the request
// waited for its turn or the site for its answer.
func TestCodeExpiryIsTakenBeforeTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := newSite()
		gate := passport.NewLimiter(passport.Limits{PerMinute: 1}, passport.LimiterOptions{})
		c := inMemory(t, site, gate)
		start := time.Now()
		for i := range 2 {
			code, err := web(c).Generate(t.Context(), device(), passport.ProfileHeader)
			if err != nil {
				t.Fatal(err)
			}
			want := time.Duration(i)*time.Minute + 180*time.Second
			within(t, "expiry", code.ExpiresAt.Sub(start), want-time.Millisecond, want+time.Millisecond)
		}
	})
}

func TestForms(t *testing.T) {
	for form, afterPoll := range map[passporttest.Form]int{
		passporttest.FormHeaders: 0, passporttest.FormBoth: 0, passporttest.FormQuery: 3, passporttest.FormHop: 3,
	} {
		t.Run(string(form), func(t *testing.T) {
			site := newSite()
			site.QR.SetForm(form)
			c := inMemory(t, site, generous())
			grant := login(t, site, c)
			if len(grant.Missing()) != afterPoll {
				t.Errorf("after the poll %v are missing", grant.Missing())
			}
			whole, err := web(c).Collect(t.Context(), device(), grant)
			if err != nil {
				t.Fatal(err)
			}
			if len(whole.Missing()) != 0 || whole.Mid() != mid || whole.RefreshToken.IsZero() {
				t.Errorf("collected: mid %d, missing %v", whole.Mid(), whole.Missing())
			}
			if value(whole.Cookies, "DedeUserID__ckMd5") == "" {
				t.Error("the companion cookie is missing")
			}
			for _, cookie := range whole.Cookies {
				if !strings.HasSuffix(cookie.Domain, "bilibili.com") || cookie.Path != "/" || cookie.Expires.IsZero() {
					t.Errorf("cookie %s: domain %q, path %q, expires %v", cookie.Name, cookie.Domain, cookie.Path, cookie.Expires)
				}
			}
			if id, err := web(c).Identify(t.Context(), session(whole)); err != nil || id.Mid != mid {
				t.Errorf("nav: %+v, %v", id, err)
			}
			if form == passporttest.FormHop && site.Requests(passporttest.PathHop) != 3 {
				t.Errorf("%d hops, want 3", site.Requests(passporttest.PathHop))
			}
			if afterPoll == 0 && site.Requests(passporttest.PathHop)+site.Requests(passporttest.PathHopOld) != 0 {
				t.Error("a complete grant was followed")
			}
		})
	}
}

// A reply that breaks off after its headers still holds the login.
func TestSuccessWhoseBodyBroke(t *testing.T) {
	site := newSite()
	c := inMemory(t, site, generous())
	site.CutReply(passporttest.PathPoll, 1)
	code, err := web(c).Generate(t.Context(), device(), passport.ProfileHeader)
	if err != nil {
		t.Fatal(err)
	}
	approve(t, site, code)
	scan, err := web(c).Poll(t.Context(), device(), code)
	if err != nil || scan.State != passport.Granted {
		t.Fatalf("%q, %v", scan.State, err)
	}
	if len(scan.Grant.Missing()) != 0 || !scan.Grant.RefreshToken.IsZero() {
		t.Errorf("missing %v", scan.Grant.Missing())
	}
	if _, err := web(c).Identify(t.Context(), session(scan.Grant)); err != nil {
		t.Error(err)
	}
}

// A lost success must come out as "no answer", never as an expired code: the
// client must not ask a second time by itself.
func TestLostSuccessIsNotRepeated(t *testing.T) {
	site := newSite()
	server, err := site.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := client(t, passport.Options{Endpoints: site.Endpoints(server.URL), Limiter: generous()})
	code, err := web(c).Generate(t.Context(), device(), passport.ProfileHeader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := web(c).Poll(t.Context(), device(), code); err != nil { // a connection was used before
		t.Fatal(err)
	}
	approve(t, site, code)
	site.LoseReply(passporttest.PathPoll, 1)
	if scan, err := web(c).Poll(t.Context(), device(), code); passport.ClassOf(err) != passport.Unreachable {
		t.Errorf("%q, %v", scan.State, err)
	}
	if n := site.Requests(passporttest.PathPoll); n != 2 {
		t.Errorf("%d polls reached the site, want 2", n)
	}
}

func TestPollStates(t *testing.T) {
	for body, want := range map[string]struct {
		state passport.ScanState
		class passport.Class
		code  int
	}{
		`{"code":0,"data":{"code":86101}}`:                {state: passport.Waiting, class: passport.OK},
		`{"code":0,"data":{"code":"86090"}}`:              {state: passport.Scanned, class: passport.OK},
		`{"code":"0","data":{"code":86038}}`:              {state: passport.Expired, class: passport.OK},
		`{"code":0,"data":{"code":0}}`:                    {state: passport.Granted, class: passport.OK},
		`{"code":0,"data":{"code":0,"refresh_token":17}}`: {state: passport.Granted, class: passport.OK},
		`{"code":0,"data":{"code":86999}}`:                {class: passport.Unknown, code: 86999},
		`{"code":0,"data":{}}`:                            {class: passport.Unknown},
		`{"code":0,"data":null}`:                          {class: passport.Unknown},
		`{"code":0}`:                                      {class: passport.Unknown},
		`{"code":86038,"data":{"code":0}}`:                {class: passport.Unknown, code: 86038},
		`{"code":-400}`:                                   {class: passport.Unknown, code: -400},
	} {
		c := client(t, passport.Options{
			Endpoints: passporttest.New().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", body),
		})
		scan, err := web(c).Poll(t.Context(), device(), passport.Code{Key: secret.New("k")})
		if scan.State != want.state || passport.ClassOf(err) != want.class {
			t.Errorf("%s: %q, %v", body, scan.State, err)
		}
		if e, ok := errors.AsType[*passport.Error](err); ok && e.Code != want.code {
			t.Errorf("%s: code %d", body, e.Code)
		}
	}
}

func TestGenerateRefusesUnusableCodes(t *testing.T) {
	for _, body := range []string{
		`{"code":0,"data":null}`,
		`{"code":0,"data":{"url":"https://account.bilibili.com/x","qrcode_key":""}}`,
		`{"code":0,"data":{"url":"","qrcode_key":"k"}}`,
		`{"code":0,"data":{"url":"javascript:alert(1)","qrcode_key":"k"}}`,
		`{"code":0,"data":{"url":"https://account.bilibili.com/\u001b[2J","qrcode_key":"k"}}`,
	} {
		c := client(t, passport.Options{
			Endpoints: passporttest.New().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", body),
		})
		if _, err := web(c).Generate(t.Context(), device(), passport.ProfileHeader); passport.ClassOf(err) != passport.Unknown {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestFingerprint(t *testing.T) {
	site := newSite()
	c := inMemory(t, site, generous())
	d, err := c.Fingerprint(t.Context(), device())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(d.Buvid3.Reveal(), "infoc") || d.UserAgent != device().UserAgent || d.Key != device().Key {
		t.Errorf("%+v", d)
	}
	line := passport.Session{Device: d}.Header().Reveal()
	if !strings.Contains(line, "buvid3="+d.Buvid3.Reveal()) || !strings.Contains(line, "%3D%3D") || !strings.Contains(line, "%2F") {
		t.Errorf("header %q", line)
	}
}

// TestProfiles: what a code was asked for with, it is asked about with.
func TestProfiles(t *testing.T) {
	for profile, referer := range map[passport.Profile]string{
		passport.ProfileHeader: "https://www.bilibili.com/", passport.ProfileLogin: "https://passport.bilibili.com/login",
	} {
		site := newSite()
		site.QR.OnlyFrom(referer)
		c := inMemory(t, site, generous())
		code, err := web(c).Generate(t.Context(), device(), profile)
		if err != nil || code.Profile != profile || profile.Other().Other() != profile || profile.Other() == profile {
			t.Fatalf("%+v, %v", code, err)
		}
		if err := site.QR.Scan(code.URL.Reveal(), mid); err != nil {
			t.Fatal(err)
		}
		if scan, err := web(c).Poll(t.Context(), device(), code); err != nil || scan.State != passport.Scanned {
			t.Errorf("%q: %q, %v", profile, scan.State, err)
		}
		code.Profile = profile.Other()
		if scan, err := web(c).Poll(t.Context(), device(), code); err != nil || scan.State != passport.Waiting {
			t.Errorf("%q, asked as the other: %q, %v", profile, scan.State, err)
		}
	}
}
