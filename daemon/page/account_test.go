package page

import (
	"bufio"
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const (
	ownHost   = "keeper.example.net"
	ownOrigin = "https://keeper.example.net"
	// script is a uname that would do harm in a document.
	script   = `<script>alert("canary")</script>`
	testPass = "correct horse battery"
)

// accounts is the account page of a keeper with one account, and who is signed in.
type accounts struct {
	*keepertest.Fixture
	page   *Page
	in     *signin.SignIn
	cookie string
}

// withAccounts runs a test with a keeper whose account "main" is logged in.
func withAccounts(t *testing.T, may []string, change func(c *Config), test func(t *testing.T, a *accounts)) {
	keepertest.Run(t, func(c *config.Config) {
		c.Accounts = []config.Account{{Name: "main", Tags: []string{"recorders"}}}
	}, func(h *keepertest.Fixture) {
		h.Site.AddUser(keepertest.Mid, script)
		h.Login("main", keepertest.Mid)
		time.Sleep(time.Second) // the login is less than 180 days from its end
		a := &accounts{Fixture: h}
		channels, err := alert.New(h.Keeper, h.Config)
		if err != nil {
			t.Fatal(err)
		}
		outputs := engine.Configured(h.Keeper, h.Config, nil)
		if a.in, err = signin.Open(h.Keeper.Store(), signin.Options{Address: ownOrigin, Password: secret.New(testPass), Memory: 64}); err != nil {
			t.Fatal(err)
		}
		c := configOf(h.Keeper)
		c.Account = &accountpage.Parts{Keeper: h.Keeper, SignIn: a.in, May: may,
			Channels: func() *alert.Channels { return channels }, Outputs: func() *engine.Outputs { return outputs }}
		if change != nil {
			change(&c)
		}
		if a.page, err = New(c); err != nil {
			t.Fatal(err)
		}
		a.cookie = cookieOf(t, a.ask("GET", a.link(), ""))
		test(h.T, a)
	})
}

func usual() []string { return []string{"status", "login", "check"} }

func all() []string { return []string{"status", "login", "check", "refresh", "manage"} }

// link is a link to sign in, without its host.
func (a *accounts) link() string { return strings.TrimPrefix(a.in.Link().URL, ownOrigin) }

// ask sends a request as a browser does that is signed in, once it is.
func (a *accounts) ask(method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = ownHost
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", ownOrigin)
	}
	if a.cookie != "" {
		r.Header.Set("Cookie", a.cookie)
	}
	for i := 0; i+1 < len(header); i += 2 {
		switch {
		case header[i] == "Host":
			r.Host = header[i+1]
		case header[i] == "RemoteAddr":
			r.RemoteAddr = header[i+1]
		case header[i+1] == "":
			r.Header.Del(header[i])
		default:
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	a.page.Handler().ServeHTTP(w, r)
	return w
}

// cookieOf is what an answer gives the browser to hold.
func cookieOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	for _, c := range w.Result().Cookies() {
		if c.MaxAge > 0 {
			return c.Name + "=" + c.Value
		}
	}
	t.Fatalf("no cookie: %d %s", w.Code, w.Body)
	return ""
}

// proof is what the forms of the documents bring back.
func (a *accounts) proof(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`name="proof" value="([^"]+)"`).FindStringSubmatch(a.ask("GET", "/", "").Body.String())
	if found == nil {
		t.Fatal("no form")
	}
	return "proof=" + found[1]
}

// pageRoutes are all routes that are for who is signed in alone.
func pageRoutes() []string {
	return []string{"GET /accounts/main", "GET /accounts/nobody", "GET /accounts/main/qr.png", "GET /accounts/main/sms", "GET /deliveries", "GET /health", "GET /live",
		"POST /sign-out", "POST /sessions/x/revoke", "POST /health", "POST /accounts/main/login", "POST /accounts/main/renew", "POST /accounts/main/cancel",
		"POST /accounts/main/sms", "POST /accounts/main/check", "POST /accounts/main/refresh", "POST /accounts/main/pause", "POST /accounts/main/resume",
		"POST /accounts/main/tags", "POST /channels/phone/test", "POST /outputs/yt-dlp/run", "GET /", "GET /?q=main"}
}

func TestNothingWithoutSession(t *testing.T) {
	withAccounts(t, all(), nil, func(t *testing.T, a *accounts) {
		name, _, _ := strings.Cut(a.cookie, "=")
		proof, requests := a.proof(t), a.Site.Requests("/x/passport-login/web/cookie/info")
		for _, cookie := range []string{"", name + "=", name + "=" + strings.Repeat("A", 43), "other=" + a.cookie} {
			for _, route := range pageRoutes() {
				method, path, _ := strings.Cut(route, " ")
				w := a.ask(method, path, proof, "Cookie", cookie)
				body := w.Body.String()
				if strings.Contains(body, "main") && !strings.Contains(path, "?") && strings.Contains(body, "recorders") || strings.Contains(body, "canary") || strings.Contains(body, "proof") {
					t.Errorf("%s with %q: %s", route, cookie, body)
				}
				form := path == "/" || strings.HasPrefix(path, "/?")
				if form && w.Code != 200 || !form && w.Code != 303 && w.Code != 401 || !form && w.Body.Len() > 0 {
					t.Errorf("%s with %q: %d", route, cookie, w.Code)
				}
			}
		}
		if got := a.Site.Requests("/x/passport-login/web/cookie/info"); got != requests {
			t.Error("a stranger made the keeper ask the site")
		}
		if w := a.ask("GET", "/accounts/main", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "recorders") {
			t.Errorf("who is signed in: %d", w.Code)
		}
	})
}

func TestSignInLink(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		mine := a.cookie
		a.cookie = ""
		link := a.link()
		for _, header := range [][]string{{"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}} {
			if w := a.ask("GET", link, "", header...); w.Code != 503 || len(w.Result().Cookies()) > 0 {
				t.Errorf("%q: %d", header, w.Code)
			}
		}
		if w := a.ask("HEAD", link, ""); len(w.Result().Cookies()) > 0 {
			t.Error("HEAD signs in")
		}
		w := a.ask("GET", link, "")
		c := w.Result().Cookies()[0]
		if w.Code != 200 || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 30*24*3600 || c.Path != "/" {
			t.Errorf("%d %+v", w.Code, c)
		}
		if again := a.ask("GET", link, ""); again.Code != 404 || len(again.Result().Cookies()) > 0 || strings.Contains(again.Body.String(), "canary") {
			t.Errorf("the link used twice: %d", again.Code)
		}
		late := a.link()
		time.Sleep(11 * time.Minute)
		if w := a.ask("GET", late, ""); w.Code != 404 {
			t.Errorf("the link after ten minutes: %d", w.Code)
		}
		for path, want := range map[string]bool{"/": false, "/?signed-in": true} {
			if got := strings.Contains(a.ask("GET", path, "").Body.String(), "did not keep the sign-in"); got != want {
				t.Errorf("%s without the cookie: %v", path, got)
			}
		}
		// A new sign-in of a browser takes the place of its old one.
		a.cookie = mine
		a.cookie = cookieOf(t, a.ask("GET", a.link(), ""))
		if w := a.ask("GET", "/accounts/main", "", "Cookie", mine); w.Code != 303 {
			t.Errorf("the session before: %d", w.Code)
		}
	})
}

// The cookie is for the path of the public address, and for no other program there.
func TestCookiePath(t *testing.T) {
	withAccounts(t, usual(), func(c *Config) { c.PublicURL = "http://keeper.example.net/tools/keeper" }, func(t *testing.T, a *accounts) {
		for _, tt := range []struct{ host, path string }{{ownHost, "/tools/keeper/"}, {"127.0.0.1:7331", "/"}} {
			c := a.ask("GET", a.link(), "", "Host", tt.host).Result().Cookies()[0]
			if c.Path != tt.path || c.Secure {
				t.Errorf("%s: %+v", tt.host, c)
			}
		}
		for _, path := range []string{"/tools/keeper/", "/", "/tools/keeper/accounts/main", "/tools/keeper/deliveries"} {
			a.cookie = cookieOf(t, a.ask("GET", a.link(), ""))
			if w := a.ask("GET", path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), "proof") {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
	})
}

func TestSignInPassword(t *testing.T) {
	withAccounts(t, usual(), func(c *Config) { c.Proxies, _ = clientaddr.New([]string{"192.0.2.1"}) }, func(t *testing.T, a *accounts) {
		a.cookie = ""
		try := func(from, password string, header ...string) *httptest.ResponseRecorder {
			header = append([]string{"RemoteAddr", "192.0.2.1:1", "X-Forwarded-For", from}, header...)
			return a.ask("POST", "/sign-in", "password="+url.QueryEscape(password), header...)
		}
		codes := map[int]int{}
		for range 12 {
			w := try("198.51.100.7", "wrong horse")
			codes[w.Code]++
			if w.Code == 429 && w.Header().Get("Retry-After") == "" || len(w.Result().Cookies()) > 0 {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		}
		if codes[403] != 5 || codes[429] != 7 {
			t.Errorf("guesses got %v", codes)
		}
		if w := try("198.51.100.8", "wrong horse"); w.Code != 403 {
			t.Errorf("another one: %d", w.Code)
		}
		for _, from := range []string{"198.51.100.7", "198.51.100.9"} {
			if w := try(from, testPass); w.Code != 200 || cookieOf(t, w) == "" {
				t.Errorf("the right one from %s: %d", from, w.Code)
			}
		}
		if w := try("198.51.100.9", testPass, "Origin", "https://evil.example"); w.Code != 403 || len(w.Result().Cookies()) > 0 {
			t.Errorf("a foreign page: %d", w.Code)
		}
		if w := try("198.51.100.9", testPass, "Sec-Fetch-Site", "cross-site"); w.Code != 403 {
			t.Errorf("a foreign page: %d", w.Code)
		}
		if list := a.in.Sessions(); !slices.ContainsFunc(list, func(s client.PageSession) bool {
			return s.Address == "198.51.100.9" && s.Method == client.SignedInByPassword
		}) {
			t.Errorf("%+v", list)
		}
	})
}

func TestActionsAreGuarded(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		proof := a.proof(t)
		other := strings.TrimPrefix(proof, "proof=")
		a.cookie = cookieOf(t, a.ask("GET", a.link(), "", "Cookie", ""))
		proof = a.proof(t)
		tests := []struct {
			name, path, body string
			header           []string
			code             int
		}{
			{"the form", "/accounts/main/check", proof, nil, 303},
			{"by the other name", "/accounts/main/check", proof, []string{"Origin", "http://127.0.0.1:7331", "Host", "127.0.0.1:7331"}, 303},
			{"another site", "/accounts/main/check", proof, []string{"Origin", "https://evil.example"}, 403},
			{"another site, as it says itself", "/accounts/main/check", proof, []string{"Sec-Fetch-Site", "cross-site"}, 403},
			{"no origin", "/accounts/main/check", proof, []string{"Origin", ""}, 403},
			{"a sandbox", "/accounts/main/check", proof, []string{"Origin", "null"}, 403},
			{"a foreign host", "/accounts/main/check", proof, []string{"Host", "evil.example", "Origin", "https://evil.example"}, 421},
			{"no proof", "/accounts/main/check", "", nil, 403},
			{"the proof of another session", "/accounts/main/check", "proof=" + other, nil, 403},
			{"another type", "/accounts/main/check", proof, []string{"Content-Type", "text/plain"}, 403},
			{"proof in the address", "/accounts/main/check?" + proof, "", nil, 403},
			{"what is not allowed", "/accounts/main/refresh", proof, nil, 403},
			{"what is not allowed", "/channels/phone/test", proof, nil, 403},
			{"what is not allowed", "/outputs/yt-dlp/run", proof, nil, 403},
			{"nobody", "/accounts/nobody/check", proof, nil, 404},
			{"nobody", "/accounts/nobody/login", proof, nil, 404},
			{"signing out from elsewhere", "/sign-out", proof, []string{"Origin", "https://evil.example"}, 403},
		}
		for _, tt := range tests {
			before := a.Site.Requests("/x/passport-login/web/cookie/info")
			w := a.ask("POST", tt.path, tt.body, tt.header...)
			if asked := a.Site.Requests("/x/passport-login/web/cookie/info") > before; w.Code != tt.code || asked != (tt.code == 303) {
				t.Errorf("%s, %s: %d, asked %v: %s", tt.name, tt.path, w.Code, asked, w.Body)
			}
			if tt.code == 421 && !strings.Contains(w.Body.String(), "proxy_set_header Host") {
				t.Errorf("%s: no mend", tt.name)
			}
		}
		if w := a.ask("POST", "/accounts/main/check", proof); w.Header().Get("Location") != "../../accounts/main?said=check_ok" {
			t.Errorf("%q", w.Header().Get("Location"))
		}
		if body := a.ask("GET", "/accounts/main?said=check_ok", "").Body.String(); !strings.Contains(body, `role="status">Checked`) || strings.Contains(body, "/refresh") {
			t.Error(body)
		}
		if w := a.ask("POST", "/sign-out", proof); w.Code != 303 || a.ask("GET", "/accounts/main", "").Code != 303 {
			t.Errorf("sign out: %d", w.Code)
		}
	})
}

// A name that is pointed here by somebody else, or a proxy that passes on none.
func TestForeignHost(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		for _, host := range []string{"evil.example", "", "keeper.example.net.evil.example"} {
			for _, path := range []string{"/", "/accounts/main", "/live", a.link()} {
				w := a.ask("GET", path, "", "Host", host)
				if w.Code != 421 || strings.Contains(w.Body.String(), "recorders") || len(w.Result().Cookies()) > 0 {
					t.Errorf("%s of %q: %d", path, host, w.Code)
				}
			}
		}
	})
}

func TestRevokedSession(t *testing.T) {
	withAccounts(t, all(), nil, func(t *testing.T, a *accounts) {
		c := inBubble(t, a.page)
		r, err := http.NewRequest("GET", "http://"+ownHost+"/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", a.cookie)
		answer, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		told := make(chan string, 16)
		go func() {
			defer close(told)
			for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
				if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
					told <- event
				}
			}
		}()
		proof := a.proof(t)
		if w := a.ask("POST", "/accounts/main/check", proof); w.Code != 303 {
			t.Fatal(w.Code)
		}
		if got := <-told; got != "changed" {
			t.Errorf("told %q", got)
		}
		if err := a.in.Revoke(a.in.Sessions()[0].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := <-told; got != "gone" {
			t.Errorf("told %q", got)
		}
		if _, more := <-told; more {
			t.Error("the stream goes on")
		}
		for _, route := range pageRoutes() {
			method, path, _ := strings.Cut(route, " ")
			if w := a.ask(method, path, proof); strings.Contains(w.Body.String(), "canary") || strings.HasPrefix(route, "POST") && w.Code != 401 {
				t.Errorf("%s: %d", route, w.Code)
			}
		}
	})
}

// Names of others do nothing in a document, and no secret is in one.
func TestDocumentsOfAccounts(t *testing.T) {
	withAccounts(t, all(), nil, func(t *testing.T, a *accounts) {
		inline := regexp.MustCompile(`(?i)<script(>|[^>]*[^>c]>[^<])|<style|\sstyle=|\son\w+=|javascript:|(href|src|action)="https?:`)
		secrets := []string{a.SESSDATA(), strings.TrimSuffix(a.cookie[strings.IndexByte(a.cookie, '=')+1:], "=")}
		code := ""
		look := func(paths ...string) (all string) {
			for _, path := range paths {
				for _, lang := range []string{"en", "zh-CN"} {
					w := a.ask("GET", path, "", "Accept-Language", lang)
					body := w.Body.String()
					if w.Code != 200 || !strings.Contains(body, `<html lang="`+lang+`">`) || w.Header().Get("Content-Security-Policy") != browser.Policy() {
						t.Errorf("%s: %d", path, w.Code)
					}
					// The code is for who may log in, and its link alone leads elsewhere.
					body = strings.ReplaceAll(body, `href="`+html.EscapeString(code)+`" rel="noreferrer noopener"`, "")
					if found := inline.FindString(body); found != "" || strings.Contains(body, "<script>alert") || strings.Contains(body, "ZgotmplZ") {
						t.Errorf("%s: %q", path, found)
					}
					for _, s := range secrets {
						if s == "" || strings.Contains(body, s) {
							t.Errorf("%s holds a secret", path)
						}
					}
					all += body
				}
			}
			return all
		}
		body := look("/", "/accounts/main", "/deliveries", "/health", "/?q=%3Cscript%3Ealert(1)%3C/script%3E&tag=%22%3E&state=%22", "/?said=%3Cscript%3E", "/?page=-7", "/?page=99999999999999999999")
		for _, want := range []string{"Nothing needs you", "没有需要您处理的事", "&lt;script&gt;", "bilibili.com", "Valid", "有效", "179"} {
			if !strings.Contains(body, want) {
				t.Errorf("%q is not shown", want)
			}
		}
		if _, err := a.Keeper.Accounts().Check(context.Background(), "main", false); err != nil {
			t.Fatal(err)
		}
		a.Kill()
		code = a.Code()
		body = look("/", "/accounts/main")
		for _, want := range []string{"One thing needs you", "Code waiting", "等待扫码", "Show the code", "The site said again that the login is dead"} {
			if !strings.Contains(body, want) {
				t.Errorf("%q is not shown", want)
			}
		}
		look("/", "/accounts/main")
		if w := a.ask("GET", "/accounts/nobody", ""); w.Code != 404 {
			t.Errorf("nobody: %d", w.Code)
		}
		if strings.Contains(look("/accounts/main"), "Checked: the login works") || !strings.Contains(look("/accounts/main?all=1"), "Checked: the login works") {
			t.Error("what matters little is not told apart")
		}
	})
}

// With nothing allowed there is no account page, and the login pages are as ever.
func TestWithoutAccountPage(t *testing.T) {
	p := pageAlone(t)
	for _, path := range []string{"/", "/sign-in/x", "/accounts/main", "/deliveries", "/assets/account.css"} {
		if w := do(p, "GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Nobody who is signed in is held up by what strangers send from the same address.
func TestStrangersDoNotShutOut(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		for i := range 500 {
			a.ask("GET", fmt.Sprintf("/nothing/%d", i), "", "Cookie", "")
			a.ask("GET", "/l/guess", "", "Cookie", "")
		}
		for _, path := range []string{"/", "/accounts/main", "/assets/account.css", "/assets/account.js", a.link()} {
			if w := a.ask("GET", path, ""); w.Code != 200 {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
	})
}
