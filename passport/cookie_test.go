package passport_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func cookies(pairs ...string) []passport.Cookie {
	var list []passport.Cookie
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, passport.Cookie{Name: pairs[i], Value: secret.New(pairs[i+1])})
	}
	return list
}

func TestSessionHeader(t *testing.T) {
	withIDs := passport.Device{Buvid3: secret.New("B3-infoc"), Buvid4: secret.New("a/b+c==")}
	for _, row := range []struct {
		name string
		s    passport.Session
		want string
	}{
		{"nothing", passport.Session{}, ""},
		{"byte for byte", passport.Session{Cookies: cookies("SESSDATA", "1a%2C17%2Cf*8%2A1,x y", "bili_jct", "ff")},
			"SESSDATA=1a%2C17%2Cf*8%2A1,x y; bili_jct=ff"},
		{"device's identifiers", passport.Session{Device: withIDs, Cookies: cookies("sid", "x")},
			"sid=x; buvid3=B3-infoc; buvid4=a%2Fb%2Bc%3D%3D"},
		{"the cookies' own win", passport.Session{Device: withIDs, Cookies: cookies("buvid3", "mine", "buvid4", "m%3D")},
			"buvid3=mine; buvid4=m%3D"},
		{"encoded already", passport.Session{Device: passport.Device{Buvid4: secret.New("a%3D")}}, "buvid4=a%3D"},
		{"never sent", passport.Session{Cookies: cookies("bili_ticket", "t", "bili_ticket_expires", "1", "ac_time_value", "r", "a", "b")}, "a=b"},
		{"would break the line", passport.Session{Cookies: cookies("a", "1\r\nX-Evil: 1", "b", "2; c=3", "d", "4", "e\n", "5")}, "d=4"},
		{"names are compared whole", passport.Session{Cookies: cookies("DedeUserID__ckMd5", "sum", "DedeUserID", "1", "DedeUserID", "2")},
			"DedeUserID__ckMd5=sum; DedeUserID=1"},
	} {
		if got := row.s.Header().Reveal(); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// What the site set comes back to it byte for byte, over a real connection, on
// one line and without the transport's quotes.
func TestCookiesSurviveTheWire(t *testing.T) {
	const sessdata = `1a2b3c4d%2C1799999999%2Cf00d5*81Cj%2Aexample/+,=~`
	var sent []string
	c := client(t, passport.Options{
		Endpoints: passporttest.New().Endpoints(base), Limiter: generous(),
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent = r.Header.Values("Cookie")
			resp, _ := says(200, "application/json", `{"code":0,"data":{"code":0,"url":"","refresh_token":"r"}}`)(r)
			resp.Header["Set-Cookie"] = []string{
				"SESSDATA=" + sessdata + "; Path=/; Domain=bilibili.com; Expires=Fri, 15 Jan 2100 07:59:59 GMT; HttpOnly; Secure; SameSite=None",
				`bili_jct="quoted"; Max-Age=60; Expires=Fri, 15 Jan 2100 07:59:59 GMT`,
				"DedeUserID=100200300; Domain=.bilibili.com",
				"sid=; Path=/",
				"gone=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
				"gone2=x; Max-Age=0",
				"bili_ticket=t",
				"=nameless",
			}
			return resp, nil
		}),
	})
	scan, err := web(c).Poll(t.Context(), device(), passport.Code{Key: secret.New("k")})
	if err != nil {
		t.Fatal(err)
	}
	got := scan.Grant.Cookies
	if len(got) != 3 {
		t.Fatalf("%d cookies: %+v", len(got), got)
	}
	want := passport.Cookie{
		Name: "SESSDATA", Value: secret.New(sessdata), Domain: "bilibili.com", Path: "/",
		Expires: time.Date(2100, 1, 15, 7, 59, 59, 0, time.UTC), HTTPOnly: true, Secure: true, SameSite: "None",
	}
	if got[0] != want {
		t.Errorf("got %+v (%q)", got[0], got[0].Value.Reveal())
	}
	if age := time.Until(got[1].Expires); got[1].Value.Reveal() != "quoted" || age > time.Minute || age < 50*time.Second {
		t.Errorf("bili_jct %q ends in %v", got[1].Value.Reveal(), age)
	}
	if got[2].Domain != ".bilibili.com" || got[2].Path != "/" {
		t.Errorf("DedeUserID has %q %q", got[2].Domain, got[2].Path)
	}
	if _, err := web(c).CheckSession(t.Context(), session(scan.Grant)); err == nil {
		t.Fatal("the fake reply passed")
	}
	if line := "SESSDATA=" + sessdata + "; bili_jct=quoted; DedeUserID=100200300"; len(sent) != 1 || sent[0] != line {
		t.Errorf("sent %q", sent)
	}
}

// A clock here that runs ahead must not make fresh cookies look old.
func TestCookiesAreJudgedByTheSitesClock(t *testing.T) {
	c := client(t, passport.Options{
		Endpoints: passporttest.New().Endpoints(base), Limiter: generous(),
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, _ := says(200, "application/json", `{"code":0,"data":{"code":0}}`)(r)
			resp.Header.Set("Date", "Fri, 01 Jan 2010 00:00:00 GMT")
			resp.Header["Set-Cookie"] = []string{"SESSDATA=a; Expires=Thu, 01 Jul 2010 00:00:00 GMT"}
			return resp, nil
		}),
	})
	scan, err := web(c).Poll(t.Context(), device(), passport.Code{Key: secret.New("k")})
	if err != nil || value(scan.Grant.Cookies, "SESSDATA") != "a" {
		t.Errorf("%+v, %v", scan.Grant.Cookies, err)
	}
}

func TestExpiry(t *testing.T) {
	at := time.Unix(1799999999, 0).UTC()
	for _, row := range []struct {
		name    string
		value   string
		expires time.Time
		want    time.Time
	}{
		{"nominal is earlier", "a%2C1799999999%2Cb", at.Add(time.Hour), at},
		{"attribute is earlier", "a%2C1799999999%2Cb", at.Add(-time.Hour), at.Add(-time.Hour)},
		{"no attribute", "a%2c1799999999%2cb", time.Time{}, at},
		{"literal commas", "a,1799999999,b", time.Time{}, at},
		{"opaque", "opaque", at, at},
		{"broken encoding", "a%2C1799999999%zz", at, at},
		{"not a number", "a,17999x9999,b", at, at},
		{"negative", "a,-179999999,b", at, at},
		{"too short", "a,17,b", at, at},
		{"nothing known", "opaque", time.Time{}, time.Time{}},
	} {
		list := []passport.Cookie{{Name: "DedeUserID", Expires: at.Add(-time.Hour)}, {Name: "SESSDATA", Value: secret.New(row.value), Expires: row.expires}}
		if got := passport.Expiry(list); !got.Equal(row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	if !passport.Expiry(nil).IsZero() {
		t.Error("no cookies have an expiry")
	}
}

func TestGrantMid(t *testing.T) {
	for text, want := range map[string]int64{"100200300": 100200300, "": 0, "x": 0, "-1": 0, "99999999999999999999": 0} {
		if got := (passport.Grant{Cookies: cookies("DedeUserID__ckMd5", "7", "DedeUserID", text)}).Mid(); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestRequestHeaders(t *testing.T) {
	site := newSite()
	server, err := site.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := client(t, passport.Options{Endpoints: site.Endpoints(server.URL), Limiter: generous()})
	for op, ask := range operations(c) {
		site.ResetLog()
		_ = ask(t.Context())
		log := site.Log()
		if len(log) != 1 {
			t.Fatalf("%s: %d requests", op, len(log))
		}
		names := strings.Join(log[0].Headers, " ")
		posts := []string{"intl/exit", "sms/send", "sms/general/send", "login/sms", "login/rapid"}
		post := slices.Contains(posts, op)
		origin := post || strings.HasPrefix(op, "intl/")
		if (log[0].Method == "POST") != post || log[0].UserAgent != device().UserAgent || strings.Contains(names, "Origin") != origin ||
			!strings.Contains(names, "Accept Accept-Encoding") || !strings.Contains(names, "Referer") {
			t.Errorf("%s: %s with %s", op, log[0].Method, names)
		}
	}
}

func TestUserAgents(t *testing.T) {
	seen := map[string]bool{}
	for i := range 200 {
		seed := fmt.Sprint("seed", i)
		ua := passport.NewUserAgent(seed)
		if ua != passport.NewUserAgent(seed) || !strings.HasPrefix(ua, "Mozilla/5.0 (") {
			t.Fatalf("%s: %q", seed, ua)
		}
		seen[ua] = true
	}
	if len(seen) < 3 {
		t.Errorf("only %d different ones", len(seen))
	}
}
