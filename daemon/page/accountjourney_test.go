//go:build browser

package page

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	tabKey   = "\ue004"
	enterKey = "\ue007"
	// mostTabs is more than any document has places for the focus.
	mostTabs = 120
)

// key presses a key where the focus is.
func (b *chromium) key(key string) {
	b.t.Helper()
	b.call("POST", "/actions", map[string]any{"actions": []any{map[string]any{"type": "key", "id": "keyboard", "actions": []any{
		map[string]string{"type": "keyDown", "value": key}, map[string]string{"type": "keyUp", "value": key}}}}}, nil)
}

// reach moves the focus to what a selector names, by the keyboard alone.
func (b *chromium) reach(selector string) {
	b.t.Helper()
	for range mostTabs {
		b.key(tabKey)
		if b.js(fmt.Sprintf("return document.activeElement.matches(%q)", selector)) == "true" {
			return
		}
	}
	b.t.Fatalf("the keyboard does not reach %s", selector)
}

// hand is how a person uses the page.
type hand struct {
	*chromium
	keyboard bool
}

// press presses a button or follows a link.
func (h hand) press(selector string) {
	h.t.Helper()
	h.wait(selector, func() bool { return h.js(fmt.Sprintf("return !!document.querySelector(%q)", selector)) == "true" })
	if !h.keyboard {
		h.js(fmt.Sprintf("document.querySelector(%q).scrollIntoView({ block: 'center' })", selector))
		h.click(selector)
		return
	}
	h.reach(selector)
	h.key(enterKey)
}

// there waits until a selector names something.
func (h hand) there(selector string) {
	h.t.Helper()
	h.wait(selector, func() bool { return h.js(fmt.Sprintf("return !!document.querySelector(%q)", selector)) == "true" })
}

// needs reports whether an account is among what needs a person.
func (b *chromium) needs(name string) bool {
	b.t.Helper()
	return b.js(fmt.Sprintf("return [...document.querySelectorAll('.needs h2')].some(h => h.textContent.includes(%q))", name)) == "true"
}

// The way of a person through the page, at every width, light and dark, in both
// languages, with a pointer and with the keyboard alone: sign in, a death appears by
// itself, a new code, the scan, the success and its bar in the strip, a pause, a
// channel's test, sign out, a session that was revoked.
func TestBrowserJourney(t *testing.T) {
	w := newWorld(t, all())
	b := newBrowser(t)
	n := 0
	for _, width := range []int{360, 820, 1280} {
		for _, theme := range []string{"light", "dark"} {
			for _, lang := range []string{"en", "zh"} {
				n++
				name, mid := fmt.Sprintf("main-%d", n), int64(500000+n)
				// Both ways at every width and in both colours.
				h := hand{b, (n+n/2)%2 == 0}
				t.Run(fmt.Sprintf("%d %s %s keyboard %v", width, theme, lang, h.keyboard), func(t *testing.T) {
					b.t = t
					defer func() { b.t = w.t }()
					w.add(name, fmt.Sprintf("user %d", n), mid)
					b.screen(width, 800, theme)
					w.journey(h, name, mid, lang)
				})
			}
		}
	}
	for _, text := range b.complaints() {
		t.Errorf("the browser complains: %s", text)
	}
}

func (w *world) journey(h hand, name string, mid int64, lang string) {
	t := h.t
	t.Helper()
	h.open(w.in.Link().URL + "?lang=" + lang)
	h.there(".list")
	if got := h.js("return document.documentElement.lang"); !strings.HasPrefix(got, lang) {
		t.Errorf("the language is %s", got)
	}
	h.wait("the stream", func() bool { return h.js("return document.getElementById('live').checkVisibility()") == "true" })
	h.js("window.mark = 'same page'")
	if h.needs(name) {
		t.Fatal("it needs a person from the start")
	}
	w.site.Kill(mid)
	w.check(name)
	h.wait("the death", func() bool { return h.needs(name) })
	if h.js("return window.mark") != "same page" || !strings.HasPrefix(h.js("return document.title"), "(") {
		t.Error("the page was loaded anew")
	}
	h.press(fmt.Sprintf(".needs a[href$='accounts/%s'], .needs form[action$='accounts/%s/login'] button", name, name))
	w.login(h, name, mid)

	h.press("form[action$='/pause'] button")
	h.there(".who .st.soft")
	h.press("form[action$='/resume'] button")
	h.there(".who .st.good")
	h.press(".nav a[href$='deliveries']")
	h.press("form[action$='channels/tablet/test'] button")
	h.there(".tried.good")
	h.picture(name+"-tested", false)
	h.press("form[action$='sign-out'] button")
	h.there(".sign")
	h.open(w.base + "/accounts/" + name)
	h.there(".sign")
	h.open(w.in.Link().URL)
	h.there(".list")
	h.wait("the stream", func() bool { return h.js("return document.getElementById('live').checkVisibility()") == "true" })
	for _, s := range w.in.Sessions() {
		if err := w.in.Revoke(s.ID); err != nil {
			t.Fatal(err)
		}
	}
	h.there(".sign")
}

// login is the part with the code.
func (w *world) login(h hand, name string, mid int64) {
	t := h.t
	t.Helper()
	code := func() string {
		a, err := w.keep.Accounts().Get(name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := w.keep.Logins().Get(a.LoginID)
		if err != nil {
			return "none"
		}
		return l.URL
	}
	// The first screen has a code as well, where there is room.
	h.there(".who ~ .login .frame img")
	h.wait("the code", func() bool { return h.scan(".frame") == code() })
	before := code()
	h.press("form[action$='/renew'] button")
	h.wait("another code", func() bool { got := h.scan(".frame"); return got != before && got == code() })
	h.js("window.mark = 'same page'")
	left := h.js("return document.querySelector('.time').textContent")
	h.wait("the time to run down", func() bool { return h.js("return document.querySelector('.time').textContent") != left })
	if err := w.site.QR.Scan(code(), mid); err != nil {
		t.Fatal(err)
	}
	h.there(".veil")
	h.picture(name+"-scanned", false)
	if err := w.site.QR.Confirm(code(), mid); err != nil {
		t.Fatal(err)
	}
	h.there(".login .done.good")
	h.picture(name+"-done", false)
	if h.js("return window.mark") != "same page" {
		t.Error("the page was loaded anew")
	}
	if w.state(name) != client.StateValid {
		t.Error("the account is not logged in")
	}
	w.strip(h)
}

// strip has the bar of the day, and tells of it.
func (w *world) strip(h hand) {
	t := h.t
	t.Helper()
	h.there(".months .strip .l")
	h.there(".months .strip .d")
	value := func() string { return h.js("return document.getElementById('months').getAttribute('aria-valuetext')") }
	today := value()
	if h.keyboard {
		h.reach("#months")
		for _, key := range []string{"\ue012", "\ue010", "\ue011", "\ue00e"} { // left, End, Home, PageUp
			h.key(key)
		}
		if at := h.js("return document.getElementById('months').getAttribute('aria-valuenow')"); at != "7" {
			t.Errorf("the keys lead to day %s", at)
		}
		return
	}
	h.js("document.getElementById('months').scrollIntoView({ block: 'center' })")
	at := h.js("const r = document.querySelector('.months .strip').getBoundingClientRect(); return Math.round(r.left + r.width / 2) + ' ' + Math.round(r.top + r.height / 2)")
	x, y, _ := strings.Cut(at, " ")
	px, _ := strconv.Atoi(x)
	py, _ := strconv.Atoi(y)
	h.call("POST", "/actions", map[string]any{"actions": []any{map[string]any{"type": "pointer", "id": "mouse", "parameters": map[string]string{"pointerType": "mouse"},
		"actions": []any{map[string]any{"type": "pointerMove", "duration": 0, "x": px, "y": py}}}}}, nil)
	h.wait("the day that is pointed at", func() bool {
		return value() != today && h.js("return document.getElementById('read').textContent") == value()
	})
}

// The page weighs little, and is on the screen soon after its first byte.
func TestBrowserWeight(t *testing.T) {
	w := newWorld(t, usual())
	for i := range 55 {
		w.put(fmt.Sprintf("recorder-%02d", i))
	}
	w.restart()
	b := newBrowser(t)
	b.screen(360, 800, "light")
	b.open(w.in.Link().URL)
	b.wait("the accounts", func() bool { return b.js("return document.querySelectorAll('.list tbody tr').length") == "50" })
	least, weight := time.Hour, 0
	for range 10 {
		b.cdp("Network.clearBrowserCache", map[string]any{}, nil)
		b.open(w.base + "/")
		b.wait("the first paint", func() bool {
			return b.js("return performance.getEntriesByName('first-contentful-paint').length") == "1"
		})
		took, err := strconv.ParseFloat(b.js("return performance.getEntriesByName('first-contentful-paint')[0].startTime - performance.getEntriesByType('navigation')[0].responseStart"), 64)
		if err != nil {
			t.Fatal(err)
		}
		least = min(least, time.Duration(took*float64(time.Millisecond)))
		weight, _ = strconv.Atoi(b.js("return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource')).reduce((n, e) => n + e.transferSize, 0)"))
	}
	t.Logf("%d bytes in all, painted %v after the first byte", weight, least)
	if weight == 0 || weight > 100_000 {
		t.Errorf("the page weighs %d bytes", weight)
	}
	if least > 200*time.Millisecond {
		t.Errorf("the first paint came %v after the first byte", least)
	}
}
