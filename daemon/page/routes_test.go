package page

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
	"github.com/bilikeeper/bilikeeper/internal/golden"
)

func stateOf(t *testing.T, body []byte) state {
	t.Helper()
	var s state
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return s
}

// What previews and prefetchers do must not use up a code.
func TestGetStartsNothing(t *testing.T) {
	f := newFake()
	p := f.page(t)
	path := mainPath(p)
	for _, route := range []string{"", "/state", "/sms", "/qr.png", "?view=x", "/start", "/renew", "/cancel", "/sms/captcha"} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			w := do(p, method, path+route, "")
			if body := w.Body.String(); strings.Contains(body, "canary") {
				t.Errorf("%s %s tells who it is for: %s", method, route, body)
			}
		}
	}
	if calls := f.log(); len(calls) != 0 {
		t.Errorf("the keeper was asked for %q", calls)
	}
	if w := do(p, "POST", path+"/start", "{}"); w.Code != 200 || len(f.log()) != 1 {
		t.Errorf("start: %d, %q", w.Code, f.log())
	}
}

func TestHeaders(t *testing.T) {
	f := newFake()
	p := f.page(t)
	path := mainPath(p)
	if w := do(p, "POST", path+"/start", "{}"); w.Code != 200 {
		t.Fatal(w.Code)
	}
	var out strings.Builder
	for _, target := range []string{"GET " + path, "GET " + path + "/sms", "GET " + path + "/qr.png", "GET " + path + "/state",
		"POST " + path + "/start", "GET /assets/page.js", "GET /assets/page.css", "GET /assets/page.html", "GET /nothing", "POST /l/x/start"} {
		method, at, _ := strings.Cut(target, " ")
		w := do(p, method, at, "{}")
		fmt.Fprintf(&out, "%s\n%d\n", strings.ReplaceAll(target, path, "/l/TOKEN"), w.Code)
		for _, name := range slices.Sorted(maps.Keys(w.Header())) {
			if name != "Content-Length" {
				fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(w.Header()[name], " | "))
			}
		}
		out.WriteString("\n")
	}
	golden.Equal(t, "headers.golden", out.String())
}

// With a captcha of somebody else's, nothing of Geetest is let in.
func TestCaptchaOrigin(t *testing.T) {
	c := newFake().config(nil)
	c.CaptchaOrigin = "http://127.0.0.1:7000"
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	csp := do(p, "GET", mainPath(p)+"/sms", "").Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "script-src 'self' http://127.0.0.1:7000;") || strings.Contains(csp, "geetest") {
		t.Error(csp)
	}
	if csp := do(p, "GET", mainPath(p), "").Header().Get("Content-Security-Policy"); strings.Contains(csp, "127.0.0.1") {
		t.Error(csp)
	}
}

func TestSameOrigin(t *testing.T) {
	f := newFake()
	p := f.page(t)
	path := mainPath(p)
	page := do(p, "GET", path, "").Body.String()
	proof := regexp.MustCompile(`name="proof" value="([^"]+)"`).FindStringSubmatch(page)[1]
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		name   string
		body   string
		header []string
		code   int
	}{
		{"the script", "{}", nil, 200},
		{"the script, by a modern browser", "{}", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"the script, asked by another name", "{}", []string{"Origin", "http://nas:7331", "Host", "nas:7331"}, 200},
		{"the same host in the clear", "{}", []string{"Origin", "http://keeper.example.net"}, 403},
		{"no origin", "{}", []string{"Origin", ""}, 200},
		{"another site", "{}", []string{"Origin", "https://evil.example"}, 403},
		{"another site, as it says itself", "{}", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a neighbour", "{}", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a sandbox", "{}", []string{"Origin", "null"}, 403},
		{"without the header", "{}", []string{scriptHeader, ""}, 403},
		{"the form", "proof=" + proof + "&lang=zh-CN", []string{"Content-Type", form, scriptHeader, "", "Origin", "null"}, 303},
		{"the form of another site", "proof=" + proof, []string{"Content-Type", form, scriptHeader, "", "Origin", "https://evil.example"}, 403},
		{"a form without proof", "proof=", []string{"Content-Type", form, scriptHeader, "", "Origin", "null"}, 403},
		{"proof of another kind", "proof=" + proof, []string{"Content-Type", "text/plain", scriptHeader, "", "Origin", "null"}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.logins.links = newLinks() // the limits are not the matter here
			w := do(p, "POST", path+"/start", tt.body, tt.header...)
			if w.Code != tt.code {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if tt.code == 303 && !regexp.MustCompile(`^\.\./[\w-]+\?lang=zh-CN&view=\w+$`).MatchString(w.Header().Get("Location")) {
				t.Errorf("location %q", w.Header().Get("Location"))
			}
		})
	}
}

// The page without a script: a form, a picture, an end.
func TestPlain(t *testing.T) {
	f := newFake()
	p := f.page(t)
	path := mainPath(p)
	proof := p.logins.sealer.formProof(strings.TrimPrefix(path, "/l/"))
	w := do(p, "POST", path+"/start", "lang=en&proof="+proof, "Content-Type", "application/x-www-form-urlencoded", scriptHeader, "", "Origin", "null")
	at := "/l/" + strings.TrimPrefix(w.Header().Get("Location"), "../")
	body := do(p, "GET", at, "").Body.String()
	picture := regexp.MustCompile(`<img src="([^"]+)"`).FindStringSubmatch(body)
	if picture == nil || !strings.Contains(body, `http-equiv="refresh"`) || !strings.Contains(body, loginURL) || !strings.Contains(body, "canary-main") {
		t.Fatal(body)
	}
	if !strings.Contains(body, `<a class="button" href="`+appURL+`https%3A%2F%2F`) {
		t.Error("the link into the app is not there")
	}
	if w := do(p, "GET", "/l/"+strings.ReplaceAll(picture[1], "&amp;", "&"), ""); w.Code != 200 || w.Header().Get("Content-Type") != "image/png" {
		t.Errorf("picture: %d", w.Code)
	}
	f.to("main", client.LoginFailed, client.ReasonWrongAccount)
	body = do(p, "GET", at, "").Body.String()
	if !strings.Contains(body, "another account") || strings.Contains(body, "refresh") || !strings.Contains(body, "/renew") {
		t.Error(body)
	}
	w = do(p, "POST", path+"/renew", "proof="+proof, "Content-Type", "application/x-www-form-urlencoded", scriptHeader, "", "Origin", "null")
	at = "/l/" + strings.TrimPrefix(w.Header().Get("Location"), "../")
	f.to("main", client.LoginSucceeded, "")
	if body = do(p, "GET", at, "").Body.String(); !strings.Contains(body, "Logged in") || strings.Contains(body, "/renew") {
		t.Error(body)
	}
	if w := do(p, "GET", path, ""); w.Code != 404 {
		t.Errorf("the used link: %d", w.Code)
	}
}

func TestLanguages(t *testing.T) {
	d, err := newDocuments("")
	if err != nil {
		t.Fatal(err)
	}
	if len(d.texts) != 2 {
		t.Fatalf("%d languages", len(d.texts))
	}
	hole := regexp.MustCompile(`\{\w+\}`)
	for key, text := range d.texts[browser.English] {
		other, ok := d.texts[browser.Chinese][key]
		if !ok || text == "" || other == "" {
			t.Errorf("%q: %q, %q", key, text, other)
		}
		if a, b := hole.FindAllString(text, -1), hole.FindAllString(other, -1); !slices.Equal(a, b) {
			t.Errorf("%q: %q and %q are filled with different things", key, a, b)
		}
	}
	for key := range d.texts[browser.Chinese] {
		if _, ok := d.texts[browser.English][key]; !ok {
			t.Errorf("%q is in Chinese only", key)
		}
	}
	for _, key := range []string{keyInternal, keyForeign, keyBad, keyBusy, keySite, keySlowDown, keyUsedUp, keyRefused, keyPhone} {
		if d.texts[browser.English]["error_"+key] == "" {
			t.Errorf("the error %q has no text", key)
		}
	}
	for _, reason := range []string{client.ReasonExpired, client.ReasonWrongAccount, client.ReasonRefused, client.ReasonUnusable,
		client.ReasonSite, client.ReasonCancelled, knownReason("new one")} {
		if d.texts[browser.English]["reason_"+reason] == "" {
			t.Errorf("the reason %q has no text", reason)
		}
	}
}

// Every text that the script names is in the table, and every text is used.
func TestTextsAreUsed(t *testing.T) {
	d, err := newDocuments("")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range []string{"page.js", "page.html", "plain.html"} {
		data, err := fs.ReadFile(web, "web/"+name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	for _, found := range regexp.MustCompile(`\bT\.(\w+)|fill\('(\w+)'`).FindAllStringSubmatch(all.String(), -1) {
		key := found[1] + found[2]
		if d.texts[browser.English][key] == "" {
			t.Errorf("%q has no text", key)
		}
	}
	for key := range d.texts[browser.English] {
		computed := strings.HasPrefix(key, "error_") || strings.HasPrefix(key, "reason_") || strings.HasSuffix(key, "_refused") || key == "scanned" || key == "trouble" || key == "elsewhere"
		if !computed && !regexp.MustCompile(`T\.`+key+`\b|'`+key+`'|"`+key+`"`).MatchString(all.String()) {
			t.Errorf("%q is nowhere used", key)
		}
	}
}

// A public address with a path works behind a proxy that takes the path away, and
// behind one that does not.
func TestSubPath(t *testing.T) {
	f := newFake()
	c := f.config(nil)
	c.PublicURL = "https://example.net/tools/keeper/"
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	link := p.Link("main", "incident-main", time.Now().Add(time.Hour))
	full := strings.TrimPrefix(link, "https://example.net")
	short := strings.TrimPrefix(full, "/tools/keeper")
	if !strings.HasPrefix(short, "/l/") || full == short {
		t.Fatal(link)
	}
	for _, tt := range []struct {
		path string
		code int
	}{
		{full, 200}, {short, 200}, {full + "/state", 200}, {short + "/state", 200}, {"/tools/keeper/assets/page.css", 200}, {"/assets/page.css", 200},
		{"/tools/keeper", 308}, {"/tools/keeper/nothing", 404}, {"/tools/keeperx/assets/page.css", 404}, {"/tools/keeper/../assets/page.css", 404}, {"//assets/page.css", 404},
	} {
		w := do(p, "GET", tt.path, "", "Origin", "https://example.net")
		if w.Code != tt.code || tt.code == 308 && w.Header().Get("Location") != "keeper/" {
			t.Errorf("%s: %d %s", tt.path, w.Code, w.Header().Get("Location"))
		}
	}
	for _, path := range []string{full, short} {
		if w := do(p, "POST", path+"/start", "{}", "Origin", "https://example.net"); w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// A proxy that passes on no Host is named as the cause.
func TestMend(t *testing.T) {
	f := newFake()
	var out strings.Builder
	c := f.config(&out)
	c.PublicURL = "https://other.example.net"
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	path := mainPath(p)
	for range 3 {
		if w := do(p, "POST", path+"/start", "{}", "Origin", "https://third.example.net"); w.Code != 403 {
			t.Errorf("%d", w.Code)
		}
	}
	if strings.Count(out.String(), "proxy_set_header Host") != 1 {
		t.Errorf("the log:\n%s", out.String())
	}
	if !strings.Contains(p.logins.documents.texts[browser.English]["error_foreign"], "public_url") {
		t.Error("the page does not name the mend")
	}
}

// The policy forbids what is written into a document, so nothing may be.
func TestDocuments(t *testing.T) {
	f := newFake()
	p := f.page(t)
	path := mainPath(p)
	inline := regexp.MustCompile(`(?i)<script(>|[^>]*[^>c]>[^<])|<style|\sstyle=|\son\w+=|javascript:|https?://`)
	for _, at := range []string{path, path + "?lang=zh", path + "/sms", path + "/sms?lang=zh", "/gone"} {
		w := do(p, "GET", at, "")
		body := w.Body.String()
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s: %q", at, found)
		}
		if at != "/gone" && strings.Contains(at, "lang=zh") != strings.Contains(body, `<html lang="zh-CN">`) {
			t.Errorf("%s: the language is wrong", at)
		}
		if strings.Contains(body, "qr.png") {
			t.Errorf("%s: a picture in a document that nobody has started", at)
		}
	}
	c := f.config(nil)
	c.SMS = nil
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if body := do(p, "GET", path, "").Body.String(); strings.Contains(body, "/sms") {
		t.Error("SMS is offered where there is none")
	}
	if w := do(p, "GET", path+"/sms", ""); w.Code != 404 {
		t.Errorf("the form where there is none: %d", w.Code)
	}
}

// Nothing that a request or a login brings gets into the log.
func TestLog(t *testing.T) {
	f := newFake()
	var out strings.Builder
	p, err := New(f.config(io.Writer(&out)))
	if err != nil {
		t.Fatal(err)
	}
	path := mainPath(p)
	do(p, "GET", path+"?view=viewcanary", "")
	do(p, "POST", path+"/start", "{}")
	do(p, "GET", path+"/qr.png", "")
	do(p, "POST", path+"/sms/captcha", "{}")
	do(p, "POST", path+"/sms/send", `{"phone":"`+testPhone+`","token":"","challenge":"","validate":"fakevalidate"}`)
	do(p, "POST", path+"/sms/code", `{"code":"987654"}`)
	f.mu.Lock()
	f.fail = &client.Problem{Type: client.ProblemStorage, Detail: "canary detail"}
	f.mu.Unlock()
	do(p, "POST", path+"/renew", "{}")
	f.mu.Lock()
	f.fail = nil
	f.mu.Unlock()
	if w := do(p, "POST", path+"/start", "{}"); w.Code != 200 {
		t.Fatal(w.Code)
	}
	p.logins.parts.QR = func(content string) ([]byte, error) { panic(content) }
	if w := do(p, "GET", path+"/qr.png", ""); w.Code != 500 || strings.Contains(w.Body.String(), "canary") {
		t.Errorf("a panic: %d %s", w.Code, w.Body)
	}
	for _, secret := range []string{strings.TrimPrefix(path, "/l/"), "canary", testPhone, "987654", "incident"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), `"route":"POST /l/{token}/start"`) {
		t.Errorf("the log does not name routes:\n%s", out.String())
	}
}

func TestBodies(t *testing.T) {
	f := newFake()
	p := f.page(t)
	path := mainPath(p) + "/sms/captcha"
	tests := []struct {
		name, body, kind string
		code             int
	}{
		{"large", `{"x":"` + strings.Repeat("x", maxBody) + `"}`, "application/json", http.StatusRequestEntityTooLarge},
		{"unknown field", `{"x":1}`, "application/json", 400},
		{"two objects", `{}{}`, "application/json", 400},
		{"no JSON", `x`, "application/json", 400},
		{"another type", `{}`, "text/plain", 400},
		{"good", `{}`, "application/json; charset=utf-8", 200},
	}
	for _, tt := range tests {
		if w := do(p, "POST", path, tt.body, "Content-Type", tt.kind); w.Code != tt.code {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
}
