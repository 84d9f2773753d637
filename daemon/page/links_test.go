package page

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/notify/qr"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// codeLife is how long a code of the site works.
const codeLife = 3 * time.Minute

// linked are the login pages of a keeper whose accounts "main" and "other" are dead and
// wait for somebody to log them in; by itself the keeper makes no code for them.
type linked struct {
	*keepertest.Fixture
	page *Page
}

// withLinks runs a test with them.
func withLinks(t *testing.T, change func(c *Config), test func(t *testing.T, l *linked)) {
	t.Helper()
	keepertest.Run(t, func(c *config.Config) {
		c.Accounts = []config.Account{{Name: "main"}, {Name: "other"}}
		c.Login.Auto = false
		c.Limits.RequestsPerMinute = 1000
		c.Endpoints.GeetestJS = geetest + "/static/js/gt.js"
	}, func(h *keepertest.Fixture) {
		h.Site.SMS.AddPhone(keepertest.Mid, keepertest.Phone)
		for name, mid := range map[string]int64{"main": keepertest.Mid, "other": keepertest.Stranger} {
			h.Site.AddUser(mid, "canary-"+name)
			h.Login(name, mid)
			h.Die(name, mid)
		}
		h.Site.ResetLog()
		l := &linked{Fixture: h}
		c := configOf(h.Keeper)
		if change != nil {
			change(&c)
		}
		l.page = l.made(c)
		test(h.T, l)
	})
}

// configOf is the configuration of a keeper's pages.
func configOf(k *keeper.Keeper) Config {
	return Config{Keeper: k, Key: fixedKey(1), PublicURL: ownOrigin, QR: qr.PNG, Log: zerolog.Nop()}
}

// pageAlone is a page whose keeper is asked for nothing.
func pageAlone(t *testing.T) *Page {
	t.Helper()
	p, err := New(configOf(&keeper.Keeper{}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (l *linked) made(c Config) *Page {
	l.T.Helper()
	p, err := New(c)
	if err != nil {
		l.T.Fatal(err)
	}
	return p
}

// fixedKey makes links that tests can write down.
func fixedKey(seed byte) []byte { return bytes.Repeat([]byte{seed}, 32) }

// path is a link without its host.
func (p *Page) path(account, subject string, life time.Duration) string {
	return strings.TrimPrefix(p.Link(account, subject, time.Now().Add(life)), p.site.PublicURL)
}

// incident is what an account's link is made for.
func (l *linked) incident(account string) string { return l.Keeper.Logins().Subjects(account)[0] }

// path is a link of an account that works.
func (l *linked) path(account string, life time.Duration) string {
	return l.page.path(account, l.incident(account), life)
}

// main is a link of "main" that works for an hour.
func (l *linked) main() string { return l.path("main", time.Hour) }

func (l *linked) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	return do(l.page, method, target, body, header...)
}

// shown presses a button of a link and returns what the page shows then.
func (l *linked) shown(path, button string) state {
	l.T.Helper()
	return stateOf(l.T, l.do("POST", path+button, "{}").Body.Bytes())
}

// login is the one that is under way for "main".
func (l *linked) login() client.Login {
	l.T.Helper()
	login, err := l.Keeper.Logins().Get(l.Account("main").LoginID)
	if err != nil {
		l.T.Fatal(err)
	}
	return login
}

// begin begins a login of "main" past the page.
func (l *linked) begin() client.Login {
	l.T.Helper()
	login, err := l.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "main"})
	if err != nil {
		l.T.Fatal(err)
	}
	return login
}

// until waits until the login of "main" is in a state.
func (l *linked) until(want string) {
	l.T.Helper()
	for range 120 {
		r, err := l.Keeper.Store().Record("main")
		if err != nil {
			l.T.Fatal(err)
		}
		if login, err := l.Keeper.Logins().Get(r.Login.ID); err == nil && login.State == want {
			synctest.Wait()
			return
		}
		time.Sleep(time.Second)
	}
	l.T.Fatalf("no login is %s", want)
}

// grant confirms the code that is out for "main"; the site does not say yet whose
// login it is, until it is proven.
func (l *linked) grant() {
	l.T.Helper()
	l.Site.SetTrouble(passporttest.PathNav, passporttest.HTTP500)
	l.Scan(l.login().URL, keepertest.Mid)
	l.until(client.LoginVerifying)
}

func (l *linked) prove() {
	l.T.Helper()
	l.Site.SetTrouble(passporttest.PathNav, passporttest.None)
	l.until(client.LoginSucceeded)
}

// asked counts the codes that the site was asked for.
func (l *linked) asked() int { return l.Site.Requests(passporttest.PathGenerate) }

// do sends one request; a POST as the page's script does.
func do(p *Page, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "keeper.example.net"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", "https://keeper.example.net")
		r.Header.Set(scriptHeader, "1")
	}
	for i := 0; i+1 < len(header); i += 2 {
		switch {
		case header[i] == "RemoteAddr":
			r.RemoteAddr = header[i+1]
		case header[i] == "Host":
			r.Host = header[i+1]
		case header[i+1] == "":
			r.Header.Del(header[i])
		default:
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w
}
