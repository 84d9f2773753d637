package page

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// route is a pattern that the page answers.
type route struct{ method, path string }

// public reports whether a route is for everybody: it shows nothing of an account,
// or has a token of its own.
func (r route) public() bool {
	return r.path == "/{$}" || strings.HasPrefix(r.path, "/assets/") || strings.HasPrefix(r.path, "/sign-in") || strings.HasPrefix(r.path, "/l/")
}

// target is an address of the route.
func (r route) target(session string) string {
	return strings.NewReplacer("{$}", "", "{name}", "main", "{token}", "AAAA", "{id}", session, "{file}", "account.css").Replace(r.path)
}

// routesOf are all patterns that stand in the page's sources, so that a route that is
// added is attacked as well.
func routesOf(t *testing.T) (list []route) {
	t.Helper()
	pattern := regexp.MustCompile(`^(GET|POST|PUT|PATCH|DELETE) (/\S*)$`)
	for _, dir := range []string{".", "accountpage"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					text, _ := strconv.Unquote(l.Value)
					if found := pattern.FindStringSubmatch(text); found != nil {
						list = append(list, route{found[1], found[2]})
					}
				}
				return true
			})
		}
	}
	if len(list) < 20 {
		t.Fatalf("there are %d routes only: %v", len(list), list)
	}
	return list
}

// unharmed is called before an attack, and what it returns after it: nothing may have
// been asked of the site, and nothing may have changed.
func (a *accounts) unharmed(t *testing.T) (check func(what string)) {
	t.Helper()
	state := func() string {
		return fmt.Sprint(a.Keeper.Store().Newest(), a.Site.Requests(passporttest.Any), len(a.in.Sessions()), a.Account("main").Tags, a.Account("main").Paused)
	}
	before := state()
	return func(what string) {
		t.Helper()
		if after := state(); after != before {
			t.Errorf("%s: was %s, is %s", what, before, after)
			before = after
		}
	}
}

// known finds what only who is signed in may read.
func (a *accounts) known(session string) *regexp.Regexp {
	return regexp.MustCompile(`recorders|canary|name="proof"|/accounts/main|` + session)
}

// Without a session no route has anything, whatever the browser holds instead and
// however it asks.
func TestEachRouteWithoutSession(t *testing.T) {
	withAccounts(t, all(), nil, func(t *testing.T, a *accounts) {
		name, living, _ := strings.Cut(a.cookie, "=")
		proof := a.proof(t)
		revoked := cookieOf(t, a.ask("GET", a.link(), "", "Cookie", ""))
		signedOut := cookieOf(t, a.ask("GET", a.link(), "", "Cookie", ""))
		session := a.in.Session(living)
		if err := a.in.Revoke(a.in.Session(strings.TrimPrefix(revoked, name+"="))); err != nil {
			t.Fatal(err)
		}
		if err := a.in.SignOut(strings.TrimPrefix(signedOut, name+"=")); err != nil {
			t.Fatal(err)
		}
		secret, unharmed := a.known(session), a.unharmed(t)
		methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
		for _, cookie := range []string{"", name + "=", name + "=" + session, name + "=" + strings.Repeat("A", len(living)), name + "=" + living[1:], "x" + a.cookie, revoked, signedOut} {
			for _, r := range routesOf(t) {
				for _, method := range methods {
					w := a.ask(method, r.target(session), proof, "Cookie", cookie)
					what := fmt.Sprintf("%s %s with %q", method, r.path, cookie)
					if found := secret.FindString(w.Body.String()); found != "" && method != "TRACE" {
						t.Errorf("%s shows %q", what, found)
					}
					if method == r.method && !r.public() && w.Code != map[string]int{"GET": 303}[method] && w.Code != 401 || w.Code >= 500 && w.Code != 503 {
						t.Errorf("%s: %d", what, w.Code)
					}
					if c := w.Result().Cookies(); len(c) > 0 && c[0].MaxAge > 0 && c[0].Name == name {
						t.Errorf("%s signs in", what)
					}
				}
			}
		}
		unharmed("strangers")
	})
}

// What another site makes a signed-in browser send does nothing, on any route.
func TestEachRouteForged(t *testing.T) {
	withAccounts(t, all(), nil, func(t *testing.T, a *accounts) {
		_, living, _ := strings.Cut(a.cookie, "=")
		session := a.in.Session(living)
		proof := a.proof(t)
		a.cookie = cookieOf(t, a.ask("GET", a.link(), "", "Cookie", ""))
		foreign, mine := proof, a.proof(t)
		attacks := []struct {
			name, body string
			header     []string
		}{
			{"another site", mine, []string{"Origin", "https://evil.example"}},
			{"another port", mine, []string{"Origin", ownOrigin + ":8443"}},
			{"another scheme", mine, []string{"Origin", "http://" + ownHost}},
			{"a name that ends alike", mine, []string{"Origin", ownOrigin + ".evil.example"}},
			{"a sandbox", mine, []string{"Origin", "null"}},
			{"no origin", mine, []string{"Origin", ""}},
			{"another site, as the browser says", mine, []string{"Sec-Fetch-Site", "cross-site"}},
			{"a neighbour, as the browser says", mine, []string{"Sec-Fetch-Site", "same-site"}},
			{"no proof", "", nil},
			{"an empty proof", "proof=", nil},
			{"the proof of another session", foreign, nil},
			{"as JSON", `{"proof":"` + strings.TrimPrefix(mine, "proof=") + `"}`, []string{"Content-Type", "application/json"}},
			{"as plain text", mine, []string{"Content-Type", "text/plain"}},
			{"another host", mine, []string{"Host", "evil.example", "Origin", "https://evil.example"}},
			{"another host that says it is this one", mine, []string{"Host", "evil.example"}},
		}
		unharmed := a.unharmed(t)
		for _, r := range routesOf(t) {
			if r.public() {
				continue
			}
			for _, attack := range attacks {
				host := slices.Contains(attack.header, "Host")
				if r.method == "GET" && !host {
					continue // it changes nothing, and its answer is read by nobody else: see the headers
				}
				w := a.ask(r.method, r.target(session), attack.body, attack.header...)
				if want := map[bool]int{true: 421, false: 403}[host]; w.Code != want {
					t.Errorf("%s, %s %s: %d, want %d", attack.name, r.method, r.path, w.Code, want)
				}
			}
			unharmed(r.method + " " + r.path)
		}
		if r := a.ask("POST", "/sign-out", mine); r.Code != 303 {
			t.Errorf("the browser's own form: %d", r.Code)
		}
	})
}

// No answer can be framed, stored, or read by another site's script.
func TestEachRouteIsClosed(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		for _, cookie := range []string{a.cookie, ""} {
			for _, r := range routesOf(t) {
				if strings.HasSuffix(r.path, "/live") && cookie != "" {
					continue // it does not end; its headers are set before
				}
				h := a.ask(r.method, r.target("none"), "", "Cookie", cookie).Header()
				want := map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
					"Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": ""}
				if !strings.HasPrefix(r.path, "/assets/") {
					want["Cache-Control"] = "no-store"
				}
				for name, value := range want {
					if h.Get(name) != value {
						t.Errorf("%s %s: %s is %q", r.method, r.path, name, h.Get(name))
					}
				}
				policy := h.Get("Content-Security-Policy")
				for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
					if !strings.Contains(policy, part) {
						t.Errorf("%s %s: the policy %q is without %s", r.method, r.path, policy, part)
					}
				}
				if strings.Contains(policy, "unsafe") {
					t.Errorf("%s %s: the policy is %q", r.method, r.path, policy)
				}
			}
		}
		if !strings.Contains(browser.Policy(), "frame-ancestors 'none'") {
			t.Error(browser.Policy())
		}
	})
}

// What was taken from a link that somebody has used, or from one that is too old, is
// nothing.
func TestStolenLink(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		a.cookie = ""
		used, late := a.link(), a.link()
		if w := a.ask("GET", used, ""); len(w.Result().Cookies()) != 1 {
			t.Fatalf("its owner: %d", w.Code)
		}
		time.Sleep(10 * time.Minute)
		unharmed := a.unharmed(t)
		for _, link := range []string{used, late, used + "x", used[:len(used)-1], strings.ToUpper(used), used + "/", used + "?again"} {
			if w := a.ask("GET", link, ""); w.Code == 200 || len(w.Result().Cookies()) > 0 {
				t.Errorf("%s: %d %v", link, w.Code, w.Result().Cookies())
			}
		}
		unharmed("stolen links")
	})
}

// Wrong passwords by the thousand, from one client and from many, shut nobody out who
// knows the right one.
func TestManyWrongPasswords(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		a.cookie = ""
		try := func(from, password string) *httptest.ResponseRecorder {
			return a.ask("POST", "/sign-in", url.Values{"password": {password}}.Encode(), "RemoteAddr", from)
		}
		var mu sync.Mutex
		answers := map[int]int{}
		var wait sync.WaitGroup
		for worker := range 50 {
			wait.Go(func() {
				for i := range wrongPasswords / 50 {
					from := "203.0.113.66:4000"
					if worker%5 == 0 { // a network of its own each time
						from = fmt.Sprintf("[2001:db8:%x:%x::1]:4000", worker, i)
					}
					code := try(from, fmt.Sprintf("guess %d-%d", worker, i)).Code
					mu.Lock()
					answers[code]++
					mu.Unlock()
				}
			})
		}
		for _, from := range []string{"192.0.2.1:5000", "[2001:db9::7]:5000"} {
			time.Sleep(time.Second)
			begun := time.Now()
			if w := try(from, testPass); w.Code != http.StatusOK || len(w.Result().Cookies()) != 1 {
				t.Errorf("the right one from %s: %d", from, w.Code)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the right one from %s took %s", from, took)
			}
		}
		wait.Wait()
		if answers[http.StatusOK] > 0 || answers[http.StatusForbidden]+answers[http.StatusTooManyRequests] != wrongPasswords || answers[http.StatusForbidden] > wrongPasswords/5+50 {
			t.Errorf("the answers to wrong ones: %v", answers)
		}
		if w := try("203.0.113.66:4001", testPass); w.Code != http.StatusOK {
			t.Errorf("the right one from the address of the guesses: %d", w.Code)
		}
		if n := len(a.in.Sessions()); n != 4 {
			t.Errorf("%d sessions", n)
		}
	})
}

// Who may only look has no code to scan, on any route.
func TestEachRouteOfWhoMayLook(t *testing.T) {
	withAccounts(t, []string{"status"}, nil, func(t *testing.T, a *accounts) {
		_, living, _ := strings.Cut(a.cookie, "=")
		proof := a.proof(t)
		a.Kill()
		synctest.Wait() // the question whether the code was scanned is answered
		if a.Account("main").State != client.StateLoggingIn {
			t.Fatalf("%+v", a.Account("main"))
		}
		code, err := url.Parse(a.Code())
		if err != nil {
			t.Fatal(err)
		}
		key, unharmed := code.Query().Get("qrcode_key"), a.unharmed(t)
		for _, r := range routesOf(t) {
			if r.public() && r.path != "/{$}" || strings.HasSuffix(r.path, "/live") || r.path == "/sign-out" || strings.HasPrefix(r.path, "/sessions/") {
				continue
			}
			w := a.ask(r.method, r.target(a.in.Session(living)), proof)
			if strings.Contains(w.Body.String(), key) || w.Header().Get("Content-Type") == "image/png" || strings.Contains(w.Header().Get("Location"), "/l/") {
				t.Errorf("%s %s gives the code away: %d", r.method, r.path, w.Code)
			}
			// The doctor looks, and changes nothing.
			if r.method == "POST" && r.path != "/health" && w.Code != 403 {
				t.Errorf("%s %s: %d", r.method, r.path, w.Code)
			}
		}
		unharmed("who may only look")
	})
}

// What others name themselves is text in every document, and so is what a request
// brings.
func TestEachDocumentWithMarkup(t *testing.T) {
	const evil = `"><img src=x onerror=alert(1)>'{{.}}`
	withAccounts(t, all(), nil, func(t *testing.T, a *accounts) {
		tags := []string{evil}
		if _, err := a.Keeper.Accounts().Patch(context.Background(), "main", client.AccountPatch{Tags: &tags}); err == nil {
			t.Logf("a tag may be %s", evil)
		}
		markup := regexp.MustCompile(`<img src=x|<script>alert|onerror=alert\(1\)>|ZgotmplZ`)
		query := url.Values{"q": {evil}, "tag": {evil}, "state": {evil}, "said": {evil}, "sort": {evil}, "page": {evil}, "lang": {evil}}
		for _, r := range routesOf(t) {
			if r.method != "GET" || strings.HasPrefix(r.path, "/live") || strings.HasPrefix(r.path, "/assets/") {
				continue
			}
			for _, target := range []string{r.target(url.PathEscape(evil)), strings.NewReplacer("{name}", url.PathEscape(evil), "{token}", url.PathEscape(evil), "{$}", "").Replace(r.path)} {
				w := a.ask("GET", target+"?"+query.Encode(), "", "Accept-Language", evil, "User-Agent", evil)
				if found := markup.FindString(w.Body.String()); found != "" || w.Code >= 500 {
					t.Errorf("%s: %d %q", target, w.Code, found)
				}
			}
		}
	})
}
