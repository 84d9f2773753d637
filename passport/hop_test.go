package passport_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// hopSite is a transport that records where hops go and answers them from a
// table of "host/path?query" → reply.
type hopSite struct {
	asked   []string
	replies map[string]hopReply
}

type hopReply struct {
	status   int
	location string
	cookies  []string
}

func (h *hopSite) RoundTrip(r *http.Request) (*http.Response, error) {
	key := r.URL.String()
	h.asked = append(h.asked, key)
	reply, ok := h.replies[key]
	if !ok {
		reply.status = 404
	}
	header := http.Header{"Set-Cookie": reply.cookies}
	if reply.location != "" {
		header.Set("Location", reply.location)
	}
	return &http.Response{StatusCode: reply.status, Header: header, Body: http.NoBody, Request: r}, nil
}

func fullCookies() []string {
	return []string{"SESSDATA=aa%2C1799999999%2Cbb*cc; Domain=biligame.com", "bili_jct=ff", "DedeUserID=100200300", "other=1"}
}

const realHop = "https://passport.biligame.com/x/passport-login/web/crossDomain?ticket=T"

func TestHopGoesOnlyWhereItMay(t *testing.T) {
	for _, row := range []struct {
		name string
		hop  string
		ok   bool
	}{
		{"game host", realHop, true},
		{"login host, old path", "https://passport.bilibili.com/crossDomain?ticket=T", true},
		{"with the port spelled out", "https://passport.biligame.com:443/crossDomain?ticket=T", true},
		{"plain http", "http://passport.biligame.com/crossDomain?ticket=T", false},
		{"another port", "https://passport.biligame.com:8443/crossDomain?ticket=T", false},
		{"another path", "https://passport.biligame.com/crossDomain/x?ticket=T", false},
		{"path in disguise", "https://passport.biligame.com/%63rossDomain?ticket=T", false},
		{"suffix of the host", "https://passport.biligame.com.evil.example/crossDomain?ticket=T", false},
		{"prefix of the host", "https://evilpassport.biligame.com/crossDomain?ticket=T", false},
		{"user info", "https://passport.biligame.com@evil.example/crossDomain?ticket=T", false},
		{"user info before the right host", "https://evil.example@passport.biligame.com/crossDomain?ticket=T", false},
		{"metadata address", "http://169.254.169.254/crossDomain", false},
		{"file", "file:///crossDomain", false},
		{"no host", "/crossDomain?ticket=T", false},
		{"broken", "https://passport.biligame.com/crossDomain\x7f", false},
		{"nothing", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := &hopSite{replies: map[string]hopReply{}}
			c := client(t, passport.Options{Limiter: generous(), Transport: h})
			_, err := web(c).Collect(t.Context(), device(), passport.Grant{HopURL: secret.New(row.hop)})
			if passport.ClassOf(err) != passport.Unknown {
				t.Errorf("%v", err)
			}
			if !row.ok && len(h.asked) != 0 {
				t.Errorf("asked %v", h.asked)
			}
			if row.ok && len(h.asked) != 1 {
				t.Errorf("%d requests", len(h.asked))
			}
			if wantRefused := !row.ok && row.hop != ""; errors.Is(err, passport.ErrRefusedHost) != wantRefused {
				t.Errorf("refused: %v", err)
			}
			if strings.Contains(err.Error(), "T") && strings.Contains(err.Error(), "ticket") {
				t.Errorf("error text %q", err)
			}
		})
	}
}

func TestHopRedirects(t *testing.T) {
	const loop = "https://passport.bilibili.com/crossDomain?ticket=L"
	for _, row := range []struct {
		name    string
		replies map[string]hopReply
		asked   int
		ok      bool
	}{
		{"all at once", map[string]hopReply{realHop: {302, "https://www.bilibili.com", fullCookies()}}, 1, true},
		{"in the page of the end", map[string]hopReply{realHop: {200, "", fullCookies()}}, 1, true},
		{"never follows to a foreign host", map[string]hopReply{realHop: {302, "https://evil.example/crossDomain?ticket=T", nil}}, 1, false},
		{"three hops at most", map[string]hopReply{realHop: {302, loop, nil}, loop: {302, loop, nil}}, 3, false},
		{"blocked", map[string]hopReply{realHop: {412, "", nil}}, 1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			// In a bubble, because the site's own hosts are asked a second apart.
			synctest.Test(t, func(t *testing.T) {
				h := &hopSite{replies: row.replies}
				c := client(t, passport.Options{Limiter: generous(), Transport: h})
				got, err := web(c).Collect(t.Context(), device(), passport.Grant{HopURL: secret.New(realHop)})
				if (err == nil) != row.ok || len(h.asked) != row.asked {
					t.Errorf("%v after %d requests", err, len(h.asked))
				}
				if row.name == "blocked" && passport.ClassOf(err) != passport.Blocked {
					t.Errorf("class %s", passport.ClassOf(err))
				}
				if row.ok {
					checkCollected(t, got)
				}
			})
		})
	}
}

func checkCollected(t *testing.T, got passport.Grant) {
	t.Helper()
	if value(got.Cookies, "other") != "" || value(got.Cookies, "SESSDATA") != "aa%2C1799999999%2Cbb*cc" {
		t.Errorf("collected %+v", got.Cookies)
	}
	for _, cookie := range got.Cookies {
		if cookie.Domain != ".bilibili.com" {
			t.Errorf("%s has domain %q", cookie.Name, cookie.Domain)
		}
	}
}

// A csrf token of another session is refused, so the two are never mixed.
func TestCollectKeepsThePairTogether(t *testing.T) {
	h := &hopSite{replies: map[string]hopReply{realHop: {200, "", fullCookies()}}}
	c := client(t, passport.Options{Limiter: generous(), Transport: h})
	got, err := web(c).Collect(t.Context(), device(), passport.Grant{
		HopURL:  secret.New(realHop),
		Cookies: []passport.Cookie{{Name: "SESSDATA", Value: secret.New("old")}, {Name: "sid", Value: secret.New("kept")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if value(got.Cookies, "SESSDATA") != "aa%2C1799999999%2Cbb*cc" || value(got.Cookies, "bili_jct") != "ff" || value(got.Cookies, "sid") != "kept" {
		t.Errorf("%s with %s", value(got.Cookies, "SESSDATA"), value(got.Cookies, "bili_jct"))
	}
}

// The query is used when the hop fails, with its values raw.
func TestQueryAfterAFailedHop(t *testing.T) {
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for expires, want := range map[string]time.Time{
		"1799999999": time.Unix(1799999999, 0).UTC(),
		"15551000":   at.Add(15551000 * time.Second),
		"":           {},
		"-5":         {},
		"soon":       {},
	} {
		hop := "https://passport.biligame.com/crossDomain?DedeUserID=100200300&DedeUserID__ckMd5=0011&Expires=" + expires +
			"&SESSDATA=aa%2C1799999999%2Cb+b*c%2Ad&bili_jct=ff&gourl=https%3A%2F%2Fwww.bilibili.com"
		h := &hopSite{replies: map[string]hopReply{hop: {502, "", nil}}}
		c := client(t, passport.Options{Limiter: generous(), Transport: h})
		got, err := web(c).Collect(t.Context(), device(), passport.Grant{HopURL: secret.New(hop), At: at})
		if err != nil {
			t.Fatal(err)
		}
		if v := value(got.Cookies, "SESSDATA"); v != "aa%2C1799999999%2Cb+b*c%2Ad" {
			t.Errorf("SESSDATA %q", v)
		}
		for _, cookie := range got.Cookies {
			if !cookie.Expires.Equal(want) || cookie.Domain != ".bilibili.com" || cookie.Path != "/" {
				t.Errorf("Expires=%s: %s has %v", expires, cookie.Name, cookie.Expires)
			}
		}
	}
}

func TestCollectWithNothingToGoBy(t *testing.T) {
	h := &hopSite{}
	c := client(t, passport.Options{Limiter: generous(), Transport: h})
	_, err := web(c).Collect(t.Context(), device(), passport.Grant{})
	if !errors.Is(err, passport.ErrIncomplete) || len(h.asked) != 0 {
		t.Errorf("%v after %v", err, h.asked)
	}
}
