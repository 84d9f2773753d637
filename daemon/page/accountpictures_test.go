//go:build browser

package page

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// full is a world with accounts in every state.
func full(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, all())
	for i, a := range []struct{ name, uname, days string }{
		{"main", "录播一号", "o9 R o20 t o7 R o27 R o4 t2 o15 R"},
		{"archive-2024", "阿狸的存档柜", "n6 L o28 R o26 R o8 o5 d3 L o8 d"},
		{"night-rec", "夜班录播机", "o12 t o20 R o30 R o14 t o7 t2"},
		{"alt", "不吃香菜的猫", "o30 R o28 R o18 n11"},
		{"danmaku", "弹幕收集者", "o17 R o29 R o27 t R o12"},
		{"family", "外婆的菜园子", "o40 R o33 t o14"},
		{"lab.livestream-duty", "一个名字特别特别长的实验室值班账号", "n20 L o28 R o24 t o8 R o5"},
		{"studio", "<b>山海工作室</b>", "o3 R o40 R o29 t o14"},
	} {
		w.add(a.name, a.uname, int64(100200300+i))
		w.remember(a.name, a.days)
	}
	for name, tags := range map[string][]string{"main": {"recorders"}, "night-rec": {"recorders"}, "danmaku": {"danmaku"}, "family": {"personal"}, "alt": {"personal"}} {
		if _, err := w.keep.Accounts().Patch(context.Background(), name, client.AccountPatch{Tags: &tags}); err != nil {
			t.Fatal(err)
		}
	}
	paused := true
	if _, err := w.keep.Accounts().Patch(context.Background(), "alt", client.AccountPatch{Paused: &paused}); err != nil {
		t.Fatal(err)
	}
	w.site.SetTroubleFor(passporttest.PathCookieInfo, passporttest.HTTP412, 1)
	w.check("night-rec")
	w.site.SetTroubleFor(passporttest.PathCookieInfo, passporttest.HTTP502, 1)
	w.check("danmaku")
	fresh, err := w.keep.Logins().Start(context.Background(), client.LoginRequest{Account: "test", Attend: 600})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.keep.Logins().Cancel(context.Background(), fresh.ID); err != nil {
		t.Fatal(err)
	}
	w.site.Kill(100200301)
	w.check("archive-2024")
	w.until("there is a code", func() bool { return w.state("archive-2024") == client.StateLoggingIn })
	w.giveUp("archive-2024")
	w.site.Kill(100200300)
	w.check("main")
	return w
}

// screens are the documents, by what their pictures are called.
func screens() []struct{ name, path string } {
	return []struct{ name, path string }{
		{"accounts", ""}, {"found", "?q=a&state=valid"}, {"account", "accounts/main"}, {"all", "accounts/studio?all=1"},
		{"paused", "accounts/alt"}, {"deliveries", "deliveries"}, {"health", "health"},
	}
}

// Every screen at every width, in both languages, light and dark, is as wide as the
// window, and axe-core has nothing against it.
func TestBrowserScreens(t *testing.T) {
	script := axe(t)
	w := full(t)
	b := newBrowser(t)
	b.open(w.in.Link().URL)
	b.wait("the accounts", func() bool { return b.js("return document.querySelectorAll('.list tbody tr').length") == "9" })
	for _, width := range []int{360, 820, 1280} {
		for _, theme := range []string{"light", "dark"} {
			for _, lang := range []string{"en", "zh"} {
				b.screen(width, 900, theme)
				for _, s := range screens() {
					and := "?"
					if strings.Contains(s.path, "?") {
						and = "&"
					}
					b.looked(script, w.base+"/"+s.path+and+"lang="+lang, fmt.Sprintf("%s-%d-%s-%s", s.name, width, theme, lang))
				}
			}
		}
	}
	if _, err := w.keep.Logins().Start(context.Background(), client.LoginRequest{Account: "test", Method: client.MethodSMS, Attend: 600}); err != nil {
		t.Fatal(err)
	}
	b.looked(script, w.base+"/accounts/test/sms?lang=en", "sms")
	b.looked(script, w.base+"/accounts/nobody?lang=en", "refused")
	b.cdp("Network.clearBrowserCookies", map[string]any{}, nil)
	for _, width := range []int{360, 1280} {
		b.screen(width, 800, "light")
		b.looked(script, w.base+"/?lang=en", fmt.Sprintf("signin-%d", width))
	}
	for _, text := range b.complaints() {
		if !strings.Contains(text, "accounts/nobody") && !strings.Contains(text, "/sms/captcha") {
			t.Errorf("the browser complains: %s", text)
		}
	}
}

// The pictures of the documentation, where BILIKEEPER_SCREENSHOTS names a directory.
func TestBrowserPictures(t *testing.T) {
	if os.Getenv("BILIKEEPER_SCREENSHOTS") == "" {
		t.Skip("BILIKEEPER_SCREENSHOTS names no directory")
	}
	w := full(t)
	b := newBrowser(t)
	b.open(w.in.Link().URL)
	b.wait("the accounts", func() bool { return b.js("return document.querySelectorAll('.list tbody tr').length") == "9" })
	for _, lang := range []string{"en", "zh"} {
		for _, theme := range []string{"light", "dark"} {
			for _, of := range []struct {
				name, path    string
				width, height int
			}{{"accounts", "", 1280, 1060}, {"accounts", "", 360, 780}, {"account", "accounts/main", 360, 780}, {"account", "accounts/main", 1280, 1060}, {"deliveries", "deliveries", 820, 600}} {
				b.screen(of.width, of.height, theme)
				b.open(w.base + "/" + of.path + "?lang=" + lang)
				b.wait("the stream", func() bool { return b.js("return document.getElementById('live').checkVisibility()") == "true" })
				if of.name == "account" && of.width == 360 {
					b.wait("the code", func() bool { return strings.HasPrefix(b.scan(".frame"), "http") })
				}
				b.picture(fmt.Sprintf("page-%s-%d-%s-%s", of.name, of.width, theme, lang), false)
			}
		}
	}
}

// Without an account there is what to do to have one.
func TestBrowserEmpty(t *testing.T) {
	script := axe(t)
	w := newWorld(t, usual())
	b := newBrowser(t)
	b.open(w.in.Link().URL)
	b.wait("the accounts", func() bool { return b.js("return !!document.querySelector('.empty')") == "true" })
	for _, width := range []int{360, 1280} {
		b.screen(width, 800, "dark")
		b.looked(script, w.base+"/?lang=en", fmt.Sprintf("empty-%d", width))
	}
}

// looked opens a document and looks at it.
func (b *chromium) looked(script, address, name string) {
	b.t.Helper()
	b.open(address)
	if wide := b.js("return document.documentElement.scrollWidth > innerWidth"); wide != "false" {
		b.t.Errorf("%s is wider than the screen", name)
	}
	b.examined(script, name)
	b.picture(name, true)
}
