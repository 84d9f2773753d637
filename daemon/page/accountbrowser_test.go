//go:build browser

package page

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/notify/qr"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// servedAccounts is the account page of a keeper without an account, on a port of
// its own and on the machine's clock.
func servedAccounts(t *testing.T) (*keeper.Keeper, *signin.SignIn) {
	t.Helper()
	dir, site := filepath.Join(t.TempDir(), "state"), passporttest.New(passporttest.WithUser(100200300, "example"))
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
	if err != nil {
		t.Fatal(err)
	}
	c, e := config.Default(), site.Endpoints("http://site.invalid")
	c.Endpoints = config.Endpoints{Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame, PassportIntl: e.PassportIntl, APIIntl: e.APIIntl}
	k, err := keeper.New(keeper.Parts{Vault: v, Config: c, Log: zerolog.Nop(), Version: "test",
		Transport: passport.Options{Transport: site.Transport(), CorrespondKey: site.Refresh.CorrespondKey()}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	in, errIn := signin.Open(k.Store(), signin.Options{Address: base})
	channels, errChannels := alert.New(k, c)
	outputs := engine.Configured(k, c, nil)
	of := keeperOf{k.Logins(), k}
	p, err := New(Config{Logins: of, SMS: of, Accounts: of, Key: fixedKey(1), PublicURL: base, QR: qr.PNG, Log: zerolog.Nop(),
		Account: &accountpage.Parts{Keeper: k, SignIn: in, May: usual(),
			Channels: func() *alert.Channels { return channels }, Outputs: func() *engine.Outputs { return outputs }}})
	for _, err := range []error{errIn, errChannels, err} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	kept, served := make(chan struct{}), make(chan error, 1)
	k.Begin(ctx)
	go func() { defer close(kept); k.Keep(ctx) }()
	go func() { served <- p.Serve(l) }()
	t.Cleanup(func() {
		grace, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		_ = p.Shutdown(grace)
		if err := <-served; err != nil {
			t.Error(err)
		}
		cancel()
		<-kept
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return k, in
}

// A link in a mail signs in although it is followed from another site; the document
// follows what happens; a revoked session ends.
func TestBrowserAccounts(t *testing.T) {
	k, in := servedAccounts(t)
	mail := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>mail</title><a id="link" href="%s">sign in</a>`, in.Link().URL)
	}))
	defer mail.Close()
	b := newBrowser(t)
	// By another name the mail is of another site.
	b.open(strings.Replace(mail.URL, "127.0.0.1", "localhost", 1))
	b.click("#link")
	heading := func() string { return b.js("const h = document.querySelector('h1'); return h ? h.textContent : ''") }
	b.wait("the accounts", func() bool { return heading() == "Nothing needs you" || strings.Contains(heading(), "没有") })
	b.open(strings.TrimSuffix(b.js("return location.origin"), "/") + "/?lang=en")
	b.wait("the stream", func() bool { return b.js("return document.getElementById('live').checkVisibility()") == "true" })
	b.js("window.mark = 'same page'")
	if _, err := k.Logins().Start(context.Background(), client.LoginRequest{Account: "main", Attend: 120}); err != nil {
		t.Fatal(err)
	}
	b.wait("what needs a person", func() bool { return heading() == "One thing needs you" })
	if b.js("return window.mark") != "same page" || !strings.HasPrefix(b.js("return document.title"), "(1) ") {
		t.Error("the page was loaded anew")
	}
	for _, width := range []int{360, 820, 1280} {
		b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
		if wide := b.js("return document.documentElement.scrollWidth > innerWidth"); wide != "false" {
			t.Errorf("at %d px the page is wider than the screen", width)
		}
	}
	var lines []struct {
		Level, Message string
	}
	b.call("POST", "/se/log", map[string]string{"type": "browser"}, &lines)
	for _, line := range lines {
		if line.Level == "SEVERE" {
			t.Errorf("the browser complains: %s", line.Message)
		}
	}
	b.click(".needs .button")
	b.wait("the login page", func() bool { return strings.Contains(b.js("return location.pathname"), "/l/") })
	b.view("waiting")
	b.js("history.back()")
	b.wait("the accounts again", func() bool { return heading() == "One thing needs you" })
	for _, session := range in.Sessions() {
		if err := in.Revoke(session.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.wait("the form to sign in", func() bool { return heading() == "Sign in" })
}
