//go:build unix

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// TestPushedLink opens the link that a message brings, as a browser would, and
// logs in by the fresh code that it makes.
func TestPushedLink(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()

	s := newStage(t, nil)
	s.configure(settings{})
	base := "http://" + address
	s.also("login", "codes = 1") // the pushed code is soon over; the link is not
	s.append(fmt.Sprintf("[page]\nlisten = %q\npublic_url = %q\n", address, base))
	s.start()
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

type answer struct {
	*http.Response
	text string
}

func fetch(t *testing.T, method, url string, header map[string]string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
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
