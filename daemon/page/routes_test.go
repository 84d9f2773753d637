package page

import (
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
	"github.com/bilikeeper/bilikeeper/internal/golden"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/rs/zerolog"
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
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path, before := l.main(), l.Keeper.Store().Newest()
		for _, route := range []string{"", "/state", "/sms", "/qr.png", "?view=x", "/start", "/renew", "/cancel", "/sms/captcha"} {
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				w := l.do(method, path+route, "")
				if body := w.Body.String(); strings.Contains(body, "canary") {
					t.Errorf("%s %s tells who it is for: %s", method, route, body)
				}
			}
		}
		if after := l.Keeper.Store().Newest(); after != before || l.Site.Requests(passporttest.Any) != 0 {
			t.Errorf("%d entries of the journal, %d requests to the site", after-before, l.Site.Requests(passporttest.Any))
		}
		if w := l.do("POST", path+"/start", "{}"); w.Code != 200 || l.asked() != 1 {
			t.Errorf("start: %d, %d codes", w.Code, l.asked())
		}
	})
}

func TestHeaders(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main()
		if w := l.do("POST", path+"/start", "{}"); w.Code != 200 {
			t.Fatal(w.Code)
		}
		var out strings.Builder
		for _, target := range []string{"GET " + path, "GET " + path + "/sms", "GET " + path + "/qr.png", "GET " + path + "/state",
			"POST " + path + "/start", "GET /assets/page.js", "GET /assets/page.css", "GET /assets/page.html", "GET /nothing", "POST /l/x/start"} {
			method, at, _ := strings.Cut(target, " ")
			w := l.do(method, at, "{}")
			fmt.Fprintf(&out, "%s\n%d\n", strings.ReplaceAll(target, path, "/l/TOKEN"), w.Code)
			for _, name := range slices.Sorted(maps.Keys(w.Header())) {
				if name != "Content-Length" {
					fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(w.Header()[name], " | "))
				}
			}
			out.WriteString("\n")
		}
		golden.Equal(t, "headers.golden", out.String())
	})
}

// With a captcha of somebody else's, nothing of Geetest is let in.
func TestCaptchaOrigin(t *testing.T) {
	withLinks(t, func(c *Config) { c.CaptchaOrigin = "http://127.0.0.1:7000" }, func(t *testing.T, l *linked) {
		csp := l.do("GET", l.main()+"/sms", "").Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "script-src 'self' http://127.0.0.1:7000;") || strings.Contains(csp, "geetest") {
			t.Error(csp)
		}
		if csp := l.do("GET", l.main(), "").Header().Get("Content-Security-Policy"); strings.Contains(csp, "127.0.0.1") {
			t.Error(csp)
		}
	})
}

func TestSameOrigin(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main()
		page := l.do("GET", path, "").Body.String()
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
			l.page.logins.links = newLinks() // the limits are not the matter here
			w := l.do("POST", path+"/start", tt.body, tt.header...)
			if w.Code != tt.code {
				t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
			}
			if tt.code == 303 && !regexp.MustCompile(`^\.\./[\w-]+\?lang=zh-CN&view=[\w-]+$`).MatchString(w.Header().Get("Location")) {
				t.Errorf("%s: location %q", tt.name, w.Header().Get("Location"))
			}
		}
	})
}

// The page without a script: a form, a picture, an end.
func TestPlain(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main()
		proof := l.page.logins.sealer.formProof(strings.TrimPrefix(path, "/l/"))
		w := l.do("POST", path+"/start", "lang=en&proof="+proof, "Content-Type", "application/x-www-form-urlencoded", scriptHeader, "", "Origin", "null")
		at := "/l/" + strings.TrimPrefix(w.Header().Get("Location"), "../")
		body := l.do("GET", at, "").Body.String()
		picture := regexp.MustCompile(`<img src="([^"]+)"`).FindStringSubmatch(body)
		if picture == nil || !strings.Contains(body, `http-equiv="refresh"`) || !strings.Contains(body, html.EscapeString(l.login().URL)) || !strings.Contains(body, "canary-main") {
			t.Fatal(body)
		}
		if !strings.Contains(body, `<a class="button" href="bilibili://browser?url=https%3A%2F%2F`) {
			t.Error("the link into the app is not there")
		}
		if w := l.do("GET", "/l/"+strings.ReplaceAll(picture[1], "&amp;", "&"), ""); w.Code != 200 || w.Header().Get("Content-Type") != "image/png" {
			t.Errorf("picture: %d", w.Code)
		}
		l.Scan(l.login().URL, keepertest.Stranger)
		l.until(client.LoginFailed)
		body = l.do("GET", at, "").Body.String()
		if !strings.Contains(body, "another account") || strings.Contains(body, "refresh") || !strings.Contains(body, "/renew") {
			t.Error(body)
		}
		w = l.do("POST", path+"/renew", "proof="+proof, "Content-Type", "application/x-www-form-urlencoded", scriptHeader, "", "Origin", "null")
		at = "/l/" + strings.TrimPrefix(w.Header().Get("Location"), "../")
		l.Scan(l.login().URL, keepertest.Mid)
		l.until(client.LoginSucceeded)
		if body = l.do("GET", at, "").Body.String(); !strings.Contains(body, "Logged in") || strings.Contains(body, "/renew") {
			t.Error(body)
		}
		if w := l.do("GET", path, ""); w.Code != 404 {
			t.Errorf("the used link: %d", w.Code)
		}
	})
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
	withLinks(t, func(c *Config) { c.PublicURL = "https://example.net/tools/keeper/" }, func(t *testing.T, l *linked) {
		link := l.page.Link("main", l.incident("main"), time.Now().Add(time.Hour))
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
			w := l.do("GET", tt.path, "", "Origin", "https://example.net")
			if w.Code != tt.code || tt.code == 308 && w.Header().Get("Location") != "keeper/" {
				t.Errorf("%s: %d %s", tt.path, w.Code, w.Header().Get("Location"))
			}
		}
		for _, path := range []string{full, short} {
			if w := l.do("POST", path+"/start", "{}", "Origin", "https://example.net"); w.Code != 200 {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

// A proxy that passes on no Host is named as the cause.
func TestMend(t *testing.T) {
	var out strings.Builder
	withLinks(t, func(c *Config) { c.PublicURL, c.Log = "https://other.example.net", zerolog.New(&out) }, func(t *testing.T, l *linked) {
		path := l.main()
		for range 3 {
			if w := l.do("POST", path+"/start", "{}", "Origin", "https://third.example.net"); w.Code != 403 {
				t.Errorf("%d", w.Code)
			}
		}
		if strings.Count(out.String(), "proxy_set_header Host") != 1 {
			t.Errorf("the log:\n%s", out.String())
		}
		if !strings.Contains(l.page.logins.documents.texts[browser.English]["error_foreign"], "public_url") {
			t.Error("the page does not name the mend")
		}
	})
}

// The policy forbids what is written into a document, so nothing may be.
func TestDocuments(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main()
		inline := regexp.MustCompile(`(?i)<script(>|[^>]*[^>c]>[^<])|<style|\sstyle=|\son\w+=|javascript:|https?://`)
		for _, at := range []string{path, path + "?lang=zh", path + "/sms", path + "/sms?lang=zh", "/gone"} {
			w := l.do("GET", at, "")
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
	})
}

// Nothing that a request or a login brings gets into the log.
func TestLog(t *testing.T) {
	var out strings.Builder
	withLinks(t, func(c *Config) { c.Log = zerolog.New(&out) }, func(t *testing.T, l *linked) {
		path := l.main()
		l.do("GET", path+"?view=viewcanary", "")
		l.do("POST", path+"/start", "{}")
		l.do("GET", path+"/qr.png", "")
		url := l.login().URL
		w := l.do("POST", path+"/sms/captcha", "{}")
		l.do("POST", path+"/sms/send", solved(t, w.Body.Bytes(), keepertest.Phone))
		l.do("POST", path+"/sms/code", `{"code":"987654"}`)
		l.Site.SetTrouble(passporttest.PathGenerate, passporttest.HTTP500)
		time.Sleep(time.Minute) // as often as a link may be used
		if w := l.do("POST", path+"/renew", "{}"); w.Code != 503 {
			t.Errorf("without the site: %d", w.Code)
		}
		l.Site.SetTrouble(passporttest.PathGenerate, passporttest.None)
		if w := l.do("POST", path+"/start", "{}"); w.Code != 200 {
			t.Fatal(w.Code)
		}
		l.page.logins.parts.QR = func(content string) ([]byte, error) { panic(content) }
		if w := l.do("GET", path+"/qr.png", ""); w.Code != 500 || strings.Contains(w.Body.String(), "http") {
			t.Errorf("a panic: %d %s", w.Code, w.Body)
		}
		for _, secret := range []string{strings.TrimPrefix(path, "/l/"), "canary", keepertest.Phone, "987654", l.incident("main"), url, l.login().URL, "qrcode_key"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%q is in the log:\n%s", secret, out.String())
			}
		}
		if !strings.Contains(out.String(), `"route":"GET /l/{token}/qr.png"`) {
			t.Errorf("the log does not name routes:\n%s", out.String())
		}
	})
}

func TestBodies(t *testing.T) {
	withLinks(t, nil, func(t *testing.T, l *linked) {
		path := l.main() + "/sms/captcha"
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
			if w := l.do("POST", path, tt.body, "Content-Type", tt.kind); w.Code != tt.code {
				t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
			}
		}
	})
}
