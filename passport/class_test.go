package passport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

type verdict struct {
	class  passport.Class
	scope  passport.Scope
	status int
	code   int
}

var troubles = map[passporttest.Trouble]verdict{
	passporttest.HTTP500:     {passport.Unreachable, passport.ScopeHost, 500, 0},
	passporttest.HTTP502:     {passport.Unreachable, passport.ScopeHost, 502, 0},
	passporttest.HTTP403:     {passport.Blocked, passport.ScopeSite, 403, 0},
	passporttest.HTTP412:     {passport.Blocked, passport.ScopeSite, 412, 0},
	passporttest.HTTP429:     {passport.Blocked, passport.ScopeSite, 429, 0},
	passporttest.HTTP204:     {passport.Unreachable, passport.ScopeHost, 204, 0},
	passporttest.HTML:        {passport.Blocked, passport.ScopeAccount, 200, 0},
	passporttest.HalfJSON:    {passport.Unreachable, passport.ScopeHost, 200, 0},
	passporttest.EmptyBody:   {passport.Unreachable, passport.ScopeHost, 200, 0},
	passporttest.EndlessBody: {passport.Unreachable, passport.ScopeHost, 200, 0},
	passporttest.Reset:       {passport.Unreachable, passport.ScopeHost, 0, 0},
	passporttest.Hang:        {passport.Unreachable, passport.ScopeHost, 0, 0},
	passporttest.Code352:     {passport.Blocked, passport.ScopeAccount, 200, -352},
	passporttest.Code412:     {passport.Blocked, passport.ScopeSite, 200, -412},
	passporttest.Code509:     {passport.Blocked, passport.ScopeSite, 200, -509},
	passporttest.Code799:     {passport.Blocked, passport.ScopeSite, 200, -799},
	passporttest.Code400:     {passport.Unknown, passport.ScopeNone, 200, -400},
	passporttest.CodeStrange: {passport.Unknown, passport.ScopeNone, 200, 424242},
}

func TestEveryTroubleHasAVerdict(t *testing.T) {
	for _, trouble := range passporttest.Troubles() {
		if _, ok := troubles[trouble]; !ok {
			t.Errorf("trouble %s is not in the table", trouble)
		}
	}
}

func TestTroublesInMemory(t *testing.T) {
	for trouble := range troubles {
		t.Run(string(trouble), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				site.SetTrouble(passporttest.Any, trouble)
				meetTrouble(t, site, passport.Options{Endpoints: site.Endpoints(base), Transport: site.Transport()}, trouble)
			})
		})
	}
}

func TestTroublesOverHTTP(t *testing.T) {
	site := newSite()
	server, err := site.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for trouble := range troubles {
		t.Run(string(trouble), func(t *testing.T) {
			o := passport.Options{Endpoints: site.Endpoints(server.URL)}
			if trouble == passporttest.Hang {
				o.Timeout = 50 * time.Millisecond
			}
			site.SetTrouble(passporttest.Any, trouble)
			meetTrouble(t, site, o, trouble)
		})
	}
}

// meetTrouble makes every request once. Each has a fresh gate, as a breaker
// would otherwise answer in the site's place.
func meetTrouble(t *testing.T, site *passporttest.Site, o passport.Options, trouble passporttest.Trouble) {
	t.Helper()
	want := troubles[trouble]
	for op := range operations(nil) {
		o.Limiter = generous()
		site.ResetLog()
		err := operations(client(t, o))[op](t.Context())
		e, ok := errors.AsType[*passport.Error](err)
		if !ok {
			t.Errorf("%s: %v is no *Error", op, err)
			continue
		}
		got := verdict{e.Class, e.Scope, e.HTTPStatus, e.Code}
		if got != want || e.Op != op || passport.ClassOf(err) != want.class {
			t.Errorf("%s: %+v (op %q), want %+v", op, got, e.Op, want)
		}
		// Where the time is short and real, it may be over before the request has left.
		if n := site.Requests(passporttest.Any); n > 1 || n == 0 && o.Timeout == 0 {
			t.Errorf("%s: %d requests reached the site, want 1", op, n)
		}
		if strings.Contains(err.Error(), "://") || strings.Contains(err.Error(), "?") {
			t.Errorf("%s: error text %q", op, err)
		}
	}
}

func TestRepliesToNav(t *testing.T) {
	const js = "application/json; charset=utf-8"
	for _, row := range []struct {
		name   string
		status int
		ctype  string
		body   string
		want   passport.Class
	}{
		{"alive", 200, js, `{"code":0,"data":{"isLogin":true,"mid":100200300,"uname":"example"}}`, passport.OK},
		{"code and mid in quotes", 200, js, `{"code":"0","data":{"isLogin":true,"mid":"100200300"}}`, passport.OK},
		{"JSON under a wrong type", 200, "text/html", `{"code":0,"data":{"isLogin":true,"mid":1}}`, passport.OK},
		{"dead", 200, js, `{"code":-101,"data":{"isLogin":false}}`, passport.Dead},
		{"dead without data", 200, js, `{"code":-101,"data":null}`, passport.Dead},
		{"dead, quoted code", 200, js, `{"code":"-101"}`, passport.Dead},
		{"dead says yet logged in", 200, js, `{"code":-101,"data":{"isLogin":true}}`, passport.Unknown},
		{"dead in a 401", 401, js, `{"code":-101}`, passport.Unreachable},
		{"dead in a 404", 404, js, `{"code":-101}`, passport.Unreachable},
		{"dead in a 403", 403, js, `{"code":-101}`, passport.Blocked},
		{"dead in a 500", 500, js, `{"code":-101}`, passport.Unreachable},
		{"dead in a 202", 202, js, `{"code":-101}`, passport.Unreachable},
		{"dead, cut", 200, js, `{"code":-101`, passport.Unreachable},
		{"dead with a tail", 200, js, `{"code":-101}{"code":0}`, passport.Unreachable},
		{"dead in a page", 200, js, `<pre>{"code":-101}</pre>`, passport.Blocked},
		{"dead in a list", 200, js, `[{"code":-101}]`, passport.Unknown},
		{"dead under another case", 200, js, `{"Code":-101}`, passport.Unknown},
		{"dead as a fraction", 200, js, `{"code":-101.5}`, passport.Unknown},
		{"code is null", 200, js, `{"code":null}`, passport.Unknown},
		{"code is a word", 200, js, `{"code":"dead"}`, passport.Unknown},
		{"code is true", 200, js, `{"code":true}`, passport.Unknown},
		{"code too large", 200, js, `{"code":99999999999999999999}`, passport.Unknown},
		{"no code", 200, js, `{"data":{"isLogin":false}}`, passport.Unknown},
		{"null", 200, js, `null`, passport.Unknown},
		{"a number", 200, js, `-101`, passport.Unknown},
		{"code 0, nobody logged in", 200, js, `{"code":0,"data":{"isLogin":false}}`, passport.Unknown},
		{"code 0, data null", 200, js, `{"code":0,"data":null}`, passport.Unknown},
		{"code 0, no isLogin", 200, js, `{"code":0,"data":{"mid":1}}`, passport.Unknown},
		{"code 0, isLogin quoted", 200, js, `{"code":0,"data":{"isLogin":"true","mid":1}}`, passport.Unknown},
		{"code 0, no mid", 200, js, `{"code":0,"data":{"isLogin":true}}`, passport.Unknown},
		{"csrf", 200, js, `{"code":-111}`, passport.Unknown},
		{"banned account", 200, js, `{"code":-102}`, passport.Unknown},
		{"server error", 200, js, `{"code":-500}`, passport.Unreachable},
		{"overload", 200, js, `{"code":-503}`, passport.Unreachable},
		{"timeout", 200, js, `{"code":-504}`, passport.Unreachable},
		{"page in 502", 502, "text/html", `<html>`, passport.Unreachable},
		{"redirect", 302, "text/html", ``, passport.Unreachable},
		{"page without a tag", 200, "text/html", `please wait`, passport.Blocked},
		{"plain text", 200, "text/plain", `please wait`, passport.Unreachable},
		{"white space", 200, js, " \n ", passport.Unreachable},
		{"byte order mark", 200, js, "\ufeff" + `{"code":-101}`, passport.Dead},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := client(t, passport.Options{
				Endpoints: passporttest.New().Endpoints(base), Limiter: generous(),
				Transport: says(row.status, row.ctype, row.body),
			})
			_, err := web(c).Identify(t.Context(), fakeSession())
			if got := passport.ClassOf(err); got != row.want {
				t.Errorf("class %s (%v), want %s", got, err, row.want)
			}
		})
	}
}

// Without a session in the request, -101 is not about anybody.
func TestNotLoggedInWithoutASession(t *testing.T) {
	site := newSite()
	site.SetTrouble(passporttest.Any, passporttest.CodeTrouble(-101))
	for op, want := range map[string]passport.Class{
		"nav": passport.Dead, "cookie/info": passport.Dead,
		"qrcode/generate": passport.Unknown, "qrcode/poll": passport.Unknown, "finger/spi": passport.Unknown,
	} {
		if got := passport.ClassOf(operations(inMemory(t, site, generous()))[op](t.Context())); got != want {
			t.Errorf("%s: %s, want %s", op, got, want)
		}
	}
}

func TestCookieInfoReplies(t *testing.T) {
	for body, want := range map[string]passport.Class{
		`{"code":0,"data":{"refresh":true,"timestamp":1784448000456}}`: passport.OK,
		`{"code":0,"data":{"refresh":false}}`:                          passport.OK,
		`{"code":0,"data":{"refresh":1}}`:                              passport.Unknown,
		`{"code":0,"data":null}`:                                       passport.Unknown,
		`{"code":-101,"data":null}`:                                    passport.Dead,
	} {
		c := client(t, passport.Options{
			Endpoints: passporttest.New().Endpoints(base), Limiter: generous(), Transport: says(200, "application/json", body),
		})
		info, err := web(c).CheckSession(t.Context(), fakeSession())
		if passport.ClassOf(err) != want {
			t.Errorf("%s: %v", body, err)
		}
		if strings.Contains(body, "1784448000456") && (!info.RefreshDue || info.ServerTime.UnixMilli() != 1784448000456) {
			t.Errorf("%s: %+v", body, info)
		}
	}
}

// A transport's error may print the URL with its query. None of it gets out,
// whatever its kind, in the text or by unwrapping.
func TestErrorsHoldNoSecret(t *testing.T) {
	const canary = "00112233445566778899aabbccddeeff"
	leaky := func(inner error) error {
		return &url.Error{Op: "Get", URL: base + "/poll?qrcode_key=" + canary, Err: inner}
	}
	for _, inner := range []error{
		errors.New(canary), io.EOF, context.DeadlineExceeded, context.Canceled, syscall.ECONNREFUSED,
		&net.OpError{Op: "read", Err: syscall.ECONNRESET}, &net.DNSError{Name: canary, Err: canary},
		fmt.Errorf("three times: %w", leaky(io.ErrUnexpectedEOF)),
	} {
		c := client(t, passport.Options{
			Endpoints: passporttest.New().Endpoints(base), Limiter: generous(),
			Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, leaky(inner) }),
		})
		for op, ask := range operations(c) {
			err := ask(t.Context())
			if passport.ClassOf(err) != passport.Unreachable {
				t.Errorf("%s: %v", op, err)
			}
			for ; err != nil; err = errors.Unwrap(err) {
				if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, canary) || strings.Contains(text, "f00d5") {
					t.Errorf("%s: %s", op, text)
				}
			}
		}
	}
}

func TestErrorTexts(t *testing.T) {
	site := newSite()
	for trouble, want := range map[passporttest.Trouble]string{
		passporttest.HTTP412: "cookie/info: HTTP 412",
		passporttest.Code352: "cookie/info: code -352 (risk control)",
		passporttest.Reset:   "cookie/info: connection reset",
		passporttest.HTML:    "cookie/info: a page where JSON belongs",
		passporttest.HTTP204: "cookie/info: HTTP 204 (no content)",
	} {
		site.SetTrouble(passporttest.Any, trouble)
		if _, err := web(inMemory(t, site, generous())).CheckSession(t.Context(), fakeSession()); err.Error() != want {
			t.Errorf("%s: %q, want %q", trouble, err, want)
		}
	}
}

func TestClassOf(t *testing.T) {
	dead := fmt.Errorf("a: %w", fmt.Errorf("b: %w", fmt.Errorf("c: %w", &passport.Error{Class: passport.Dead})))
	for _, row := range []struct {
		err  error
		want passport.Class
	}{{nil, passport.OK}, {dead, passport.Dead}, {io.EOF, passport.Unreachable}} {
		if got := passport.ClassOf(row.err); got != row.want {
			t.Errorf("%v: %s, want %s", row.err, got, row.want)
		}
	}
}
