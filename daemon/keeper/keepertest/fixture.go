// Package keepertest is a keeper with a simulator of the site and a vault of its
// own, on a fake clock, for the tests of the keeper and of the rooms above it.
// Nothing but tests imports it.
package keepertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Mid is the account that [Fixture.Login] logs in most often, Stranger another one.
const (
	Mid      = 100200300
	Stranger = 400500600
)

// Phone is a number that belongs to nobody until the simulator is told whose it is.
const Phone = "13800000000"

// Fixture is a keeper with a simulator of the site and a vault of its own, on
// the fake clock of a synctest bubble.
type Fixture struct {
	T      *testing.T
	Dir    string
	Site   *passporttest.Site
	Config config.Config
	Vault  *vault.File
	Keeper *keeper.Keeper
	page   atomic.Bool // whether the keeper is told of a login page
	// Proxied is what lies behind a proxy; nil is the site.
	Proxied func(proxy *url.URL) http.RoundTripper
	Stop    func()
	site    *connection
	dying   sync.WaitGroup // those that crashed
}

// connection is a keeper's way to the site, which a crash cuts.
type connection struct {
	http.RoundTripper
	cut atomic.Bool
}

func (c *connection) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.cut.Load() {
		return nil, errors.New("the keeper is dead")
	}
	return c.RoundTripper.RoundTrip(r)
}

// Run runs a test in a bubble with a keeper that runs.
func Run(t *testing.T, change func(c *config.Config), test func(h *Fixture)) {
	t.Helper()
	dir := filepath.Join(dirtest.Dir(t), "state") // made by the vault, with its own mode
	synctest.Test(t, func(t *testing.T) {
		h := &Fixture{T: t, Dir: dir, Site: passporttest.New(passporttest.WithUser(Mid, "example"), passporttest.WithUser(Stranger, "somebody"))}
		h.Config = config.Default()
		h.Config.Check.Jitter = 0
		e := h.Site.Endpoints("http://site.invalid")
		h.Config.Endpoints = config.Endpoints{Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame, PassportIntl: e.PassportIntl, APIIntl: e.APIIntl}
		if change != nil {
			change(&h.Config)
		}
		h.Start()
		defer func() { h.Stop(); h.dying.Wait() }()
		test(h)
	})
}

func (h *Fixture) Start() {
	h.T.Helper()
	var err error
	h.Vault, err = vault.Open(vault.Options{Path: filepath.Join(h.Dir, "vault.db"), KeyFile: filepath.Join(h.Dir, "vault.key")})
	if err != nil {
		h.T.Fatal(err)
	}
	h.site = &connection{RoundTripper: h.Site.Transport()}
	h.Keeper, err = keeper.New(keeper.Parts{
		Vault: h.Vault, Config: h.Config, PageLink: h.pageLink, Log: zerolog.Nop(), Version: "test",
		Transport: passport.Options{Transport: h.site, CorrespondKey: h.Site.Refresh.CorrespondKey(), Proxied: h.proxied},
	})
	if err != nil {
		h.T.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	h.Keeper.Begin(ctx)
	go func() { defer close(done); h.Keeper.Keep(ctx) }()
	v := h.Vault
	h.Stop = func() {
		cancel()
		<-done
		if err := v.Close(); err != nil {
			h.T.Error(err)
		}
	}
	synctest.Wait()
}

func (h *Fixture) Restart() {
	h.T.Helper()
	h.Stop()
	h.Start()
}

// Crash ends the keeper as a power cut does, and starts another from what is on the
// disk. Nothing of what the first one does afterwards reaches the site or the disk.
func (h *Fixture) Crash() {
	h.T.Helper()
	synctest.Wait()
	dir := filepath.Join(dirtest.Dir(h.T), "state")
	err := os.Mkdir(dir, 0o700)
	for _, name := range []string{"vault.db", "vault.key"} {
		var data []byte
		if err == nil {
			data, err = os.ReadFile(filepath.Join(h.Dir, name))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
	}
	if err != nil {
		h.T.Fatal(err)
	}
	h.site.cut.Store(true)
	h.dying.Go(h.Stop)
	h.Dir = dir
	h.Start()
}

func (h *Fixture) Account(name string) client.Account {
	h.T.Helper()
	a, err := h.Keeper.Accounts().Get(name)
	if err != nil {
		h.T.Fatal(err)
	}
	return a
}

func (h *Fixture) WantState(want string) {
	h.T.Helper()
	if got := h.Account("main"); got.State != want {
		h.T.Fatalf("main is %s (%s), want %s", got.State, got.Detail, want)
	}
}

// Login logs an account in, as a person with the right phone would.
func (h *Fixture) Login(name string, mid int64) {
	h.T.Helper()
	l, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: name})
	if err != nil {
		h.T.Fatal(err)
	}
	h.Scan(l.URL, mid)
	for range 60 {
		time.Sleep(time.Second)
		if h.Account(name).State == client.StateValid {
			return
		}
	}
	if got := h.Account(name); got.State != client.StateValid {
		h.T.Fatalf("after the login %s is %s", name, got.State)
	}
}

func (h *Fixture) Scan(url string, mid int64) {
	h.T.Helper()
	if err := errors.Join(h.Site.QR.Scan(url, mid), h.Site.QR.Confirm(url, mid)); err != nil {
		h.T.Fatal(err)
	}
}

// Kill ends the session at the site and lets the keeper find out.
func (h *Fixture) Kill() {
	h.T.Helper()
	h.Site.Kill(Mid)
	time.Sleep(8*time.Hour + 2*time.Minute)
}

// Die ends an account's session at the site and has the keeper ask about it at once.
func (h *Fixture) Die(name string, mid int64) {
	h.T.Helper()
	h.Site.Kill(mid)
	if _, err := h.Keeper.Accounts().Check(h.T.Context(), name, true); err != nil {
		h.T.Fatal(err)
	}
	if h.Keeper.Credentials().Held(name).Alive {
		h.T.Fatalf("the credential of %s is still alive", name)
	}
}

func (h *Fixture) Code() string {
	h.T.Helper()
	codes := h.Site.QR.Codes()
	if len(codes) == 0 {
		h.T.Fatal("no code is out")
	}
	return codes[len(codes)-1]
}

func (h *Fixture) Header() string {
	h.T.Helper()
	c, err := h.Keeper.Credentials().Get("main", true)
	if err != nil {
		h.T.Fatal(err)
	}
	var pairs []string
	for _, one := range c.Cookies {
		pairs = append(pairs, one.Name+"="+one.Value.Reveal())
	}
	return strings.Join(pairs, "; ")
}

func (h *Fixture) Events(types ...string) []client.Event {
	h.T.Helper()
	all, err := h.Keeper.Store().Rest(0, 100000)
	if err != nil {
		h.T.Fatal(err)
	}
	var list []client.Event
	for _, e := range all {
		for _, want := range types {
			if e.Type == want || strings.HasSuffix(want, ".") && strings.HasPrefix(e.Type, want) {
				list = append(list, e)
			}
		}
	}
	return list
}

func (h *Fixture) WantRequests(path string, want int) {
	h.T.Helper()
	if got := h.Site.Requests(path); got != want {
		h.T.Errorf("%d requests to %s, want %d", got, path, want)
	}
}

// SESSDATA is the session that the keeper hands out.
func (h *Fixture) SESSDATA() string {
	h.T.Helper()
	_, rest, _ := strings.Cut(h.Header(), "SESSDATA=")
	value, _, _ := strings.Cut(rest, ";")
	return value
}

func (h *Fixture) Refresh(force bool) client.RefreshResult {
	h.T.Helper()
	r, err := h.Keeper.Accounts().Refresh(context.Background(), "main", force)
	if err != nil {
		h.T.Fatal(err)
	}
	return r
}

// StartIntl begins a login at the international site and scans its code.
func (h *Fixture) StartIntl() {
	h.T.Helper()
	l, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "tv", Site: "intl"})
	if err != nil {
		h.T.Fatal(err)
	}
	h.Scan(l.URL, Mid)
	time.Sleep(time.Minute)
}

// SMSLogin goes through the dialogue up to the code.
func (h *Fixture) SMSLogin() (client.Login, error) {
	h.T.Helper()
	ctx := context.Background()
	l, err := h.Keeper.Logins().Start(ctx, client.LoginRequest{Account: "main", Method: client.MethodSMS})
	if err != nil || l.State != client.LoginCaptcha {
		h.T.Fatalf("%+v, %v", l, err)
	}
	captcha, err := h.Keeper.Logins().Captcha(ctx, l.ID)
	if err != nil || len(captcha.Countries) == 0 {
		h.T.Fatalf("%+v, %v", captcha, err)
	}
	validate, _ := passporttest.SolveCaptcha(captcha.Challenge)
	return h.Keeper.Logins().SendSMS(ctx, l.ID, client.SMSSend{
		Phone: Phone, Token: captcha.Token, Challenge: captcha.Challenge, Validate: validate})
}

// LoginTen logs ten accounts in, on the evening of a Saturday, and waits for 21:50.
func (h *Fixture) LoginTen() {
	h.T.Helper()
	for i := range 10 {
		h.Site.AddUser(int64(Mid+i), fmt.Sprintf("example%d", i))
		h.Login(fmt.Sprintf("rec%d", i), int64(Mid+i))
	}
	now := time.Now()
	time.Sleep(time.Date(now.Year(), now.Month(), now.Day(), 21, 50, 0, 0, time.UTC).Sub(now))
}

func (h *Fixture) proxied(proxy *url.URL) http.RoundTripper {
	if h.Proxied == nil {
		return h.Site.Transport()
	}
	return h.Proxied(proxy)
}

// ServePage gives the keeper the address of a login page that nobody opens.
func (h *Fixture) ServePage() { h.page.Store(true) }

func (h *Fixture) pageLink(account, subject string, until time.Time) string {
	if !h.page.Load() {
		return ""
	}
	return fmt.Sprintf("https://keeper.example.net/l/%s/%s/%d", account, subject, until.Unix())
}
