//go:build browser

package page

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// stub is a captcha's widget that wants one press. It notes what it can see of
// the page that it is loaded into.
const stub = `window.initGeetest = function (config, ready) {
  var on = {}, widget = {
    onReady: function (f) { setTimeout(f, 0); return widget; },
    onSuccess: function (f) { on.success = f; return widget; },
    onError: function () { return widget; },
    onClose: function (f) { on.close = f; return widget; },
    verify: function () {
      var b = document.createElement('button');
      b.id = 'stub';
      b.textContent = 'I am no robot (' + config.gt + ')';
      b.onclick = function () { b.remove(); on.success(); };
      document.body.appendChild(b);
    },
    getValidate: function () {
      return { geetest_challenge: config.challenge, geetest_validate: 'fakevalidate', geetest_seccode: 'fakevalidate|jordan' };
    }
  };
  window.seen = location.href + ' ' + document.referrer + ' ' + (document.getElementById('code') ? 'code' : '');
  ready(widget);
};`

// served is a page on a port of its own, and the keeper behind it.
func served(t *testing.T) (*fake, *Page) {
	t.Helper()
	return servedOn(t, &network{})
}

func servedOn(t *testing.T, n *network) (*fake, *Page) {
	t.Helper()
	widget := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write([]byte(stub))
	}))
	t.Cleanup(widget.Close)
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	f.script = widget.URL + "/gt.js"
	c := f.config(nil)
	c.PublicURL, c.CaptchaOrigin = "http://"+l.Addr().String(), widget.URL
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	n.Listener = l
	go func() { done <- p.Serve(n) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = p.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f, p
}

func (p *Page) mainLink() string {
	return p.Link("main", "incident-main", time.Now().Add(time.Hour))
}

func TestBrowserLogin(t *testing.T) {
	f, p := served(t)
	b := newBrowser(t)
	b.open(p.mainLink() + "?lang=en")
	b.view("waiting")
	b.wait("the code", func() bool { return b.scan(".frame") == f.login("main").URL })
	b.js("window.mark = 'same page'")
	if got := b.js("return document.getElementById('open').href"); got != f.login("main").URL {
		t.Errorf("the link to the app: %s", got)
	}
	if text := b.text(); !strings.Contains(text, "as canary-main") || !strings.Contains(text, "Works for another") {
		t.Error(text)
	}

	t.Run("a new code", func(t *testing.T) {
		before := f.login("main").URL
		b.click("#renew")
		b.wait("another code", func() bool { got := b.scan(".frame"); return got != before && got == f.login("main").URL })
	})
	t.Run("an expired code is replaced", func(t *testing.T) {
		f.renew("main", 1500*time.Millisecond)
		before := f.login("main").URL
		b.view("renewing")
		if got := b.scan(".frame"); strings.Contains(got, "http") {
			t.Errorf("an expired code is shown: %s", got)
		}
		f.renew("main", codeLife)
		b.view("waiting")
		b.wait("the next code", func() bool { got := b.scan(".frame"); return got != before && got == f.login("main").URL })
	})
	t.Run("scan, confirm, success", func(t *testing.T) {
		f.to("main", client.LoginScanned, "")
		b.view("scanned")
		f.to("main", client.LoginVerifying, "")
		b.view("verifying")
		f.to("main", client.LoginSucceeded, "")
		b.view("succeeded")
		if text := b.text(); !strings.Contains(text, "Logged in") {
			t.Error(text)
		}
		if got := b.js("return document.querySelector('.badge.good').checkVisibility() && !document.querySelector('.badge.bad').checkVisibility()"); got != "true" {
			t.Error("the sign of success is not the one to see")
		}
		if got := b.js("return window.mark"); got != "same page" {
			t.Errorf("the page was loaded again: %s", got)
		}
	})
	if found := b.complaints(); len(found) > 0 {
		t.Errorf("the browser complains: %q", found)
	}
	t.Run("a used or foreign link shows nothing", func(t *testing.T) {
		good := p.mainLink()
		for _, link := range []string{good, good[:len(good)-6] + "AAAAAA", p.Link("other", "incident-main", time.Now().Add(time.Hour))} {
			b.open(link)
			if text := b.text(); !strings.Contains(text, "There is nothing here") || strings.Contains(text, "canary") {
				t.Errorf("%s", text)
			}
		}
	})
}

// On a phone the ways without a second screen are open to see, and nothing is
// wider than the screen.
func TestBrowserPhone(t *testing.T) {
	f, p := served(t)
	b := newBrowser(t)
	b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true}, nil)
	b.cdp("Emulation.setTouchEmulationEnabled", map[string]any{"enabled": true}, nil)
	for _, lang := range []string{"en", "zh"} {
		b.open(p.mainLink() + "?lang=" + lang)
		b.view("waiting")
		b.wait("the code", func() bool { return b.scan(".frame") == f.login("main").URL })
		if got := b.js("return document.getElementById('phone').open + ' ' + document.documentElement.scrollWidth"); got != "true 360" {
			t.Errorf("%s: open, width: %s", lang, got)
		}
		if got := b.js("return document.getElementById('save').href"); !strings.Contains(got, "/qr.png?c=1&k=") {
			t.Errorf("the picture to save: %s", got)
		}
	}
}

// On a wide screen the buttons stand below the code and the words, whether an
// error line is shown or not.
func TestBrowserDesktop(t *testing.T) {
	f, p := served(t)
	b := newBrowser(t)
	for _, width := range []int{800, 1280} {
		b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false}, nil)
		b.open(p.mainLink() + "?lang=en")
		b.view("waiting")
		b.wait("the code", func() bool { return b.scan(".frame") == f.login("main").URL })
		for _, hidden := range []string{"true", "false"} {
			got := b.js("document.getElementById('error').hidden = " + hidden + `;
				const at = s => document.querySelector(s).getBoundingClientRect();
				return at('.actions').top >= at('.picture').bottom && at('.actions').top >= at('.steps').bottom`)
			if got != "true" {
				t.Errorf("%d px, error hidden: %s: the buttons stand above the code", width, hidden)
			}
		}
	}
}

func TestBrowserFailure(t *testing.T) {
	f, p := served(t)
	b := newBrowser(t)
	b.open(p.mainLink() + "?lang=zh")
	b.view("waiting")
	f.to("main", client.LoginFailed, client.ReasonWrongAccount)
	b.view("failed")
	if text := b.text(); !strings.Contains(text, "另一个账号") {
		t.Error(text)
	}
	b.click("#renew")
	b.view("waiting")
	b.wait("the code", func() bool { return b.scan(".frame") == f.login("main").URL })
	b.click("#cancel")
	b.view("failed")
	if text := b.text(); !strings.Contains(text, "已取消") {
		t.Error(text)
	}
}

// network is a listener that can lose its connections and let none in.
type network struct {
	net.Listener
	mu    sync.Mutex // guards what follows
	conns []net.Conn
	lost  bool
}

func (n *network) Accept() (net.Conn, error) {
	for {
		c, err := n.Listener.Accept()
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		lost := n.lost
		n.conns = append(n.conns, c)
		n.mu.Unlock()
		if !lost {
			return c, nil
		}
		_ = c.Close()
	}
}

func (n *network) lose(lost bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost = lost
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

// A phone whose browser slept while the app scanned the code: the login is over
// and its link is used when the page comes back.
func TestBrowserAway(t *testing.T) {
	n := &network{}
	f, p := servedOn(t, n)
	b := newBrowser(t)
	b.open(p.mainLink() + "?lang=en")
	b.view("waiting")
	n.lose(true)
	f.to("main", client.LoginSucceeded, "")
	b.wait("the page to notice", func() bool { return strings.Contains(b.text(), "The keeper cannot be reached") })
	shoot(t, b, "offline")
	n.lose(false)
	b.view("succeeded")
}

// The keeper cannot be asked at first.
func TestBrowserTrouble(t *testing.T) {
	f, p := served(t)
	f.fail = &client.Problem{Type: client.ProblemSiteAway}
	b := newBrowser(t)
	b.open(p.mainLink() + "?lang=en")
	b.view("trouble")
	if text := b.text(); !strings.Contains(text, "The site does not answer") {
		t.Error(text)
	}
	f.change(func() { f.fail = nil })
	b.click("#again")
	b.view("waiting")
	b.wait("the code", func() bool { return b.scan(".frame") == f.login("main").URL })
}

func TestBrowserWithoutScript(t *testing.T) {
	f, p := served(t)
	b := newBrowser(t)
	b.cdp("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.open(p.mainLink() + "?lang=en")
	if calls := f.log(); len(calls) != 0 {
		t.Errorf("opened: %q", calls)
	}
	b.click("noscript button")
	b.wait("the code", func() bool { return f.login("main") != nil && b.scan(".frame") == f.login("main").URL })
	shoot(t, b, "plain")
	f.to("main", client.LoginSucceeded, "")
	b.wait("the end", func() bool {
		var source string
		b.call("GET", "/source", nil, &source)
		return strings.Contains(source, "Logged in")
	})
}

func TestBrowserSMS(t *testing.T) {
	f, p := served(t)
	b := newBrowser(t)
	b.open(p.mainLink() + "?lang=en")
	b.view("waiting")
	b.click("#by-sms")
	b.view("number")
	if got := b.js("return typeof window.initGeetest"); got != "undefined" {
		t.Error("the captcha's script was loaded before anybody asked for an SMS")
	}
	shoot(t, b, "sms-number")
	b.enter("#tel", "12")
	b.click("#send")
	b.wait("a refusal", func() bool { return strings.Contains(b.text(), "This is no phone number") })
	b.enter("#tel", "800 138-0000")
	b.js("document.getElementById('tel').value = '138 0013-8000'")
	b.click("#send")
	b.wait("the widget", func() bool { return b.js("return !!document.getElementById('stub')") == "true" })
	link := strings.TrimPrefix(p.mainLink(), p.site.PublicURL)
	if seen := b.js("return window.seen"); strings.Contains(seen, "/l/") || strings.Contains(seen, "code") || strings.Contains(seen, link) {
		t.Errorf("the captcha sees %s", seen)
	}
	b.click("#stub")
	b.view("answer")
	if f.sent.Phone != testPhone || f.sent.Challenge != "fakechallenge" || f.sent.Token != "faketoken" || f.sent.Country != 1 || f.sent.Seccode != "fakevalidate|jordan" {
		t.Errorf("sent %#v", [...]any{f.sent.Phone, f.sent.Challenge, f.sent.Token, f.sent.Country, f.sent.Seccode})
	}
	if text := b.text(); strings.Contains(text, testPhone) || !strings.Contains(text, "138****00") {
		t.Error(text)
	}
	shoot(t, b, "sms-code")
	b.open(b.js("return location.href"))
	b.view("answer") // the form comes back after a reload
	b.enter("#digits", "111111")
	b.click("#submit")
	b.wait("a refusal", func() bool { return strings.Contains(b.text(), "The code was not accepted") })
	b.js("document.getElementById('digits').value = ''")
	b.enter("#digits", testNumber)
	b.click("#submit")
	b.view("succeeded")
	for _, found := range b.complaints() {
		if !strings.Contains(found, "/sms/code") { // the refusal of the wrong code, a 422
			t.Errorf("the browser complains: %s", found)
		}
	}
}

// shoot takes pictures at a phone's and a desktop's width, in light and dark,
// where BILIKEEPER_SCREENSHOTS names a directory.
func shoot(t *testing.T, b *browser, name string) {
	t.Helper()
	dir := os.Getenv("BILIKEEPER_SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, size := range [][2]int{{360, 740}, {1280, 900}} {
		phone := size[0] < 500
		b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": size[0], "height": size[1], "deviceScaleFactor": 1.5, "mobile": phone}, nil)
		for _, scheme := range []string{"light", "dark"} {
			b.cdp("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
			var shot struct{ Data string }
			b.cdp("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": phone}, &shot)
			data, err := base64.StdEncoding.DecodeString(shot.Data)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, size[0], scheme))
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestBrowserScreenshots(t *testing.T) {
	if os.Getenv("BILIKEEPER_SCREENSHOTS") == "" {
		t.Skip("BILIKEEPER_SCREENSHOTS names no directory")
	}
	b := newBrowser(t)
	for _, lang := range []string{"en", "zh"} {
		f, p := served(t)
		link := p.mainLink()
		b.open(link + "?lang=" + lang)
		b.view("waiting")
		b.wait("the code", func() bool { return b.scan(".frame") == f.login("main").URL })
		shoot(t, b, "waiting-"+lang)
		b.js("document.getElementById('phone').open = true")
		shoot(t, b, "waiting-phone-"+lang)
		f.to("main", client.LoginScanned, "")
		b.view("scanned")
		shoot(t, b, "scanned-"+lang)
		f.to("main", client.LoginFailed, client.ReasonExpired)
		b.view("failed")
		shoot(t, b, "failed-"+lang)
		b.open(link + "/sms?lang=" + lang)
		b.view("number")
		shoot(t, b, "number-"+lang)
		b.open(link + "?lang=" + lang)
		b.view("elsewhere")
		shoot(t, b, "elsewhere-"+lang)
		b.click("#renew")
		b.view("waiting")
		f.to("main", client.LoginSucceeded, "")
		b.view("succeeded")
		shoot(t, b, "succeeded-"+lang)
		b.open(link)
		shoot(t, b, "nothing")
	}
}

// login is the account's newest.
func (f *fake) login(account string) *client.Login {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins[f.accounts[account].LoginID]
}
