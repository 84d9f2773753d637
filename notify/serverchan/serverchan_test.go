package serverchan

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

const (
	turbo = "SCT123456Tinventedkey"
	three = "sctp123tinventedkey"
)

func newChannel(t *testing.T, base string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{BaseURL: base, SendKey: secret.New(turbo), HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"code":0,"message":"","data":{"pushid":"1","readkey":"x","error":"SUCCESS","errno":0}}`)
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
		Secrets: []string{turbo},
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken", Body: `{"code":0,"message":"SUCCESS"}`, Taken: true},
			{Name: "the day is used up", Body: `{"code":40001,"message":"CANARY"}`},
			{Name: "trouble over there", Body: `{"code":50001,"message":"CANARY"}`, Retry: true},
			{Name: "a wrong key", Status: 400, Body: `{"code":40001,"message":"[AUTH]CANARY"}`},
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
		Masks:  map[string]string{turbo: "send key"},
	}.Run(t)
}

// The newer service has a host for each user and another path.
func TestTheServiceIsToldByTheKey(t *testing.T) {
	for key, want := range map[string]string{
		turbo: "https://sctapi.ftqq.com/" + turbo + ".send", three + "\n": "https://123.push.ft07.com/send/" + three + ".send",
	} {
		var got string
		c, err := New(Config{SendKey: secret.New(key), HTTP: post.Options{Transport: seen(func(r *http.Request) { got = r.URL.String() })}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send(t.Context(), notifytest.CodeMessage()); err != nil || got != want {
			t.Errorf("%s, want %s (%v)", got, want, err)
		}
	}
}

// seen is a network that takes everything.
type seen func(*http.Request)

func (s seen) RoundTrip(r *http.Request) (*http.Response, error) {
	s(r)
	rec := httptest.NewRecorder()
	accept(rec, r)
	return rec.Result(), nil
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no key":       {},
		"another key":  {SendKey: secret.New("canarycanary")},
		"a path":       {SendKey: secret.New("SCTcanary/../canary")},
		"a broken uid": {SendKey: secret.New("sctpcanarytcanarycanary")},
		"plain http":   {BaseURL: "http://canary.example", SendKey: secret.New(turbo)},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
