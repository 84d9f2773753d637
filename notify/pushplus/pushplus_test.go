package pushplus

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

const token = "0123456789abcdefinventedtoken00"

func newChannel(t *testing.T, base string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{BaseURL: base, Token: secret.New(token), Topic: "family", HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"code":200,"msg":"请求成功","data":"0a1b2c"}`)
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
		Secrets: []string{token},
		Break:   "</p><p>",
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken", Body: `{"code":200,"msg":"CANARY"}`, Taken: true},
			{Name: "trouble over there", Body: `{"code":500,"msg":"CANARY"}`, Retry: true},
			{Name: "too many today", Body: `{"code":900,"msg":"CANARY"}`, Retry: true, AtMost: 25 * time.Hour},
			{Name: "nobody", Body: `{"code":302,"msg":"CANARY"}`},
			{Name: "no permission", Body: `{"code":401,"msg":"CANARY"}`},
			{Name: "not from here", Body: `{"code":403,"msg":"CANARY"}`},
			{Name: "bad data", Body: `{"code":600,"msg":"CANARY"}`},
			{Name: "no right", Body: `{"code":805,"msg":"CANARY"}`},
			{Name: "no points", Body: `{"code":888,"msg":"CANARY"}`},
			{Name: "a wrong token", Body: `{"code":903,"msg":"CANARY"}`},
			{Name: "no identity", Body: `{"code":905,"msg":"CANARY"}`},
			{Name: "a bad message", Body: `{"code":999,"msg":"CANARY"}`},
			{Name: "something new", Body: `{"code":1234,"msg":"CANARY"}`},
			{Name: "a captive portal", Body: `<html>CANARY</html>`, Retry: true},
			{Name: "something else", Body: `{"ok":"CANARY"}`, Retry: true},
		},
	})
}

func TestWire(t *testing.T) {
	notifytest.Wire{
		New: func(t *testing.T, network http.RoundTripper) notify.Channel {
			return newChannel(t, "", post.Options{Transport: network})
		},
		Accept: accept,
		Masks:  map[string]string{token: "token"},
	}.Run(t)
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no token":      {},
		"a short token": {Token: secret.New("canary")},
		"a bad topic":   {Token: secret.New(token), Topic: "canary canary"},
		"a bad channel": {Token: secret.New(token), Channel: "canary/"},
		"plain http":    {BaseURL: "http://canary.example", Token: secret.New(token)},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
