package onebot

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

const token = "invented-access-token"

func newChannel(t *testing.T, base string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{URL: base, Token: secret.New(token), GroupID: 123456, HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, r *http.Request) {
	data := `{"message_id":-1987654321}`
	if strings.HasSuffix(r.URL.Path, "/delete_msg") {
		data = "null"
	}
	_, _ = io.WriteString(w, `{"status":"ok","retcode":0,"data":`+data+`}`)
}

func TestConformance(t *testing.T) {
	says := func(code int) string {
		return fmt.Sprintf(`{"status":"failed","retcode":%d,"data":null,"wording":"CANARY"}`, code)
	}
	notifytest.Run(t, notifytest.Harness{
		New: func(t *testing.T, base string) notify.Channel { return newChannel(t, base, post.Options{}) },
		Away: func(t *testing.T) notify.Channel {
			server := httptest.NewServer(nil)
			server.Close()
			return newChannel(t, server.URL, post.Options{})
		},
		Accept:  accept,
		Secrets: []string{token},
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken", Body: `{"status":"ok","retcode":0,"data":{"message_id":1}}`, Taken: true},
			{Name: "under way", Body: `{"status":"async","retcode":1,"data":null}`, Taken: true},
			{Name: "the bot is offline", Body: says(1200), Retry: true},
			{Name: "a bad request", Body: says(1400)},
			{Name: "a request that cannot be read", Body: says(400)},
			{Name: "an action that is not there", Body: says(404)},
			{Name: "a bot's own trouble", Body: says(200), Retry: true},
			{Name: "go-cqhttp cannot send", Body: `{"status":"failed","retcode":100,"data":null,"msg":"SEND_MSG_API_ERROR","wording":"CANARY"}`, Retry: true},
			{Name: "go-cqhttp knows no such group", Body: `{"status":"failed","retcode":100,"data":null,"msg":"GROUP_NOT_FOUND","wording":"CANARY"}`},
			{Name: "go-cqhttp finds nothing to send", Body: `{"status":"failed","retcode":100,"data":null,"msg":"EMPTY_MSG_ERROR"}`},
			{Name: "a number as a text", Body: `{"status":"ok","retcode":0,"data":{"message_id":"7"}}`, Taken: true},
			{Name: "another way to count", Body: `{"status":"ok","retcode":0,"data":{"message_id":"CANARY-7"}}`, Taken: true},
			{Name: "no data", Body: `{"status":"ok","retcode":0}`, Taken: true},
			{Name: "a wrong token", Body: says(1403)},
			{Name: "a wrong token of NapCat", Status: 403, Body: `{"message":"token verify failed! CANARY"}`},
			{Name: "a captive portal", Body: `<html>CANARY</html>`, Retry: true},
			{Name: "something else", Body: `{"ok":"CANARY"}`, Retry: true},
		},
	})
}

func TestWire(t *testing.T) {
	notifytest.Wire{
		New: func(t *testing.T, network http.RoundTripper) notify.Channel {
			return newChannel(t, "http://127.0.0.1:5700", post.Options{Transport: network})
		},
		Accept: accept,
		Masks:  map[string]string{token: "token"},
	}.Run(t)
}

func TestARecallThatComesTooLate(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"failed","retcode":200,"data":null}`)
	}))
	defer server.Close()
	c, err := New(Config{URL: server.URL, UserID: 10001})
	if err != nil {
		t.Fatal(err)
	}
	if err, ok := c.Retract(t.Context(), "-7").(*notify.SendError); !ok || err.Retry {
		t.Errorf("%v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"nobody":         {URL: "http://127.0.0.1:5700/canary"},
		"both":           {URL: "http://127.0.0.1:5700/canary", UserID: 1, GroupID: 2},
		"a negative one": {URL: "http://127.0.0.1:5700/canary", UserID: -1},
		"no url":         {UserID: 1},
		"a broken token": {URL: "http://127.0.0.1:5700/canary", UserID: 1, Token: secret.New("canary\ncanary")},
		"plain http":     {URL: "http://canary.example", UserID: 1},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
