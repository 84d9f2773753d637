package feishu

import (
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
)

const (
	hook = "01234567-invented-hook"
	key  = "inventedSigningSecret"
)

func newChannel(t *testing.T, base string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{URL: secret.New(base), Secret: secret.New(key), OpenLabel: "打开", HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"code":0,"msg":"success","data":{}}`)
}

func TestConformance(t *testing.T) {
	notifytest.Run(t, notifytest.Harness{
		New: func(t *testing.T, base string) notify.Channel { return newChannel(t, base, post.Options{}) },
		Away: func(t *testing.T) notify.Channel {
			server := httptest.NewServer(nil)
			server.Close()
			return newChannel(t, server.URL, post.Options{})
		},
		Accept:  accept,
		Secrets: []string{key},
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken", Body: `{"code":0,"msg":"success"}`, Taken: true},
			{Name: "taken, in the older words", Body: `{"StatusCode":0,"StatusMessage":"success"}`, Taken: true},
			{Name: "too fast", Body: `{"code":11232,"msg":"CANARY"}`, Retry: true, After: time.Minute},
			{Name: "too fast, with a status", Status: 400, Body: `{"code":99991400,"msg":"CANARY"}`, Retry: true, After: time.Minute},
			{Name: "too fast, by the code of a bad message", Status: 400, Body: `{"code":9499,"msg":"too many request","data":{}}`, Retry: true, After: time.Minute},
			{Name: "too fast for the platform", Status: 429, Body: `{"code":99991400,"msg":"CANARY"}`, Retry: true, After: time.Minute},
			{Name: "trouble over there", Body: `{"code":1500,"msg":"CANARY"}`, Retry: true},
			{Name: "a bad message, in the older words", Body: `{"StatusCode":9499,"StatusMessage":"CANARY"}`},
			{Name: "a wrong address", Body: `{"code":19001,"msg":"param invalid: incoming webhook access token invalid CANARY"}`},
			{Name: "a machine that is not listed", Body: `{"code":19022,"msg":"Ip Not Allowed CANARY"}`},
			{Name: "a wrong signature", Body: `{"code":19021,"msg":"CANARY"}`},
			{Name: "no keyword", Body: `{"code":19024,"msg":"CANARY"}`},
			{Name: "a bad message", Status: 400, Body: `{"code":9499,"msg":"CANARY"}`},
			{Name: "a captive portal", Body: `<html>CANARY</html>`, Retry: true},
			{Name: "something else", Body: `{"ok":"CANARY"}`, Retry: true},
		},
	})
}

func TestWire(t *testing.T) {
	notifytest.Wire{
		New: func(t *testing.T, network http.RoundTripper) notify.Channel {
			return newChannel(t, "https://open.feishu.cn/open-apis/bot/v2/hook/"+hook, post.Options{Transport: network})
		},
		Accept: accept,
		Masks:  map[string]string{hook: "hook", key: "secret"},
	}.Run(t)
}

// The sum was made with OpenSSL.
func TestSignature(t *testing.T) {
	if got := sign(secret.New("inventedSigningSecret"), "1763600523"); got != "r+pZ4bXeP7pJPzIOKyodyltSuy1cdHXAmdtnooXxaQ8=" {
		t.Error(got)
	}
}

// The platform says in a header when it will take messages again.
func TestHowLongToWait(t *testing.T) {
	for value, want := range map[string]time.Duration{"": time.Minute, "soon": time.Minute, "5": time.Minute, "300": 5 * time.Minute} {
		header := http.Header{"X-Ogw-Ratelimit-Reset": {value}}
		if got := meaning(99991400, "", header); !got.Retry || got.After != want {
			t.Errorf("%q: %+v, want %v", value, got, want)
		}
	}
}

// However many lines there are, the message keeps to what a bot may send.
func TestMessagesFit(t *testing.T) {
	for _, text := range []string{strings.Repeat("\n", 20_000), strings.Repeat("长\n", 20_000), strings.Repeat(`"`, 20_000)} {
		c := newChannel(t, "https://open.feishu.cn/open-apis/bot/v2/hook/x", post.Options{})
		out := message{Kind: "post"}
		m := notifytest.CodeMessage()
		m.Title, m.Text = strings.Repeat("长", 1000), text
		out.Content.Post.Any = c.compose(m)
		if n := len(post.JSON(out).Body); n > 20_000 {
			t.Errorf("%.4q…: %d bytes", text, n)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"nothing":    {},
		"plain http": {URL: secret.New("http://canary.example/open-apis/bot/v2/hook/canary")},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
