package bark

import (
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
