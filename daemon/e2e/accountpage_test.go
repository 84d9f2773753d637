//go:build unix

package e2e_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const pagePassword = "canary horse battery"

// pageBrowser is a browser with cookies and without a script.
type pageBrowser struct {
	t    *testing.T
	base string
	http.Client
}

func newPageBrowser(t *testing.T, base string) *pageBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &pageBrowser{t, base, http.Client{Jar: jar}}
}

// open returns the document at the end of all redirects.
func (b *pageBrowser) open(at string) answer {
	b.t.Helper()
	resp, err := b.Get(at)
	return b.read(resp, err)
}

func (b *pageBrowser) read(resp *http.Response, err error) answer {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{resp, string(text)}
}

// press sends the form of a document that leads to a path.
func (b *pageBrowser) press(document answer, path string, values url.Values) answer {
	b.t.Helper()
	form := regexp.MustCompile(`action="([^"]*` + regexp.QuoteMeta(path) + `)">\s*(?:<input type="hidden" name="proof" value="([^"]+)">)?`).FindStringSubmatch(document.text)
	if form == nil {
		b.t.Fatalf("no form for %s in\n%s", path, document.text)
	}
	if form[2] != "" {
		values = url.Values{"proof": {form[2]}}
	}
	at, err := document.Request.URL.Parse(form[1])
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, at.String(), strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.base)
	resp, err := b.Do(r)
	return b.read(resp, err)
}

// TestAccountPage signs a browser in, brings an account back by the page's button,
// and signs it out from the command line.
func TestAccountPage(t *testing.T) {
	t.Parallel()
	s, base := pageStage(t)
	s.secrets(map[string]string{"page.password": pagePassword})
	s.also("page", `password_file = "page.password"`)
	s.wantCode(0, "reload") // the page's keys wait for a restart
	s.stop()
	s.start()
	s.login(mid)

	link := strings.TrimSpace(s.wantCode(0, "page", "link").stdout)
	b, stranger := newPageBrowser(t, base), newPageBrowser(t, base)
	if got := b.open(link); got.StatusCode != http.StatusOK {
		t.Fatalf("the link: %d %s", got.StatusCode, got.text)
	}
	if got := stranger.open(link); got.StatusCode != http.StatusNotFound || strings.Contains(stranger.open(base+"/accounts/"+account).text, `"proof"`) {
		t.Errorf("the link used twice: %d", got.StatusCode)
	}
	s.site.Kill(mid)
	s.cli("check", account)
	s.message(client.EventLoginCode, 1)
	list := b.open(base + "/")
	if !strings.Contains(list.text, "Code waiting") || !strings.Contains(list.text, "/"+account) {
		t.Fatalf("the page shows\n%s", list.text)
	}
	renewed := b.press(list, "accounts/"+account+"/renew", nil)
	code := regexp.MustCompile(`<img src="([^"]+)"`).FindStringSubmatch(renewed.text)
	if code == nil {
		t.Fatalf("no code on\n%s", renewed.text)
	}
	picture, err := renewed.Request.URL.Parse(strings.ReplaceAll(code[1], "&amp;", "&"))
	if err != nil {
		t.Fatal(err)
	}
	s.answer(decodeQR(t, []byte(b.open(picture.String()).text)), mid)
	s.message(client.EventLoginSucceeded, 2)
	if got := b.open(base + "/accounts/" + account); !strings.Contains(got.text, "Logged in as") || strings.Contains(got.text, s.sessdata()) {
		t.Errorf("after the login the page shows\n%s", got.text)
	}

	s.stop()
	s.start() // a session outlives a restart
	if got := b.open(base + "/accounts/" + account); !strings.Contains(got.text, `"proof"`) {
		t.Errorf("after a restart: %d", got.StatusCode)
	}
	for range 8 {
		stranger.press(stranger.open(base+"/"), "sign-in", url.Values{"password": {"a wrong one"}})
	}
	if got := stranger.press(stranger.open(base+"/"), "sign-in", url.Values{"password": {pagePassword}}); got.StatusCode != http.StatusOK {
		t.Errorf("the right password after wrong ones: %d", got.StatusCode)
	}
	for id := range strings.SplitSeq(strings.TrimSpace(s.wantCode(0, "page", "sessions").stdout), "\n") {
		if id, _, _ = strings.Cut(id, " "); id != "ID" {
			s.wantCode(0, "page", "revoke", id)
		}
	}
	for _, one := range []*pageBrowser{b, stranger} {
		if got := one.open(base + "/accounts/" + account); strings.Contains(got.text, `"proof"`) {
			t.Error("a revoked session sees the page")
		}
	}
	for _, secret := range []string{pagePassword, link[len(base):], picture.RequestURI()} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}
