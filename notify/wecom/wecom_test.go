package wecom

import (
	"fmt"
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

func newChannel(t *testing.T, address string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{URL: secret.New(address), Mention: []string{"zhangsan"}, HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
}

func TestConformance(t *testing.T) {
	says := func(code int) string { return fmt.Sprintf(`{"errcode":%d,"errmsg":"CANARY"}`, code) }
	notifytest.Run(t, notifytest.Harness{
		New: func(t *testing.T, base string) notify.Channel { return newChannel(t, base, post.Options{}) },
		Away: func(t *testing.T) notify.Channel {
			server := httptest.NewServer(nil)
			server.Close()
			return newChannel(t, server.URL, post.Options{})
		},
		Accept: accept,
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken", Body: says(0), Taken: true},
			{Name: "busy", Body: says(-1), Retry: true},
			{Name: "too many", Body: says(45009), Retry: true, After: time.Minute},
			{Name: "too many at once", Body: says(45033), Retry: true, After: time.Minute},
			{Name: "a wrong key", Body: says(93000)},
			{Name: "two at once", Body: says(6000), Retry: true},
			{Name: "a robot that was stopped", Body: says(93004)},
			{Name: "a robot that left", Body: says(93008)},
			{Name: "another kind of message", Body: says(40008)},
			{Name: "a bad message", Body: says(40058)},
			{Name: "no text", Body: says(44004)},
			{Name: "too long a text", Body: says(45002)},
			{Name: "a bad picture", Body: says(40009)},
			{Name: "a broken picture", Body: says(301019)},
			{Name: "something new", Body: says(99999)},
			{Name: "a captive portal", Body: `<html>CANARY</html>`, Retry: true},
			{Name: "no code", Body: `{"ok":"CANARY"}`, Retry: true},
		},
	})
}

func TestWire(t *testing.T) {
	notifytest.Wire{
		New: func(t *testing.T, network http.RoundTripper) notify.Channel {
			return newChannel(t, "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=01234567-invented-key", post.Options{Transport: network})
		},
		Accept: accept,
		Masks:  map[string]string{"01234567-invented-key": "key"},
	}.Run(t)
}

// Of a message whose second half was refused only that half is sent again.
func TestAPictureIsNotSentTwice(t *testing.T) {
	var kinds []string
	fail := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		kind := "image"
		if strings.Contains(string(body), `"msgtype":"text"`) {
			kind = "text"
		}
		kinds = append(kinds, kind)
		if kind == "text" && fail {
			_, _ = io.WriteString(w, `{"errcode":45009}`)
			return
		}
		accept(w, r)
	}))
	defer server.Close()
	c := newChannel(t, server.URL, post.Options{})
	m := notifytest.CodeMessage()
	if _, err := c.Send(t.Context(), m); err == nil {
		t.Error("half a message counts as taken")
	}
	fail = false
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	m.ID = "msg_other"
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	if got := strings.Join(kinds, " "); got != "image text text image text" {
		t.Errorf("sent %s", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"nothing":          {},
		"plain http":       {URL: secret.New("http://canary.example/?key=canary")},
		"an empty mention": {URL: secret.New("https://example.net/?key=canary"), Mention: []string{""}},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
