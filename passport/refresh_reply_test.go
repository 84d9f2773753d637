package passport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// The values that the requests of a refresh carry, and that nothing may show.
const (
	canaryCSRF  = "cafe000000000000000000000000000c"
	canaryToken = "cafe000000000000000000000000000d"
)

// refreshing are the requests of a refresh and the logout, as far as their
// error goes.
func refreshing(c *passport.Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"correspond": func(ctx context.Context) error {
			_, err := c.RefreshCSRF(ctx, fakeSession(), time.Time{})
			return err
		},
		"cookie/refresh": func(ctx context.Context) error {
			_, err := c.Refresh(ctx, fakeSession(), secret.New(canaryCSRF), secret.New(canaryToken))
			return err
		},
		"confirm/refresh": func(ctx context.Context) error { return c.Confirm(ctx, fakeSession(), secret.New(canaryToken)) },
		"login/exit":      func(ctx context.Context) error { return web(c).Logout(ctx, fakeSession()) },
	}
}

// verdicts that differ from those of the other requests.
func refreshVerdict(op string, trouble passporttest.Trouble) (verdict, error) {
	noPage := verdict{passport.Unknown, passport.ScopeAccount, 200, 0}
	switch op {
	case "correspond": // a page is expected, and only blocks are told by JSON
		switch trouble {
		case passporttest.HTML, passporttest.HalfJSON, passporttest.EmptyBody, passporttest.Code400, passporttest.CodeStrange:
			return noPage, passport.ErrNoCSRF
		}
	case "confirm/refresh":
		if trouble == passporttest.Code400 {
			return verdict{passport.Unknown, passport.ScopeAccount, 200, -400}, passport.ErrRefused
		}
	case "login/exit":
		if trouble == passporttest.HTML {
			return noPage, passport.ErrAlreadyOut
		}
	}
	return troubles[trouble], nil
}

func TestRefreshTroubles(t *testing.T) {
	for trouble := range troubles {
		t.Run(string(trouble), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				site.SetTrouble(passporttest.Any, trouble)
				for op := range refreshing(nil) {
					site.ResetLog()
					gate := generous()
					err := refreshing(inMemory(t, site, gate))[op](t.Context())
					e, ok := errors.AsType[*passport.Error](err)
					if !ok {
						t.Errorf("%s: %v is no *Error", op, err)
						continue
					}
					want, sentinel := refreshVerdict(op, trouble)
					if got := (verdict{e.Class, e.Scope, e.HTTPStatus, e.Code}); got != want || e.Op != op || !e.Sent {
						t.Errorf("%s: %+v (op %q, sent %v), want %+v", op, got, e.Op, e.Sent, want)
					}
					if sentinel != nil && !errors.Is(err, sentinel) {
						t.Errorf("%s: %v is not %v", op, err, sentinel)
					}
					if n := site.Requests(passporttest.Any); n != 1 {
						t.Errorf("%s: %d requests, want 1", op, n)
					}
					if until, _ := gate.BlockedAt(passport.Web); until.IsZero() == (want.scope == passport.ScopeSite) {
						t.Errorf("%s: the site is left alone until %v", op, until)
					}
				}
			})
		})
	}
}

// The page is not the place that tells the dead from the living.
func TestWhereDeadComesFrom(t *testing.T) {
	site := newSite()
	site.SetTrouble(passporttest.Any, passporttest.CodeTrouble(-101))
	for op, ask := range refreshing(inMemory(t, site, generous())) {
		want := passport.Dead
		if op == "correspond" {
			want = passport.Unknown
		}
		if err := ask(t.Context()); passport.ClassOf(err) != want {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// Five refused paths are the account's trouble, not the host's.
func TestRefusedPathsOpenNoBreaker(t *testing.T) {
	site := newSite()
	c := inMemory(t, site, generous())
	for range 10 {
		_, err := c.RefreshCSRF(t.Context(), fakeSession(), time.Now().Add(time.Hour))
		if !errors.Is(err, passport.ErrPathRefused) {
			t.Fatal(err)
		}
	}
}

func TestSentIsFalseWhereTheGateRefuses(t *testing.T) {
	site := newSite()
	site.SetTrouble(passporttest.Any, passporttest.HTTP412)
	c := inMemory(t, site, generous())
	_, err := web(c).CheckSession(t.Context(), fakeSession())
	if e, _ := errors.AsType[*passport.Error](err); e == nil || !e.Sent {
		t.Errorf("the first: %+v", e)
	}
	gaveUp, cancel := context.WithCancel(t.Context())
	cancel()
	for op, ask := range refreshing(c) {
		for _, ctx := range []context.Context{t.Context(), gaveUp} {
			e, _ := errors.AsType[*passport.Error](ask(ctx))
			if e == nil || e.Sent || asked(e) {
				t.Errorf("%s: %+v", op, e)
			}
		}
	}
}

func TestRefreshErrorsHoldNoSecret(t *testing.T) {
	leaky := func(r *http.Request, inner error) error {
		text, _ := io.ReadAll(bodyOf(r))
		return &url.Error{Op: r.Method, URL: r.URL.String() + "?" + string(text) + r.Header.Get("Cookie"), Err: inner}
	}
	secrets := []string{"cafe0000", "f00d5", "/correspond/", "://", "infoc", "0000000001"}
	check := func(op string, err error) {
		t.Helper()
		for ; err != nil; err = errors.Unwrap(err) {
			text := fmt.Sprintf("%v %+v %#v %q", err, err, err, err)
			if slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(text, s) }) {
				t.Errorf("%s: %s", op, text)
			}
		}
	}
	for _, inner := range []error{errors.New("any"), io.EOF, context.DeadlineExceeded, &net.OpError{Op: "read", Err: syscall.ECONNRESET}} {
		c := client(t, passport.Options{
			Endpoints: passporttest.New().Endpoints(base), Limiter: generous(),
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return nil, leaky(r, inner) }),
		})
		for op, ask := range refreshing(c) {
			check(op, ask(t.Context()))
		}
	}
	for _, body := range []string{
		`{"code":0,"data":{"refresh_token":"` + canaryToken + `"}}`, `{"code":86095,"message":"` + canaryToken + `"}`,
		`<div id="1-name">` + canaryCSRF + `!</div>`, `{"code":-400,"message":"` + canaryCSRF + `"}`,
	} {
		c := client(t, passport.Options{
			Endpoints: passporttest.New().Endpoints(base), Limiter: generous(), Transport: says(200, "text/html", body),
		})
		for op, ask := range refreshing(c) {
			check(op, ask(t.Context()))
		}
	}
}

func bodyOf(r *http.Request) io.Reader {
	if r.Body == nil {
		return strings.NewReader("")
	}
	return r.Body
}

// setting is a transport whose reply sets cookies.
func setting(body string, lines ...string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := says(200, "application/json", body)(r)
		resp.Header["Set-Cookie"] = lines
		return resp, err
	}
}

func TestRefreshReplies(t *testing.T) {
	const (
		body = `{"code":0,"data":{"status":0,"refresh_token":"0f1e2d3c4b5a69788796a5b4c3d2e1f0"}}`
		sess = "SESSDATA=new%2C1799999999%2Ca*b; Path=/; Domain=bilibili.com; HttpOnly; Secure"
		jct  = "bili_jct=00000000000000000000000000000002; Path=/; Domain=bilibili.com"
		me   = "DedeUserID=100200300; Path=/; Domain=bilibili.com"
		sum  = "DedeUserID__ckMd5=0011223344556677; Path=/; Domain=bilibili.com"
		sid  = "sid=abcdefgh; Path=/; Domain=bilibili.com"
	)
	old := passport.Session{Device: device(), Cookies: []passport.Cookie{
		{Name: "SESSDATA", Value: secret.New("old%2C1799999999%2Ca*b")}, {Name: "bili_jct", Value: secret.New("00000000000000000000000000000001")},
		{Name: "DedeUserID", Value: secret.New("100200300")}, {Name: "DedeUserID__ckMd5", Value: secret.New("old-sum")},
		{Name: "sid", Value: secret.New("old-sid")}, {Name: "b_nut", Value: secret.New("1700000000")},
	}}
	for _, row := range []struct {
		name   string
		body   string
		lines  []string
		lacks  string
		expect map[string]string
	}{
		{"whole", body, []string{sess, jct, me, sum, sid}, "", map[string]string{"DedeUserID__ckMd5": "0011223344556677", "sid": "abcdefgh", "b_nut": "1700000000"}},
		{"the needed ones", body, []string{sess, jct}, "", map[string]string{"DedeUserID": "100200300", "DedeUserID__ckMd5": "old-sum", "sid": "old-sid"}},
		{"no token", `{"code":0,"data":{"refresh_token":""}}`, []string{sess, jct, me}, "a new refresh token", nil},
		{"no data", `{"code":0,"data":null}`, []string{sess, jct, me}, "a new refresh token", nil},
		{"the old token", `{"code":0,"data":{"refresh_token":"` + canaryToken + `"}}`, []string{sess, jct, me}, "a new refresh token", nil},
		{"no SESSDATA", body, []string{jct, me}, "a new SESSDATA", map[string]string{"SESSDATA": ""}},
		{"the old SESSDATA", body, []string{"SESSDATA=old%2C1799999999%2Ca*b; Path=/", jct, me}, "a new SESSDATA", nil},
		{"no bili_jct", body, []string{sess, me}, "bili_jct", map[string]string{"bili_jct": ""}},
		{"another account", body, []string{sess, jct, "DedeUserID=7; Path=/"}, "", map[string]string{"DedeUserID": "7"}},
		{"cookies of another domain", body, []string{strings.ReplaceAll(sess, "bilibili.com", "example.org"), jct}, "", map[string]string{"DedeUserID": "100200300"}},
		{"nothing", body, nil, "a new SESSDATA, bili_jct", map[string]string{"SESSDATA": "", "DedeUserID": "100200300"}},
		{"cookies that have ended", body, []string{"SESSDATA=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "bili_jct=", me}, "a new SESSDATA, bili_jct", nil},
	} {
		c := client(t, passport.Options{
			Endpoints: passporttest.New().Endpoints(base), Limiter: generous(), Transport: setting(row.body, row.lines...),
		})
		grant, err := c.Refresh(t.Context(), old, secret.New(canaryCSRF), secret.New(canaryToken))
		if row.lacks == "" && err != nil || row.lacks != "" && (!errors.Is(err, passport.ErrIncomplete) ||
			err.Error() != "cookie/refresh: the refresh succeeded, but its reply lacks "+row.lacks) {
			t.Errorf("%s: %v", row.name, err)
		}
		if row.lacks == "" && (grant.RefreshToken.Reveal() != "0f1e2d3c4b5a69788796a5b4c3d2e1f0" ||
			value(grant.Cookies, "SESSDATA") != "new%2C1799999999%2Ca*b" || len(grant.Missing()) != 0 || grant.At.IsZero()) {
			t.Errorf("%s: mid %d, missing %v", row.name, grant.Mid(), grant.Missing())
		}
		for name, want := range row.expect {
			if got := value(grant.Cookies, name); got != want {
				t.Errorf("%s: %s is %q, want %q", row.name, name, got, want)
			}
		}
	}
	// Nobody's number is needed to keep what was given.
	nameless := passport.Session{Device: device(), Cookies: old.Cookies[:2]}
	c := client(t, passport.Options{Endpoints: passporttest.New().Endpoints(base), Limiter: generous(), Transport: setting(body, sess, jct)})
	if grant, err := c.Refresh(t.Context(), nameless, secret.New("c"), secret.New("t")); err != nil || value(grant.Cookies, "SESSDATA") == "" {
		t.Errorf("without a mid: %v", err)
	}
	// An error with a new session in its headers hands that over too.
	c = client(t, passport.Options{Endpoints: passporttest.New().Endpoints(base), Limiter: generous(), Transport: setting(`{"code":0,"da`, sess)})
	if grant, err := c.Refresh(t.Context(), old, secret.New("c"), secret.New("t")); err == nil || value(grant.Cookies, "SESSDATA") != "new%2C1799999999%2Ca*b" || value(grant.Cookies, "bili_jct") != "" {
		t.Errorf("a broken body: %v, %d cookies", err, len(grant.Cookies))
	}
}

// The requests as they leave.
func TestRefreshRequests(t *testing.T) {
	type seen struct {
		method, path string
		header       http.Header
		form         url.Values
		replayable   bool
	}
	var last seen
	c := client(t, passport.Options{
		Endpoints: passporttest.New().Endpoints(base), Limiter: generous(),
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			text, _ := io.ReadAll(bodyOf(r))
			values, err := url.ParseQuery(string(text))
			if err != nil || r.ContentLength != int64(len(text)) {
				t.Errorf("body of %d bytes: %v", r.ContentLength, err)
			}
			last = seen{r.Method, r.URL.Path, r.Header, values, r.Body != nil && r.GetBody != nil}
			return says(200, "text/html", `<div id="1-name">`+canaryCSRF+`</div>`)(r)
		}),
	})
	const jct = "00000000000000000000000000000001"
	for op, want := range map[string]struct {
		method, path string
		form         map[string]string
	}{
		"correspond": {"GET", "/correspond/1/", nil},
		"cookie/refresh": {"POST", "/x/passport-login/web/cookie/refresh",
			map[string]string{"csrf": jct, "refresh_csrf": canaryCSRF, "source": "main_web", "refresh_token": canaryToken}},
		"confirm/refresh": {"POST", "/x/passport-login/web/confirm/refresh", map[string]string{"csrf": jct, "refresh_token": canaryToken}},
		"login/exit":      {"POST", "/login/exit/v2", map[string]string{"biliCSRF": jct}},
	} {
		_ = refreshing(c)[op](t.Context())
		got := map[string]string{}
		for name := range last.form {
			got[name] = last.form.Get(name)
		}
		if last.method != want.method || !strings.HasPrefix(last.path, want.path) || !maps.Equal(got, want.form) || last.replayable {
			t.Errorf("%s: %s %s %v", op, last.method, last.path, got)
		}
		h := last.header
		if want.method == "POST" && (h.Get("Origin") != "https://www.bilibili.com" || h.Get("Content-Type") != "application/x-www-form-urlencoded") ||
			want.method == "GET" && (h.Get("Origin") != "" || !strings.HasPrefix(h.Get("Accept"), "text/html")) {
			t.Errorf("%s: headers %v", op, slices.Sorted(maps.Keys(h)))
		}
		if len(h["Cookie"]) != 1 || !strings.Contains(h.Get("Cookie"), "f00d5*81") || h.Get("Referer") == "" || h.Get("User-Agent") != device().UserAgent || h.Get("Accept-Encoding") != "" {
			t.Errorf("%s: headers %v", op, slices.Sorted(maps.Keys(h)))
		}
		if op != "correspond" && strings.Contains(h.Get("Cookie"), "buvid3") {
			t.Errorf("%s: an invented identifier is sent", op)
		}
	}
}

// The page wants an identifier: the device's own, the cookies', or else one for
// this request.
func TestThePageGetsAnIdentifier(t *testing.T) {
	var cookie string
	c := client(t, passport.Options{
		Endpoints: passporttest.New().Endpoints(base), Limiter: generous(),
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			cookie = r.Header.Get("Cookie")
			return says(200, "text/html", "")(r)
		}),
	})
	ask := func(s passport.Session) string {
		_, _ = c.RefreshCSRF(t.Context(), s, time.Now())
		_, id, _ := strings.Cut(cookie, "buvid3=")
		id, _, _ = strings.Cut(id, ";")
		return id
	}
	bare, own, jar := fakeSession(), fakeSession(), fakeSession()
	own.Device.Buvid3 = secret.New("own-infoc")
	jar.Cookies = append(jar.Cookies, passport.Cookie{Name: "buvid3", Value: secret.New("jar-infoc")})
	if ask(own) != "own-infoc" || ask(jar) != "jar-infoc" {
		t.Error("an identifier was replaced")
	}
	first, second := ask(bare), ask(bare)
	if len(first) != 36+5+len("infoc") || !strings.HasSuffix(first, "infoc") || first == second || !bare.Device.Buvid3.IsZero() {
		t.Errorf("identifiers %q, %q", first, second)
	}
}
