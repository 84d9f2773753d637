package page

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/control"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// behind are the pages of several hosts behind one address, which sends each request to
// another one.
type behind struct {
	*keepertest.Hosts
	t     *testing.T
	pages []*Page
	in    []*signin.SignIn
	n     int
}

// next is the page that gets the next request. What was done before has reached its host
// by then; it takes a moment.
func (b *behind) next() *Page {
	synctest.Wait()
	b.n++
	return b.pages[b.n%len(b.pages)]
}

// behindOne runs a test with three hosts, of which the first owns "main", whose session
// is dead.
func behindOne(t *testing.T, test func(b *behind)) {
	t.Helper()
	keepertest.RunHosts(t, []string{"a", "b", "c"}, func(all *keepertest.Hosts) {
		b := &behind{Hosts: all, t: t}
		for _, name := range []string{"a", "b", "c"} {
			k := all.Host(name).Keeper
			s, err := control.New(control.Config{Keeper: k, NeedsRestart: func() []string { return nil }, Log: zerolog.Nop(), Version: "1"})
			if err != nil {
				t.Fatal(err)
			}
			all.Host(name).Carry = s.Carry
			in, err := signin.Open(k.Store(), signin.Options{Address: ownOrigin, Shared: true})
			if err != nil {
				t.Fatal(err)
			}
			channels, err := alert.New(k, all.Config)
			if err != nil {
				t.Fatal(err)
			}
			outputs, c := engine.Configured(k, all.Config, nil), configOf(k)
			c.Account = &accountpage.Parts{Keeper: k, SignIn: in, May: socket.Verbs(), Channels: func() *alert.Channels { return channels }, Outputs: func() *engine.Outputs { return outputs }}
			p, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			b.pages, b.in = append(b.pages, p), append(b.in, in)
		}
		all.Move("main", "a")
		all.Host("a").Login("main", keepertest.Mid)
		all.Site.Kill(keepertest.Mid)
		if _, err := all.Host("a").Keeper.Accounts().Check(context.Background(), "main", true); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		test(b)
	}, func(c *config.Config) { c.Login.Auto = false })
}

// TestLoginPageAnywhere: a link works at each host; a page that was started at one goes on
// at the others, with the same code and its picture, to the end that its reader sees.
func TestLoginPageAnywhere(t *testing.T) {
	behindOne(t, func(b *behind) {
		k := b.Host("b").Keeper
		path := b.pages[0].path("main", k.Logins().Subjects("main")[0], time.Hour)
		started := stateOf(t, do(b.next(), "POST", path+"/start", "{}").Body.Bytes())
		if started.URL == "" || started.View == "" {
			t.Fatalf("%+v", started)
		}
		look := func() state {
			return stateOf(t, do(b.next(), "GET", path+"/state?view="+started.View, "").Body.Bytes())
		}
		for range 6 {
			if w := do(b.next(), "GET", path+"/"+started.Picture, ""); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/png" {
				t.Errorf("the picture: %d %s", w.Code, w.Body)
			}
			if s := look(); s.URL != started.URL || s.Code != 1 {
				t.Errorf("%+v", s)
			}
		}
		for range 2 { // another code is asked for at one host, and the login given up at another
			s := stateOf(t, do(b.next(), "POST", path+"/renew", "{}").Body.Bytes())
			if s.URL == "" || s.URL == started.URL || look().URL != s.URL || look().URL != s.URL {
				t.Errorf("%+v", s)
			}
			started.URL = s.URL
		}
		if s := stateOf(t, do(b.next(), "POST", path+"/cancel", "{}").Body.Bytes()); s.State != client.LoginCancelled {
			t.Errorf("%+v", s)
		}
		started = stateOf(t, do(b.next(), "POST", path+"/start", "{}").Body.Bytes())
		b.Scan(started.URL, keepertest.Mid)
		time.Sleep(time.Minute)
		for range 3 {
			if s := look(); s.State != client.LoginSucceeded {
				t.Errorf("%+v", s)
			}
			if w := do(b.next(), "GET", path+"/state", ""); w.Code != http.StatusNotFound {
				t.Errorf("who did not start it sees %d %s", w.Code, w.Body)
			}
		}
		if n := b.Host("b").Asked("") + b.Host("c").Asked(""); n != 0 {
			t.Errorf("%d requests by hosts that own nothing", n)
		}
	})
}

// TestAccountPageAnywhere: who signs in at one host is so at all; the buttons work at each,
// and the site is asked by the owner alone.
func TestAccountPageAnywhere(t *testing.T) {
	behindOne(t, func(b *behind) {
		link := strings.TrimPrefix(b.in[0].Link().URL, ownOrigin)
		in := ask(b.pages[1], "GET", link, nil, nil)
		if in.Code != http.StatusOK || len(in.Result().Cookies()) != 1 {
			t.Fatalf("%d %s", in.Code, in.Body)
		}
		cookie := in.Result().Cookies()[0]
		press := func(button string, form url.Values) string {
			t.Helper()
			if form == nil {
				form = url.Values{}
			}
			form.Set("proof", signin.Proof(cookie.Value))
			w := ask(b.next(), "POST", "/accounts/main/"+button, cookie, form)
			if w.Code != http.StatusSeeOther {
				t.Errorf("%s: %d %s", button, w.Code, w.Body)
			}
			return w.Header().Get("Location")
		}
		for range 3 {
			if at := press("login", nil); !strings.Contains(at, "login=") {
				t.Errorf("login: %s", at)
			}
			if w := ask(b.next(), "GET", "/accounts/main", cookie, nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "qr.png") {
				t.Errorf("the account: %d", w.Code)
			}
			if at := press("tags", url.Values{"tags": {"x y"}}); !strings.HasSuffix(at, "said=tags_saved") {
				t.Errorf("tags: %s", at)
			}
		}
		l, err := b.Host("c").Keeper.Logins().Get(b.Host("c").Keeper.Record("main").Login.ID)
		if err != nil {
			t.Fatal(err)
		}
		b.Scan(l.URL, keepertest.Mid)
		time.Sleep(time.Minute)
		for range 3 {
			if at := press("check", nil); !strings.HasSuffix(at, "said=check_ok") {
				t.Errorf("check: %s", at)
			}
		}
		if n := b.Host("b").Asked("") + b.Host("c").Asked(""); n != 0 {
			t.Errorf("%d requests by hosts that own nothing", n)
		}
		b.Move("main", "")
		if at := press("check", nil); !strings.HasSuffix(at, "said=owner_away") {
			t.Errorf("with no owner: %s", at)
		}
	})
}

// ask sends a request as a browser does.
func ask(p *Page, method, target string, cookie *http.Cookie, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Host = "keeper.example.net"
	r.Header.Set("Origin", ownOrigin)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w
}
