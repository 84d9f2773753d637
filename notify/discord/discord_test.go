package discord

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

func newChannel(t *testing.T, address string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{URL: secret.New(address), HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, _ = io.WriteString(w, `{"id":"1180000000000000042","channel_id":"1","type":0}`)
}

func TestConformance(t *testing.T) {
	notifytest.Run(t, notifytest.Harness{
		New: func(t *testing.T, base string) notify.Channel { return newChannel(t, base, post.Options{}) },
		Away: func(t *testing.T) notify.Channel {
			server := httptest.NewServer(nil)
			server.Close()
			return newChannel(t, server.URL, post.Options{})
		},
		Accept: accept,
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken", Body: `{"id":"42"}`, Taken: true},
			{Name: "a captive portal", Body: `<html>CANARY</html>`, Retry: true},
			{Name: "no id", Body: `{}`, Retry: true},
			{Name: "too many", Status: 429, Body: `{"message":"You are being rate limited. CANARY","retry_after":0.75,"global":false}`, Retry: true, After: 750 * time.Millisecond},
			{Name: "a deleted webhook", Status: 404, Body: `{"message":"Unknown Webhook CANARY","code":10015}`},
			{Name: "too many, over all", Status: 429, Body: `{"message":"You are being rate limited. CANARY","retry_after":64.5,"global":true}`, Retry: true, After: 64500 * time.Millisecond},
			{Name: "banned for a while", Status: 429, Body: `<html>CANARY</html>`, Retry: true},
			{Name: "an archived thread", Status: 400, Body: `{"message":"Thread is archived CANARY","code":50083}`},
			{Name: "a harmful link", Status: 400, Body: `{"message":"Message blocked CANARY","code":240000}`},
			{Name: "a forum", Status: 400, Body: `{"message":"CANARY","code":220001}`},
			{Name: "a bad form", Status: 400, Body: `{"code":50035,"errors":{"CANARY":{}},"message":"Invalid Form Body"}`},
		},
	})
}

func TestWire(t *testing.T) {
	notifytest.Wire{
		New: func(t *testing.T, network http.RoundTripper) notify.Channel {
			return newChannel(t, "https://discord.com/api/webhooks/1180000000000000001/invented-token?thread_id=99", post.Options{Transport: network})
		},
		Accept: accept,
		Masks:  map[string]string{"invented-token": "token"},
	}.Run(t)
}

func TestReasons(t *testing.T) {
	for _, code := range []int{10003, 10008, 10015, 30046, 40005, 50027, 50083, 160005, 220001, 240000} {
		if meaning(code) == "" {
			t.Errorf("%d has no reason", code)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message": "Unknown Message", "code": 10008}`)
	}))
	defer server.Close()
	err := newChannel(t, server.URL, post.Options{}).Retract(t.Context(), "42")
	if err == nil || !strings.HasSuffix(err.Error(), "answered 404 Not Found: the message is not there any more") {
		t.Error(err)
	}
}

// What Discord would take for markup is shown as it was written, and an address
// in a title is not opened by its servers.
func TestMarkup(t *testing.T) {
	m := notify.Message{Title: "my_*main*: https://keeper.example.net/l/a_b", Text: "> # my_main\n`x` https://keeper.example.net/l/a_b"}
	body := string(compose(m).Body)
	for _, want := range []string{
		`"content":"my\\_\\*main\\*: <https://keeper.example.net/l/a_b>"`, `"description":"\\> \\# my\\_main\n\\` + "`x\\\\`" + ` https://keeper.example.net/l/a_b"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s\nlacks %s", body, want)
		}
	}
	m.Title, m.Text = strings.Repeat("*https://a.example ", 1000), strings.Repeat("_😀", 4000)
	var sent payload
	if err := json.Unmarshal(compose(m).Body, &sent); err != nil {
		t.Fatal(err)
	}
	if wording.UTF16(sent.Content) > 2000 || wording.UTF16(sent.Embeds[0].Description) > maxDescription {
		t.Errorf("%d and %d characters", wording.UTF16(sent.Content), wording.UTF16(sent.Embeds[0].Description))
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"nothing":     {},
		"plain http":  {URL: secret.New("http://canary.example/api/webhooks/1/canary")},
		"a bad proxy": {URL: secret.New("https://discord.com/api/webhooks/1/canary"), HTTP: post.Options{Proxy: secret.New("canary")}},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
