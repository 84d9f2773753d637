package page

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/notify/qr/qrtest"
)

// press presses a button of the page and returns the document that it leads to, in
// English.
func (a *accounts) press(t *testing.T, path string, fields ...string) (at, body string) {
	t.Helper()
	form := a.proof(t)
	for i := 0; i+1 < len(fields); i += 2 {
		form += "&" + url.QueryEscape(fields[i]) + "=" + url.QueryEscape(fields[i+1])
	}
	w := a.ask("POST", path, form)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	at = strings.TrimLeft(w.Header().Get("Location"), "./")
	return at, a.shows(t, "/"+at)
}

func (a *accounts) shows(t *testing.T, at string) string {
	t.Helper()
	at, _, _ = strings.Cut(at, "#")
	w := a.ask("GET", at, "", "Accept-Language", "en")
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d", at, w.Code)
	}
	return w.Body.String()
}

// code is the address of the code's picture in a document, "" where there is none.
func codeIn(body string) string {
	found := regexp.MustCompile(`<img src="(?:\.\./)*([^"]+)"`).FindStringSubmatch(body)
	if found == nil {
		return ""
	}
	return "/" + html.UnescapeString(found[1])
}

// current is the code of the login that is under way.
func (a *accounts) current(t *testing.T) string {
	t.Helper()
	l, err := a.Keeper.Logins().Get(a.Account("main").LoginID)
	if err != nil {
		t.Fatal(err)
	}
	return l.URL
}

func wants(t *testing.T, what, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("%s: %q is not shown", what, text)
		}
	}
}

// A login from beginning to end on the account's own screen: the code, the scan, the
// tap, and the history afterwards.
func TestLoginInPlace(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		a.Kill()
		if body := a.shows(t, "/"); codeIn(body) == "" {
			t.Error("the first screen has no code beside it")
		}
		at, body := a.press(t, "/accounts/main/login")
		wants(t, "the code", body, "Scan with the Bilibili app", "Works for another", "bilibili://browser?url=", "SMS instead", "24 hours")
		w := a.ask("GET", codeIn(body), "")
		if w.Code != 200 || w.Header().Get("Content-Type") != "image/png" {
			t.Fatalf("the picture: %d", w.Code)
		}
		if text, err := qrtest.ReadPNG(w.Body.Bytes()); err != nil || text != a.Code() {
			t.Errorf("the picture says %q: %v", text, err)
		}
		for _, wrong := range []string{"/accounts/other" + strings.TrimPrefix(codeIn(body), "/accounts/main"), codeIn(body) + "0", "/accounts/main/qr.png"} {
			if w := a.ask("GET", wrong, ""); w.Code != 404 {
				t.Errorf("%s: %d", wrong, w.Code)
			}
		}
		if err := a.Site.QR.Scan(a.Code(), keepertest.Mid); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		wants(t, "the scan", a.shows(t, "/"+at), "Scanned. Now confirm on the phone", `class="veil"`)
		if err := a.Site.QR.Confirm(a.Code(), keepertest.Mid); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		body = a.shows(t, "/"+at)
		wants(t, "the end", body, "Logged in", "This login lasts 17", `class="l"`, `class="d"`, "dead, logged in")
		if codeIn(body) != "" {
			t.Error("the code is still there")
		}
		if again := a.shows(t, "/accounts/main"); strings.Contains(again, `id="login"`) {
			t.Error("the login stays where nobody asked for it")
		}
	})
}

// A code that expired, another person's scan, and a login that was given up.
func TestLoginComesToNothing(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		at, _ := a.press(t, "/accounts/main/login")
		first := a.current(t)
		next, body := a.press(t, "/accounts/main/renew")
		if next == at || a.current(t) == first || codeIn(body) == "" {
			t.Error("no new code")
		}
		a.Scan(a.current(t), keepertest.Stranger)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wants(t, "another person", a.shows(t, "/"+next), "The login did not succeed", "Somebody else’s account")
		at, _ = a.press(t, "/accounts/main/renew")
		_, body = a.press(t, "/accounts/main/cancel")
		wants(t, "given up", body, "The login was cancelled")
		wants(t, "given up", a.shows(t, "/"+at), "The login did not succeed")
		// Nobody looks: no code is made after the last.
		at, _ = a.press(t, "/accounts/main/login")
		time.Sleep(12 * time.Minute)
		synctest.Wait()
		wants(t, "expired", a.shows(t, "/"+at), "Nobody scanned the code in time")
		codes := len(a.Events(client.EventLoginCode))
		a.shows(t, "/")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(a.Events(client.EventLoginCode)); n != codes {
			t.Errorf("%d codes came of looking", n-codes)
		}
	})
}

// Whoever looks at the code gets the next one, and not for ever; buttons are
// bounded as well.
func TestCodesAreBounded(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		at, _ := a.press(t, "/accounts/main/login")
		for range 90 {
			a.shows(t, "/"+at)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if n := len(a.Events(client.EventLoginCode)); n < 8 || n > 12 {
			t.Errorf("%d codes while somebody looked", n)
		}
		pressed, said := 0, ""
		for range 40 {
			at, _ := a.press(t, "/accounts/main/renew")
			if strings.Contains(at, "used_up") {
				said = at
				break
			}
			pressed++
		}
		if pressed > 12 || said == "" {
			t.Errorf("%d new codes", pressed)
		}
	})
}

// What is not allowed is neither shown nor done.
func TestWithoutLogin(t *testing.T) {
	withAccounts(t, []string{"status"}, nil, func(t *testing.T, a *accounts) {
		a.Kill()
		for _, path := range []string{"/", "/accounts/main", "/accounts/main?login=" + a.Account("main").LoginID} {
			body := a.shows(t, path)
			if codeIn(body) != "" || strings.Contains(body, a.Code()) || strings.Contains(body, "/login\"") || strings.Contains(body, "/check\"") || strings.Contains(body, "/pause\"") || strings.Contains(body, "/tags\"") {
				t.Errorf("%s: %s", path, body)
			}
		}
		if w := a.ask("GET", "/accounts/main/qr.png?code=1&login="+a.Account("main").LoginID, ""); w.Code != 403 {
			t.Errorf("the picture: %d", w.Code)
		}
		for _, path := range []string{"login", "renew", "cancel", "sms", "check", "pause", "resume", "tags", "refresh"} {
			if w := a.ask("POST", "/accounts/main/"+path, a.proof(t)); w.Code != 403 {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
	})
}

// A login by SMS in the page's own frame: the captcha is let in there alone.
func TestSMSInPlace(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		if w := a.ask("GET", "/accounts/main/sms", ""); w.Code != 303 {
			t.Errorf("nothing to log in to: %d", w.Code)
		}
		at, body := a.press(t, "/accounts/main/sms")
		if at != "accounts/main/sms" {
			t.Errorf("leads to %q", at)
		}
		wants(t, "the form", body, `id="tel"`, `id="digits"`, `data-form="true"`, `data-base="../../l/`, "assets/page.js")
		policy := a.ask("GET", "/"+at, "").Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "geetest") || strings.Contains(a.ask("GET", "/accounts/main", "").Header().Get("Content-Security-Policy"), "geetest") {
			t.Errorf("%q", policy)
		}
		base := regexp.MustCompile(`data-base="\.\./\.\.([^"]+)"`).FindStringSubmatch(body)[1]
		if w := a.ask("GET", base+"/state", "", "Cookie", ""); w.Code != 200 {
			t.Errorf("what the form follows: %d", w.Code)
		}
		wants(t, "the account", a.shows(t, "/accounts/main"), "A login by SMS is under way", "Carry on by SMS")
	})
}

func TestPauseAndTags(t *testing.T) {
	withAccounts(t, all(), nil, func(t *testing.T, a *accounts) {
		_, body := a.press(t, "/accounts/main/pause")
		wants(t, "paused", body, ">Paused.", "until resumed", "Resume")
		wants(t, "the list", a.shows(t, "/?state=paused"), `class="st soft"`, "accounts/main", "Nothing needs you")
		_, body = a.press(t, "/accounts/main/resume")
		wants(t, "resumed", body, "Resumed.", ">Pause<")
		_, body = a.press(t, "/accounts/main/tags", "tags", "music，night-rec night-rec")
		wants(t, "tags of the configuration", body, "change it there", "recorders")
		if _, err := a.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "other"}); err != nil {
			t.Fatal(err)
		}
		_, body = a.press(t, "/accounts/other/tags", "tags", "music，night-rec night-rec")
		wants(t, "tags", body, "The tags are saved", "music, night-rec", `value="music night-rec"`)
		_, body = a.press(t, "/accounts/other/tags", "tags", `<script>alert("tag")</script>`)
		wants(t, "no tag", body, "That cannot be used", "music, night-rec")
		_, body = a.press(t, "/accounts/other/tags", "tags", " ")
		if strings.Contains(body, "music") {
			t.Error("the tags are still there")
		}
	})
}

// More than five things are folded, the amber ones of them; the numbers add up.
func TestMoreThanFive(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		for _, what := range []string{"disk", "clock", "output yt-dlp", "channel phone", "reload", "socket"} {
			a.Keeper.Problems().Set(what, errors.New(script))
		}
		a.Kill()
		body := a.shows(t, "/")
		wants(t, "the first screen", body, "7 things need you", "6 more things that can wait", `<details class="card fold"`, `<b>1<span`, `<b class="w">2<span`, `<b class="w">4<span`)
		shown, folded, _ := strings.Cut(body, `<details class="card fold"`)
		if strings.Count(shown, "<h2>") != 1 || strings.Count(strings.SplitN(folded, "</details>", 2)[0], "<h2>") != 6 || strings.Count(shown, `button main`) != 1 {
			t.Error(body)
		}
	})
}

// What happened is read backwards, however much of it is of others.
func TestTimelineGoesBack(t *testing.T) {
	withAccounts(t, usual(), nil, func(t *testing.T, a *accounts) {
		if strings.Contains(a.shows(t, "/accounts/main"), "A login is needed") {
			t.Fatal("it is dead from the start")
		}
		if err := a.Keeper.Store().Tell(store.Of("main", client.LoginRequired{})...); err != nil {
			t.Fatal(err)
		}
		for range 13 {
			others := make([]client.EventData, 100)
			for i := range others {
				others[i] = client.CheckDenied{}
			}
			if err := a.Keeper.Store().Tell(store.Of("other", others...)...); err != nil {
				t.Fatal(err)
			}
		}
		wants(t, "the timeline", a.shows(t, "/accounts/main"), "A login is needed", "Logged in as", "Added.")
	})
}

// The browsers that are signed in are listed, and others can be signed out.
func TestSessionsAreListed(t *testing.T) {
	withAccounts(t, usual(), func(c *Config) {
		looks := 0
		c.Account.Examine = func(_ context.Context, lang string) []accountpage.Finding {
			looks++
			list := []accountpage.Finding{
				{Group: "vault", Subject: "vault.db", Detail: "whole", Level: accountpage.FoundOK},
				{Group: "service", Subject: script, Detail: "told in " + lang, Mend: "systemctl enable bilikeeper", Level: accountpage.FoundWarning},
				{Group: "keeper", Subject: "disk", Detail: "full", Level: accountpage.FoundWrong},
			}
			return list[:min(len(list), 2+looks)]
		}
	}, func(t *testing.T, a *accounts) {
		mine := a.cookie
		other := cookieOf(t, a.ask("GET", a.link(), "", "Cookie", "", "User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"))
		body := a.shows(t, "/health")
		wants(t, "health", body, "wrong: 1, warnings: 1, ok: 1", "told in en", "&lt;script&gt;", "systemctl enable bilikeeper", "Safari · iPhone", "this one", "Look again")
		if strings.Index(body, ">disk") > strings.Index(body, "told in") {
			t.Error("what is wrong does not come first")
		}
		id := regexp.MustCompile(`sessions/(\w+)/revoke`).FindAllStringSubmatch(body, -1)
		if len(id) != 1 {
			t.Fatalf("%d others can be signed out", len(id))
		}
		if _, body := a.press(t, "/sessions/"+id[0][1]+"/revoke"); strings.Contains(body, "iPhone") {
			t.Error("it is still listed")
		}
		a.press(t, "/health")
		if w := a.ask("GET", "/accounts/main", "", "Cookie", other); w.Code != 303 {
			t.Errorf("the other one: %d", w.Code)
		}
		if w := a.ask("GET", "/accounts/main", "", "Cookie", mine); w.Code != 200 {
			t.Errorf("this one: %d", w.Code)
		}
	})
}
