//go:build unix

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/porttest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestPushedLink opens the link that a message brings, as a browser would, and
// logs in by the fresh code that it makes.
func TestPushedLink(t *testing.T) {
	t.Parallel()
	s, base := pageStage(t)
	s.login(mid)
	s.site.Kill(mid)

	link := s.message(client.EventLoginCode, 1).Login.PageURL
	if !strings.HasPrefix(link, base+"/l/") || !strings.Contains(s.message(client.EventLoginRequired, 1).Text, base+"/l/") {
		t.Fatalf("the messages lead to %q", link)
	}
	other := byte('A')
	if link[len(link)-9] == other {
		other = 'B'
	}
	broken := link[:len(link)-9] + string(other) + link[len(link)-8:]
	for what, other := range map[string]string{"a foreign": base + "/l/AAAA", "a broken": broken} {
		if page := fetch(t, http.MethodGet, other, nil); page.StatusCode != http.StatusNotFound || strings.Contains(page.text, account) {
			t.Errorf("%s link: %d", what, page.StatusCode)
		}
	}
	before := s.front.count("GET /x/passport-login/web/qrcode/generate")
	page := fetch(t, http.MethodGet, link, nil)
	if page.StatusCode != http.StatusOK || page.Header.Get("Referrer-Policy") != "no-referrer" || page.Header.Get("Cache-Control") != "no-store" ||
		!strings.Contains(page.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the page came with %d %v", page.StatusCode, page.Header)
	}
	if s.front.count("GET /x/passport-login/web/qrcode/generate") != before {
		t.Error("to look at the link made a code")
	}
	var state struct{ State, URL string }
	start := fetch(t, http.MethodPost, link+"/start", map[string]string{"X-Bilikeeper-Page": "1", "Origin": base, "Sec-Fetch-Site": "same-origin"})
	if err := json.Unmarshal([]byte(start.text), &state); err != nil || state.URL == "" {
		t.Fatalf("start answered %d %s", start.StatusCode, start.text)
	}
	if got := decodeQR(t, []byte(fetch(t, http.MethodGet, link+"/qr.png?c=1", nil).text)); got != state.URL {
		t.Errorf("the picture says %q, the page %q", got, state.URL)
	}
	s.answer(state.URL, mid)
	s.message(client.EventLoginSucceeded, 2)
	if page := fetch(t, http.MethodGet, link, nil); page.StatusCode != http.StatusNotFound {
		t.Errorf("a used link answers %d", page.StatusCode)
	}
	if strings.Contains(s.log.String(), link[len(base):]) {
		t.Error("the link is in the log")
	}
}

// pageStage is a stage whose keeper serves the login page.
func pageStage(t *testing.T) (s *stage, base string) {
	t.Helper()
	address := porttest.Address(t)
	s, base = newStage(t, nil), "http://"+address
	s.configure(settings{})
	s.append(fmt.Sprintf("[page]\nlisten = %q\npublic_url = %q\n", address, base))
	s.also("endpoints", fmt.Sprintf("geetest_js = %q", s.siteServer.URL+passporttest.PathWidget))
	s.start()
	return s, base
}

// TestSMSByThePage goes through the form as the page's script does: a captcha
// that was not solved, one that was, a wrong code, the right one.
func TestSMSByThePage(t *testing.T) {
	t.Parallel()
	s, base := pageStage(t)
	s.site.SMS.AddPhone(mid, phoneNumber)
	login := s.smsLogin(t)
	link := ""
	until(t, "the page's address", func() bool {
		link = strings.TrimSpace(login.stdout.String())
		return strings.HasPrefix(link, base+"/l/")
	})
	post := func(step string, body any) (int, map[string]any) {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		got := fetchBody(t, http.MethodPost, link+"/sms/"+step, string(text), map[string]string{
			"X-Bilikeeper-Page": "1", "Origin": base, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"})
		var answer map[string]any
		if err := json.Unmarshal([]byte(got.text), &answer); err != nil {
			t.Fatalf("%s answers %d %q", step, got.StatusCode, got.text)
		}
		return got.StatusCode, answer
	}
	send := func(right bool) int {
		t.Helper()
		code, captcha := post("captcha", struct{}{})
		if code != http.StatusOK {
			t.Fatalf("captcha: %d %v", code, captcha)
		}
		validate := "nonsense"
		if right {
			validate, _ = passporttest.SolveCaptcha(captcha["challenge"].(string))
		}
		code, _ = post("send", map[string]any{"phone": phoneNumber, "token": captcha["token"], "challenge": captcha["challenge"], "validate": validate})
		return code
	}
	if code := send(false); code != http.StatusUnprocessableEntity {
		t.Errorf("a captcha that was not solved: %d", code)
	}
	if code := send(true); code != http.StatusOK {
		t.Fatalf("a captcha that was solved: %d", code)
	}
	if code, _ := post("code", map[string]string{"code": "000000"}); code != http.StatusUnprocessableEntity {
		t.Errorf("a wrong code: %d", code)
	}
	if code, answer := post("code", map[string]string{"code": s.site.SMS.Code(phoneNumber)}); code != http.StatusOK {
		t.Fatalf("the right code: %d %v", code, answer)
	}
	if code := login.end(); code != 0 {
		t.Errorf("the waiting command ended with %d: %s", code, login.stderr.String())
	}
	if a := s.account(); a.State != client.StateValid || *a.Mid != mid {
		t.Errorf("after the login: %+v", a)
	}
}

type answer struct {
	*http.Response
	text string
}

func fetch(t *testing.T, method, url string, header map[string]string) answer {
	t.Helper()
	return fetchBody(t, method, url, "", header)
}

func fetchBody(t *testing.T, method, url, body string, header map[string]string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(bufio.NewReader(resp.Body))
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(text)}
}
