package page

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

const (
	codeLife   = 3 * time.Minute
	appURL     = "bilibili://browser?url="
	loginURL   = "https://account.example.net/h5/scan-web?qrcode_key=fake0canary0fake0"
	testPhone  = "13800138000"
	testNumber = "246810"
)

// fake is a keeper with one rule: an account has one login at a time.
type fake struct {
	mu       sync.Mutex
	accounts map[string]*client.Account
	incident map[string]string
	logins   map[string]*client.Login
	attended map[string]time.Time
	issued   int
	calls    []string
	changed  chan struct{}
	fail     error
	script   string
	sent     client.SMSSend
}

func newFake() *fake {
	f := &fake{accounts: map[string]*client.Account{}, incident: map[string]string{}, logins: map[string]*client.Login{},
		attended: map[string]time.Time{}, changed: make(chan struct{}), script: geetest + "/static/js/gt.js"}
	for _, name := range []string{"main", "other"} {
		f.accounts[name] = &client.Account{Name: name, Site: "web", Uname: "canary-" + name, State: client.StateNeedsLogin}
		f.incident[name] = "incident-" + name
	}
	return f
}

// change alters the keeper and wakes whoever waits.
func (f *fake) change(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// code puts a fresh code on a login. The caller holds the lock.
func (f *fake) code(l *client.Login, life time.Duration) {
	f.issued++
	l.Code++
	l.URL = fmt.Sprintf("%s%d", loginURL, f.issued)
	l.AppURL = appURL + url.QueryEscape(l.URL)
	expires := time.Now().Add(life).UTC()
	l.ExpiresAt, l.State = &expires, client.LoginWaiting
}

// to moves the account's login on; an end closes the incident if it is good.
func (f *fake) to(account, state, reason string) {
	f.change(func() {
		a := f.accounts[account]
		l := f.logins[a.LoginID]
		l.State, l.Reason = state, reason
		if l.Ended() {
			l.URL, l.ExpiresAt, a.LoginID = "", nil, ""
		}
		if state == client.LoginSucceeded {
			a.State, f.incident[account] = client.StateValid, ""
		}
	})
}

// renew replaces the account's code, as the keeper does at its end.
func (f *fake) renew(account string, life time.Duration) {
	f.change(func() { f.code(f.logins[f.accounts[account].LoginID], life) })
}

func (f *fake) StartLogin(_ context.Context, r client.LoginRequest) (client.Login, error) {
	var out client.Login
	var err error
	f.change(func() {
		f.calls = append(f.calls, fmt.Sprintf("start %s %s %s %d", r.Account, r.Site, r.Method, r.Attend))
		a := f.accounts[r.Account]
		if err = f.fail; err != nil {
			return
		}
		f.attended[r.Account] = time.Now().Add(time.Duration(r.Attend) * time.Second)
		if l := f.logins[a.LoginID]; l != nil {
			out = *l
			out.Joined = true
			return
		}
		a.LoginID = fmt.Sprintf("login-%d", len(f.logins)+1)
		l := &client.Login{ID: a.LoginID, Account: a.Name, Site: a.Site, Method: r.Method, StartedAt: time.Now()}
		f.logins[l.ID] = l
		if r.Method == client.MethodSMS {
			l.State = client.LoginCaptcha
		} else {
			f.code(l, codeLife)
		}
		out = *l
	})
	return out, err
}

func (f *fake) Login(id string) (client.Login, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.logins[id]; l != nil {
		return *l, nil
	}
	return client.Login{}, &client.Problem{Type: client.ProblemNoLogin}
}

func (f *fake) CancelLogin(_ context.Context, id string) error {
	f.mu.Lock()
	f.calls = append(f.calls, "cancel "+id)
	l := f.logins[id]
	f.mu.Unlock()
	if l == nil || l.Ended() {
		return &client.Problem{Type: client.ProblemNoLogin}
	}
	if l.State == client.LoginVerifying {
		return &client.Problem{Type: client.ProblemBusy}
	}
	f.to(l.Account, client.LoginCancelled, client.ReasonCancelled)
	return nil
}

func (f *fake) Account(name string) (client.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.accounts[name]; a != nil {
		return *a, nil
	}
	return client.Account{}, &client.Problem{Type: client.ProblemNoAccount}
}

func (f *fake) Subjects(name string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	if a := f.accounts[name]; a != nil && a.LoginID != "" {
		out = append(out, a.LoginID)
	}
	if id := f.incident[name]; id != "" {
		out = append(out, id)
	}
	return out
}

func (f *fake) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fake) Captcha(_ context.Context, id string) (client.Captcha, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "captcha "+id)
	return client.Captcha{Type: "geetest", GT: "fakegt", Challenge: "fakechallenge", Token: "faketoken", Script: f.script,
		Countries: []client.Country{{ID: 1, Name: "中国大陆", Code: "86"}, {ID: 5, Name: "中国香港", Code: "852"}}}, nil
}

func (f *fake) SendSMS(_ context.Context, id string, s client.SMSSend) (client.Login, error) {
	if s.Validate != "fakevalidate" {
		return client.Login{}, &client.Problem{Type: client.ProblemBadRequest, Detail: "canary detail"}
	}
	f.change(func() { f.sent, f.logins[id].State = s, client.LoginSMSSent })
	return f.Login(id)
}

func (f *fake) SubmitSMS(_ context.Context, id string, c client.SMSCode) (client.Login, error) {
	if c.Code != testNumber {
		return client.Login{}, &client.Problem{Type: client.ProblemBadRequest, Detail: "canary detail"}
	}
	f.to("main", client.LoginSucceeded, "")
	return f.Login(id)
}

// fixedKey makes links that tests can write down.
func fixedKey(seed byte) []byte { return bytes.Repeat([]byte{seed}, 32) }

func (f *fake) config(log io.Writer) Config {
	if log == nil {
		log = io.Discard
	}
	return Config{Logins: f, SMS: f, Accounts: f, Key: fixedKey(1), PublicURL: "https://keeper.example.net",
		QR: qr.PNG, Log: zerolog.New(log)}
}

func (f *fake) page(t *testing.T) *Page {
	t.Helper()
	p, err := New(f.config(nil))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// path is a link without its host.
func (p *Page) path(account, subject string, life time.Duration) string {
	return strings.TrimPrefix(p.Link(account, subject, time.Now().Add(life)), p.site.PublicURL)
}

// mainPath is a link that works.
func mainPath(p *Page) string { return p.path("main", "incident-main", time.Hour) }

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
