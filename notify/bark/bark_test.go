package bark

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

const key = "inventedDeviceKey01"

func newChannel(t *testing.T, base string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{URL: base, DeviceKey: secret.New(key), HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"code":200,"message":"success","timestamp":1763600523}`)
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
			{Name: "taken", Body: `{"code":200,"message":"success"}`, Taken: true},
			{Name: "no such device", Status: 400, Body: `{"code":400,"message":"failed to get device token: CANARY"}`},
			{Name: "Apple refuses", Status: 500, Body: `{"code":500,"message":"push failed: CANARY"}`, Retry: true},
			{Name: "a device that is gone", Status: 500, Body: `{"code":500,"message":"push failed: BadDeviceToken CANARY"}`, Retry: true},
			{Name: "no device key", Status: 400, Body: `{"code":400,"message":"device key is empty CANARY"}`},
			{Name: "an error with a good status", Body: `{"code":400,"message":"CANARY"}`},
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
		Masks:  map[string]string{key: "device key"},
	}.Run(t)
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no key":     {},
		"a path":     {DeviceKey: secret.New("canary/canary")},
		"plain http": {URL: "http://canary.example", DeviceKey: secret.New("canarycanary")},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTap: a tap opens the login page, or where there is none the site's app.
func TestTap(t *testing.T) {
	const app = "bilibili://browser?url=https%3A%2F%2Fsite.example"
	for page, want := range map[string]string{"": app, "https://keeper.example/l": "https://keeper.example/l"} {
		var body string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			body = string(text)
			accept(w, r)
		}))
		m := notify.Message{ID: "m1", Title: "T", Text: "x", Login: &notify.Login{
			URL: secret.New("https://site.example"), AppURL: secret.New(app), PageURL: page, ExpiresAt: time.Now().Add(time.Minute),
		}}
		if _, err := newChannel(t, server.URL, post.Options{}).Send(t.Context(), m); err != nil || !strings.Contains(body, `"url":"`+want+`"`) {
			t.Errorf("%v: %s", err, body)
		}
		server.Close()
	}
}
