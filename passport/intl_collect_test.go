package passport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// intlSite answers the list with targets and everything else by URL.
type intlSite struct {
	lists   []string // bodies, the last repeats
	user    string
	replies map[string]hopReply
	broken  []string // URLs whose connection breaks
	asked   []string
	cookies map[string]string
}

func (h *intlSite) RoundTrip(r *http.Request) (*http.Response, error) {
	key := r.URL.String()
	h.asked = append(h.asked, key)
	if h.cookies == nil {
		h.cookies = make(map[string]string)
	}
	h.cookies[key] = r.Header.Get("Cookie")
	switch r.URL.Path {
	case passporttest.PathIntlTargets:
		body := h.lists[0]
		h.lists = h.lists[min(1, len(h.lists)-1):]
		return says(200, "application/json", body)(r)
	case passporttest.PathIntlUser:
		return says(200, "application/json", h.user)(r)
	}
	if slices.Contains(h.broken, key) {
		return nil, syscall.ECONNRESET
	}
	reply, ok := h.replies[key]
	if !ok {
		reply.status = 404
	}
	header := http.Header{"Set-Cookie": reply.cookies}
	if reply.location != "" {
		header.Set("Location", reply.location)
	}
	return &http.Response{StatusCode: reply.status, Header: header, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func list(urls ...string) string {
	text, err := json.Marshal(map[string]any{"code": 0, "data": map[string]any{"sso": append([]string{}, urls...)}})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func intlGrant(goURL string) passport.Grant {
	return passport.Grant{HopURL: secret.New(goURL), Cookies: fakeSession().Cookies}
}

const (
	goodTarget = "https://www.bilibili.tv/sso/set?ticket=T"
	nobody     = `{"code":-101,"data":null}`
	isAlive    = `{"code":0,"data":{"is_login":true}}`
	notAlive   = `{"code":0,"data":{"is_login":false}}`
)

func TestIntlTargets(t *testing.T) {
	for _, row := range []struct {
		target string
		ok     bool
	}{
		{goodTarget, true},
		{"https://WWW.biliintl.com/sso/set?ticket=T", true},
		{"https://a.b.bilibili.tv:443/sso", true},
		{"https://passport.bilibili.tv/a%2Fb/c?x=%7C", true},
		{"http://www.bilibili.tv/sso", false},
		{"https://www.bilibili.tv:8443/sso", false},
		{"https://www.bilibili.tv:/sso", false},
		{"https://user@www.bilibili.tv/sso", false},
		{"https://www.bilibili.tv@evil.example/sso", false},
		{"https://www.bilibili.tv.evil.example/sso", false},
		{"https://evilbilibili.tv/sso", false},
		{"https://www.bilibili.com/sso", false},
		{"https://www.bilibili.tv./sso", false},
		{"https://evil.example\\@www.bilibili.tv/sso", false},
		{"//evil.example/sso", false},
		{"https:www.bilibili.tv/sso", false},
		{"javascript:alert(1)", false},
		{"file:///etc/passwd", false},
		{"https://169.254.169.254/latest", false},
		{"http://127.0.0.1/x", false},
		{"https://www.bilibili.tv/\x7f", false},
		{"", false},
	} {
		t.Run(row.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &intlSite{lists: []string{list(goodTarget, row.target)}}
				c := client(t, passport.Options{Limiter: generous(), Transport: h})
				_, err := intl(c).Collect(t.Context(), device(), intlGrant(""))
				if (err == nil) != row.ok || !row.ok && !errors.Is(err, passport.ErrRefusedHost) {
					t.Errorf("%v", err)
				}
				want := 1 // the list alone
				if row.ok {
					want = 3
				}
				if len(h.asked) != want {
					t.Errorf("asked %v", h.asked)
				}
				if row.ok && !strings.EqualFold(row.target, h.asked[2]) {
					t.Errorf("asked %q", h.asked[2])
				}
				if err != nil && strings.Contains(err.Error(), "://") {
					t.Errorf("error text %q", err)
				}
			})
		})
	}
}

func TestIntlWalks(t *testing.T) {
	const second, goURL = "https://www.biliintl.com/sso/set?ticket=U", "https://www.bilibili.tv/go?ticket=G"
	chain := map[string]hopReply{}
	for i := range 20 {
		chain[fmt.Sprintf("https://www.bilibili.tv/hop/%d", i)] = hopReply{302, fmt.Sprintf("/hop/%d", i+1), nil}
	}
	short := map[string]hopReply{"https://www.bilibili.tv/hop/20": {200, "", []string{"joy_jct=j; Domain=.bilibili.tv"}}}
	for i := 12; i < 20; i++ {
		key := fmt.Sprintf("https://www.bilibili.tv/hop/%d", i)
		short[key] = chain[key]
	}
	for _, row := range []struct {
		name   string
		site   intlSite
		goURL  string
		asked  int
		class  passport.Class
		is     error
		cookie string // "name=value" that is there afterwards
	}{
		{"no targets", intlSite{lists: []string{list()}}, "", 1, passport.OK, nil, ""},
		{"null targets", intlSite{lists: []string{`{"code":0,"data":{"sso":null}}`}}, "", 1, passport.OK, nil, ""},
		{"targets of another kind", intlSite{lists: []string{`{"code":0,"data":{"sso":[1]}}`}}, "", 1, passport.OK, nil, ""},
		{"too many targets", intlSite{lists: []string{list(slices.Repeat([]string{goodTarget}, 17)...)}}, "", 1, passport.OK, nil, ""},
		{"a list that nobody knows any more", intlSite{lists: []string{`{"code":-404}`}}, "", 1, passport.OK, nil, ""},
		{"the list is down", intlSite{lists: []string{`{"code":-503}`}}, "", 1, passport.Unreachable, nil, ""},
		{"the list is blocked", intlSite{lists: []string{`{"code":-352}`}}, goURL, 1, passport.Blocked, nil, ""},
		{"nobody, and no page", intlSite{lists: []string{nobody}}, "", 1, passport.OK, nil, ""},
		{
			"nobody before the page", intlSite{lists: []string{nobody, list(goodTarget)}, replies: map[string]hopReply{
				goURL: {200, "", []string{"SESSDATA=new; Domain=.bilibili.tv"}},
			}}, goURL, 4, passport.OK, nil, "SESSDATA=new",
		},
		{"the page once at most", intlSite{lists: []string{nobody}}, goURL, 3, passport.OK, nil, ""},
		{"the page is down", intlSite{lists: []string{nobody}, broken: []string{goURL}}, goURL, 2, passport.Unreachable, nil, ""},
		{"a foreign page that is needed", intlSite{lists: []string{nobody}}, "https://evil.example/", 1, passport.Unknown, passport.ErrRefusedHost, ""},
		{"a foreign page that is not", intlSite{lists: []string{list()}, user: isAlive}, "https://evil.example/", 2, passport.OK, nil, ""},
		{"alive without the page", intlSite{lists: []string{list()}, user: isAlive}, goURL, 2, passport.OK, nil, ""},
		{"not alive without the page", intlSite{lists: []string{list()}, user: notAlive}, goURL, 3, passport.OK, nil, ""},
		{"nobody knows", intlSite{lists: []string{list()}, user: `{"code":-503}`}, goURL, 2, passport.Unreachable, nil, ""},
		{
			"one place fails", intlSite{lists: []string{list(goodTarget, second)}, broken: []string{goodTarget}, replies: map[string]hopReply{
				second: {200, "", []string{"DedeUserID=7; Domain=.biliintl.com"}},
			}}, "", 3, passport.OK, nil, "DedeUserID=7",
		},
		{"a place is blocked", intlSite{lists: []string{list(goodTarget, second)}, replies: map[string]hopReply{goodTarget: {412, "", nil}}}, "", 2, passport.Blocked, nil, ""},
		{
			"a redirect to a foreign host", intlSite{lists: []string{list(goodTarget, second)}, replies: map[string]hopReply{
				goodTarget: {302, "https://evil.example/", []string{"joy_jct=j; Domain=.bilibili.tv"}},
			}}, "", 2, passport.Unknown, passport.ErrRefusedHost, "joy_jct=j",
		},
		{
			"a Location without a redirect", intlSite{lists: []string{list(goodTarget)}, replies: map[string]hopReply{
				goodTarget: {200, "https://evil.example/", nil},
			}}, "", 2, passport.OK, nil, "",
		},
		{"eight redirects", intlSite{lists: []string{list("https://www.bilibili.tv/hop/12")}, replies: short}, "", 10, passport.OK, nil, "joy_jct=j"},
		{"too many redirects", intlSite{lists: []string{list("https://www.bilibili.tv/hop/0", second)}, replies: chain}, "", 11, passport.OK, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			// In a bubble, because the site's own hosts are asked a second apart.
			synctest.Test(t, func(t *testing.T) {
				h := row.site
				c := client(t, passport.Options{Limiter: generous(), Transport: &h})
				g, err := intl(c).Collect(t.Context(), device(), intlGrant(row.goURL))
				if passport.ClassOf(err) != row.class || row.is != nil && !errors.Is(err, row.is) {
					t.Errorf("%v", err)
				}
				if len(h.asked) != row.asked {
					t.Errorf("%d requests: %v", len(h.asked), h.asked)
				}
				if name, want, ok := strings.Cut(row.cookie, "="); ok && value(g.Cookies, name) != want {
					t.Errorf("%s is %q", name, value(g.Cookies, name))
				}
				if value(g.Cookies, "bili_jct") == "" {
					t.Error("what was there before is lost")
				}
			})
		})
	}
}

// Whatever the list's answer, a login that never got a session is incomplete,
// and says why where a place could not be visited.
func TestIntlWithoutASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			site  intlSite
			class passport.Class
			is    error
		}{
			{intlSite{lists: []string{list(goodTarget)}}, passport.Unknown, passport.ErrIncomplete},
			{intlSite{lists: []string{nobody}}, passport.Unknown, passport.ErrIncomplete},
			{intlSite{lists: []string{list(goodTarget)}, broken: []string{goodTarget}}, passport.Unreachable, nil},
		} {
			c := client(t, passport.Options{Limiter: generous(), Transport: &row.site})
			_, err := intl(c).Collect(t.Context(), device(), passport.Grant{})
			if passport.ClassOf(err) != row.class || row.is != nil && !errors.Is(err, row.is) {
				t.Errorf("%v", err)
			}
		}
	})
}

// As in a browser, neither domain is shown the other's cookies, and the sister's
// only fill gaps.
func TestIntlDomainsAreKeptApart(t *testing.T) {
	const first, second, third = "https://www.biliintl.com/1", "https://www.biliintl.com/2", "https://www.bilibili.tv/3"
	h := &intlSite{lists: []string{list(first)}, replies: map[string]hopReply{
		first:  {302, second, []string{"SESSDATA=sister; Domain=.biliintl.com", "DedeUserID=7", "tracker=1"}},
		second: {302, third, nil},
		third:  {200, "", nil},
	}}
	synctest.Test(t, func(t *testing.T) {
		c := client(t, passport.Options{Limiter: generous(), Transport: h})
		g, err := intl(c).Collect(t.Context(), device(), intlGrant(""))
		if err != nil {
			t.Fatal(err)
		}
		own := fakeSession().Header().Reveal()
		for url, want := range map[string]string{first: "", second: "SESSDATA=sister; DedeUserID=7; tracker=1", third: own} {
			if h.cookies[url] != want {
				t.Errorf("%s was sent %q", url, h.cookies[url])
			}
		}
		if got := (passport.Session{Cookies: g.Cookies}).Header().Reveal(); got != own+"; DedeUserID=7" {
			t.Errorf("gathered %q", got)
		}
	})
}

// The same over a connection, in the simulator's words.
func TestIntlUntrustedTarget(t *testing.T) {
	site := newSite()
	site.Intl.SetFlow(passporttest.IntlUntrusted)
	c := overHTTP(t, site, passport.IntlOptions{})
	grant := intlLogin(t, site, c)
	site.ResetLog()
	g, err := intl(c).Collect(t.Context(), device(), grant)
	if !errors.Is(err, passport.ErrRefusedHost) || len(g.Missing()) != 0 {
		t.Errorf("%v, missing %v", err, g.Missing())
	}
	if site.Requests(passporttest.Any) != 1 || site.Requests(passporttest.PathIntlTargets) != 1 {
		t.Errorf("asked %+v", site.Log())
	}
}

// A mirror's client does not ask the site itself, wherever a reply leads.
func TestIntlInAMirror(t *testing.T) {
	h := &intlSite{lists: []string{list(goodTarget, "https://api.bilibili.tv/x", base+"/y")}}
	e := newSite().Endpoints(base)
	e.APIIntl = "http://api.invalid"
	c := client(t, passport.Options{Endpoints: e, Limiter: generous(), Transport: h})
	if _, err := intl(c).Collect(t.Context(), device(), intlGrant("")); err != nil {
		t.Fatal(err)
	}
	want := []string{base + "/sso/set?ticket=T", "http://api.invalid/x", base + "/y"}
	if !slices.Equal(h.asked[1:], want) {
		t.Errorf("asked %v", h.asked)
	}
	e.PassportIntl = "https://passport.bilibili.tv"
	c = client(t, passport.Options{Endpoints: e, Limiter: generous(), Transport: h})
	h.asked = nil
	if _, err := intl(c).Collect(t.Context(), device(), intlGrant("")); !errors.Is(err, passport.ErrRefusedHost) || len(h.asked) != 0 {
		t.Errorf("%v after %v", err, h.asked)
	}
}

// Whoever gives up in the middle gets what was gathered, and no more is asked.
func TestIntlWalkIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := &intlSite{lists: []string{list(goodTarget, "https://www.bilibili.tv/2")}, replies: map[string]hopReply{}}
		c := client(t, passport.Options{Limiter: generous(), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.String() == goodTarget {
				cancel()
				return nil, ctx.Err()
			}
			return h.RoundTrip(r)
		})})
		g, err := intl(c).Collect(ctx, device(), intlGrant(""))
		if !errors.Is(err, context.Canceled) || len(h.asked) != 1 || value(g.Cookies, "SESSDATA") == "" {
			t.Errorf("%v after %v", err, h.asked)
		}
	})
}
