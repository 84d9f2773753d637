//go:build browser

package page

import (
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Without a script everything can be read, and the buttons work.
func TestBrowserReads(t *testing.T) {
	w := begun(t, all(), worldConfig)
	w.add("main", "somebody", 100200300)
	w.add("other", "anybody", 100200301)
	w.remember("main", "o30 t2 d1 L o20")
	b := newBrowser(t)
	b.screen(360, 800, "light")
	b.cdp("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	h := hand{chromium: b}
	b.open(w.in.Link().URL + "?lang=en")
	h.there(".signed, .list")
	b.open(w.base + "/?lang=en")
	b.enter("#find input[type=search]", "any")
	h.press("#find .go")
	h.wait("what was found", func() bool { return b.js("return document.querySelectorAll('.list tbody tr').length") == "1" })
	b.open(w.base + "/accounts/main")
	h.press(".under summary")
	if days := b.js("return document.querySelector('.days').innerText"); !strings.Contains(days, "dead") || !strings.Contains(days, "no answer") {
		t.Errorf("the days are told as %q", days)
	}
	if label := b.js("return document.getElementById('months').getAttribute('aria-label')"); !strings.Contains(label, "2 without an answer") {
		t.Errorf("the strip says %q", label)
	}
	h.press("form[action$='/check'] button")
	h.there("main > .note")
	h.press("form[action$='/login'] button")
	h.there(".login .frame img")
	b.wait("the code", func() bool { return strings.HasPrefix(b.scan(".frame"), "http") })
	if left := b.js("return document.querySelector('.time').textContent"); !strings.Contains(left, "Works for another") {
		t.Errorf("the time is %q", left)
	}
	h.press("form[action$='sign-out'] button")
	h.there(".sign")
}

// What is stale does not look fresh: without the keeper the document says so, and of
// when it is.
func TestBrowserStale(t *testing.T) {
	w := begun(t, usual(), worldConfig)
	w.add("main", "somebody", 100200300)
	b := newBrowser(t)
	b.open(w.in.Link().URL)
	hand{chromium: b}.there(".list")
	b.open(w.base + "/?lang=en")
	live := func() string {
		return b.js("const s = document.getElementById('stale'); return document.getElementById('live').className + ' ' + (s.hidden ? '' : s.textContent)")
	}
	b.wait("the stream", func() bool {
		return b.js("return document.getElementById('live').checkVisibility()") == "true" && live() == "live "
	})
	w.stop()
	b.wait("the sign", func() bool {
		return strings.HasPrefix(live(), "live off The keeper cannot be reached. What you see is from")
	})
	w.start()
	b.wait("the stream again", func() bool { return live() == "live " })
}

// A login by SMS in the page's own frame, with the captcha's script.
func TestBrowserSMSInPlace(t *testing.T) {
	w := begun(t, usual(), worldConfig)
	w.site.AddUser(100200300, "somebody")
	w.site.SMS.AddPhone(100200300, "13800000000")
	w.add("main", "somebody", 100200300)
	b := newBrowser(t)
	h := hand{chromium: b}
	b.open(w.in.Link().URL)
	h.there(".list")
	b.open(w.base + "/accounts/main?lang=en")
	h.press("form[action$='/login'] button")
	h.there(".login .frame img")
	h.press("form[action$='/sms'] button")
	b.view("number")
	b.picture("sms-number", true)
	b.enter("#tel", "13800000000")
	h.press("#send")
	h.there("#sim-captcha")
	h.press("#sim-captcha")
	b.view("answer")
	b.picture("sms-answer", true)
	b.enter("#digits", w.site.SMS.Code("13800000000"))
	h.press("#submit")
	b.view("succeeded")
	b.picture("sms-succeeded", true)
	if w.state("main") != client.StateValid {
		t.Error("the account is not logged in")
	}
	h.press(".backline a")
	h.there(".who .st.good")
	for _, text := range b.complaints() {
		t.Errorf("the browser complains: %s", text)
	}
}

// The page can be installed on a phone, and asks nobody else for anything.
func TestBrowserInstalls(t *testing.T) {
	w := begun(t, usual(), worldConfig)
	w.add("main", "somebody", 100200300)
	b := newBrowser(t)
	b.open(w.in.Link().URL)
	hand{chromium: b}.there(".list")
	var manifest struct {
		URL, Data string
		Errors    []struct{ Message string }
	}
	b.cdp("Page.getAppManifest", map[string]any{}, &manifest)
	if !strings.HasSuffix(manifest.URL, "/assets/account.webmanifest") || manifest.Data == "" || len(manifest.Errors) > 0 {
		t.Errorf("the manifest %s: %v", manifest.URL, manifest.Errors)
	}
	var found struct {
		InstallabilityErrors []struct{ ErrorID string }
	}
	b.cdp("Page.getInstallabilityErrors", map[string]any{}, &found)
	for _, e := range found.InstallabilityErrors {
		t.Errorf("it cannot be installed: %s", e.ErrorID)
	}
	for _, at := range strings.Fields(b.js("return performance.getEntriesByType('resource').map(e => e.name).join(' ')")) {
		if !strings.HasPrefix(at, w.base+"/") {
			t.Errorf("it asks for %s", at)
		}
	}
}
