//go:build browser

package page

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// linksConfig leaves it to the pages to ask for codes.
const linksConfig = `
[login]
auto = false
poll = "1s"
[limits]
concurrency = 8
`

// served is a world whose account "main" is dead and waits for somebody to log it in.
func served(t *testing.T) *world {
	t.Helper()
	w := begun(t, nil, linksConfig)
	w.site.SMS.AddPhone(keepertest.Mid, keepertest.Phone)
	w.site.AddUser(keepertest.Stranger, "canary-other")
	w.add("main", "canary-main", keepertest.Mid)
	w.site.Kill(keepertest.Mid)
	w.check("main")
	w.until("main is dead", func() bool { return w.state("main") == client.StateNeedsLogin })
	return w
}

// link is a link to log "main" in.
func (w *world) link() string {
	return w.page.Link("main", w.keep.Logins().Subjects("main")[0], time.Now().Add(time.Hour))
}

// code is the one that is out for "main", "" where there is none.
func (w *world) code() string {
	w.t.Helper()
	a, err := w.keep.Accounts().Get("main")
	if err != nil {
		w.t.Fatal(err)
	}
	login, err := w.keep.Logins().Get(a.LoginID)
	if err != nil {
		return ""
	}
	return login.URL
}

// shows waits until a photograph of the page reads as the code that is out.
func (w *world) shows(b *chromium) (code string) {
	w.t.Helper()
	b.wait("the code", func() bool {
		code = b.scan(".frame")
		return code == w.code()
	})
	return code
}

// renew asks for a new code on the page, and waits until it is there.
func (w *world) renew(b *chromium) (code string) {
	w.t.Helper()
	before := w.code()
	b.click("#renew")
	b.wait("another code", func() bool {
		code = b.scan(".frame")
		return code != before && code == w.code()
	})
	return code
}

func TestBrowserLogin(t *testing.T) {
	w := served(t)
	b, link := newBrowser(t), w.link()
	b.open(link + "?lang=en")
	b.view("waiting")
	code := w.shows(b)
	b.js("window.mark = 'same page'")
	if got := b.js("return document.getElementById('open').href"); got != code {
		t.Errorf("the link of the code: %s", got)
	}
	if got := b.js("var a = document.getElementById('app'); return a.hidden + ' ' + a.href"); got != "false bilibili://browser?url="+url.QueryEscape(code) {
		t.Errorf("the link into the app: %s", got)
	}
	if text := b.text(); !strings.Contains(text, "as canary-main") || !strings.Contains(text, "Works for another") {
		t.Error(text)
	}

	t.Run("a new code", func(*testing.T) { w.renew(b) })
	t.Run("an expired code is replaced", func(*testing.T) {
		w.site.QR.SetCodeLifetime(8 * time.Second)
		before := w.renew(b)
		// By the page's own clock the code is over at once.
		b.js("const now = Date.now; window.ahead = 0; Date.now = () => now() + window.ahead")
		b.wait("the code to be taken away", func() bool {
			b.js("window.ahead += 200000")
			return b.js("return document.getElementById('app').dataset.view") == "renewing" && !strings.Contains(b.scan(".frame"), "http")
		})
		w.site.QR.SetCodeLifetime(codeLife)
		b.wait("the next code", func() bool { got := b.scan(".frame"); return got != before && got == w.code() })
	})
	t.Run("scan, confirm, success", func(t *testing.T) {
		code := w.renew(b) // one that lasts
		if err := w.site.QR.Scan(code, keepertest.Mid); err != nil {
			t.Fatal(err)
		}
		b.view("scanned")
		let := w.way.hold(passporttest.PathNav)
		if err := w.site.QR.Confirm(code, keepertest.Mid); err != nil {
			t.Fatal(err)
		}
		b.view("verifying")
		let()
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
		foreign := w.page.Link("other", "incident", time.Now().Add(time.Hour))
		for _, link := range []string{link, link[:len(link)-6] + "AAAAAA", foreign} {
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
	w := served(t)
	b := newBrowser(t)
	b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true}, nil)
	b.cdp("Emulation.setTouchEmulationEnabled", map[string]any{"enabled": true}, nil)
	for _, lang := range []string{"en", "zh"} {
		b.open(w.link() + "?lang=" + lang)
		b.view("waiting")
		w.shows(b)
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
	w := served(t)
	b := newBrowser(t)
	for _, width := range []int{800, 1280} {
		b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false}, nil)
		b.open(w.link() + "?lang=en")
		b.view("waiting")
		w.shows(b)
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
	w := served(t)
	b := newBrowser(t)
	b.open(w.link() + "?lang=zh")
	b.view("waiting")
	w.scan(w.shows(b), keepertest.Stranger)
	b.view("failed")
	if text := b.text(); !strings.Contains(text, "另一个账号") {
		t.Error(text)
	}
	b.click("#renew")
	b.view("waiting")
	w.shows(b)
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
	w := served(t)
	b := newBrowser(t)
	b.open(w.link() + "?lang=en")
	b.view("waiting")
	code := w.code()
	w.network.lose(true)
	w.scan(code, keepertest.Mid)
	w.until("main is logged in", func() bool { return w.state("main") == client.StateValid })
	b.wait("the page to notice", func() bool { return strings.Contains(b.text(), "The keeper cannot be reached") })
	shoot(t, b, "offline")
	w.network.lose(false)
	b.view("succeeded")
}

// The keeper cannot be asked at first.
func TestBrowserTrouble(t *testing.T) {
	w := served(t)
	w.site.SetTrouble(passporttest.PathGenerate, passporttest.HTTP500)
	b := newBrowser(t)
	b.open(w.link() + "?lang=en")
	b.view("trouble")
	if text := b.text(); !strings.Contains(text, "The site does not answer") {
		t.Error(text)
	}
	w.site.SetTrouble(passporttest.PathGenerate, passporttest.None)
	b.click("#again")
	b.view("waiting")
	w.shows(b)
}

func TestBrowserWithoutScript(t *testing.T) {
	w := served(t)
	b := newBrowser(t)
	b.cdp("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.open(w.link() + "?lang=en")
	if n := w.site.Requests(passporttest.PathGenerate); n != 1 {
		t.Errorf("opened: %d codes", n-1)
	}
	b.click("noscript button")
	code := w.shows(b)
	shoot(t, b, "plain")
	w.scan(code, keepertest.Mid)
	b.wait("the end", func() bool {
		var source string
		b.call("GET", "/source", nil, &source)
		return strings.Contains(source, "Logged in")
	})
}

func TestBrowserSMS(t *testing.T) {
	w := served(t)
	b := newBrowser(t)
	b.open(w.link() + "?lang=en")
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
	b.enter("#tel", "800 000-0000")
	b.js("document.getElementById('tel').value = '138 0000-0000'")
	b.click("#send")
	b.wait("the widget", func() bool { return b.js("return !!document.getElementById('sim-captcha')") == "true" })
	link := strings.TrimPrefix(w.link(), w.base)
	if seen := b.js("return window.seen"); !strings.HasPrefix(seen, "http") || strings.Contains(seen, "/l/") || strings.Contains(seen, "code") || strings.Contains(seen, link) {
		t.Errorf("the captcha sees %s", seen)
	}
	b.click("#sim-captcha")
	b.view("answer")
	code := w.site.SMS.Code(keepertest.Phone)
	if text := b.text(); code == "" || strings.Contains(text, keepertest.Phone) || !strings.Contains(text, "138****00") {
		t.Error(text)
	}
	shoot(t, b, "sms-code")
	b.open(b.js("return location.href"))
	b.view("answer") // the form comes back after a reload
	b.enter("#digits", strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, code))
	b.click("#submit")
	b.wait("a refusal", func() bool { return strings.Contains(b.text(), "The code was not accepted") })
	b.js("document.getElementById('digits').value = ''")
	b.enter("#digits", code)
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
func shoot(t *testing.T, b *chromium, name string) {
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
		w := served(t)
		link := w.link()
		b.open(link + "?lang=" + lang)
		b.view("waiting")
		w.shows(b)
		shoot(t, b, "waiting-"+lang)
		b.js("document.getElementById('phone').open = true")
		shoot(t, b, "waiting-phone-"+lang)
		if err := w.site.QR.Scan(w.code(), keepertest.Mid); err != nil {
			t.Fatal(err)
		}
		b.view("scanned")
		shoot(t, b, "scanned-"+lang)
		w.scan(w.code(), keepertest.Stranger)
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
		w.scan(w.shows(b), keepertest.Mid)
		b.view("succeeded")
		shoot(t, b, "succeeded-"+lang)
		b.open(link)
		shoot(t, b, "nothing")
	}
}
