package dingtalk

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
	access = "0123456789inventedaccesstoken"
	key    = "SECinventedsigningsecret"
)

func newChannel(t *testing.T, base string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{URL: secret.New(base), Secret: secret.New(key), HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
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
			{Name: "taken", Body: `{"errcode":0,"errmsg":"ok"}`, Taken: true},
			{Name: "busy", Body: `{"errcode":-1,"errmsg":"CANARY"}`, Retry: true},
			{Name: "too fast", Body: `{"errcode":130101,"errmsg":"send too fast, CANARY"}`, Retry: true, After: 10 * time.Minute},
			{Name: "too fast, as documented", Body: `{"errcode":410100,"errmsg":"CANARY"}`, Retry: true, After: 10 * time.Minute},
			{Name: "too many a minute", Body: `{"errcode":660026,"errmsg":"sending too many messages per minute CANARY"}`, Retry: true, After: 10 * time.Minute},
			{Name: "taken, and a text", Body: `{"errcode":"0","errmsg":"ok"}`, Taken: true},
			{Name: "a refusal as a text", Body: `{"errcode":"310000","errmsg":"CANARY"}`},
			{Name: "a token that is not there", Body: `{"errcode":300005,"errmsg":"token is not exist CANARY"}`},
			{Name: "a token that is not there, as documented", Body: `{"errcode":400101,"errmsg":"CANARY"}`},
			{Name: "a robot that is not there", Body: `{"errcode":400106,"errmsg":"CANARY"}`},
			{Name: "a robot that was stopped", Body: `{"errcode":400102,"errmsg":"CANARY"}`},
			{Name: "no group", Body: `{"errcode":400013,"errmsg":"CANARY"}`},
			{Name: "an unsafe link", Body: `{"errcode":430101,"errmsg":"CANARY"}`},
			{Name: "an unsuitable text", Body: `{"errcode":430102,"errmsg":"CANARY"}`},
			{Name: "too long", Body: `{"errcode":460101,"errmsg":"message too long, exceed 20000 bytes CANARY"}`},
			{Name: "no keyword", Body: `{"errcode":310000,"errmsg":"CANARY"}`},
			{Name: "a wrong token", Body: `{"errcode":300001,"errmsg":"CANARY"}`},
			{Name: "something new", Body: `{"errcode":999999,"errmsg":"CANARY"}`},
			{Name: "a captive portal", Body: `<html>CANARY</html>`, Retry: true},
			{Name: "something else", Body: `{"ok":"CANARY"}`, Retry: true},
		},
	})
}

func TestWire(t *testing.T) {
	notifytest.Wire{
		New: func(t *testing.T, network http.RoundTripper) notify.Channel {
			return newChannel(t, "https://oapi.dingtalk.com/robot/send?access_token="+access, post.Options{Transport: network})
		},
		Accept: accept,
		Masks:  map[string]string{access: "access token", key: "secret"},
	}.Run(t)
}

// The sum was made with OpenSSL.
func TestSignature(t *testing.T) {
	if got := sign(secret.New("SECinventedsigningsecret"), "1763600523000"); got != "LHuO8f+CNRD+fLPhXts4KvqD5aXxY6nP/8Q300R5RE8=" {
		t.Error(got)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"nothing":    {},
		"plain http": {URL: secret.New("http://canary.example/robot/send?access_token=canary")},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
