package serverchan

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
		Rest:    map[int]time.Duration{http.StatusTooManyRequests: ban},
		Break:   "\n\n",
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken", Body: `{"code":0,"message":"SUCCESS"}`, Taken: true},
			{Name: "the day is used up", Status: 400, Body: `{"code":40001,"message":"[AUTH]超过当天的发送次数限制[5]CANARY"}`, Retry: true, AtMost: 25 * time.Hour},
			{Name: "the day is used up, by its own code", Status: 400, Body: `{"code":40001,"scode":471,"message":"CANARY"}`, Retry: true, AtMost: 25 * time.Hour},
			{Name: "the day is used up, in fewer words", Body: `{"code":471,"message":"CANARY"}`, Retry: true, AtMost: 25 * time.Hour},
			{Name: "a wrong key, with a good status", Body: `{"code":40001,"message":"[AUTH]CANARY"}`},
			{Name: "a bad message", Status: 400, Body: `{"code":40009,"message":"CANARY"}`},
			{Name: "too many calls", Status: 429, Body: `<html>CANARY</html>`, Retry: true, After: ban},
			{Name: "trouble over there", Body: `{"code":50001,"message":"CANARY"}`, Retry: true},
			{Name: "a wrong key", Status: 400, Body: `{"message":"[AUTH]错误的Key CANARY","code":40001,"info":"错误的Key","scode":461}`},
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

// An address can be tapped wherever it stands, and is what it was.
func TestLinks(t *testing.T) {
	m := notifytest.WireCode()
	m.Text = "a_b: https://keeper.example.net/l/a_b\nnext"
	m.Login.PageURL = "https://keeper.example.net/l/(x)"
	const want = `a\_b: [https://keeper.example.net/l/a\_b](https://keeper.example.net/l/a_b)` + "\n\nnext\n\n" +
		`[https://keeper.example.net/l/\(x\)](https://keeper.example.net/l/%28x%29)`
	if got := compose(m); got.Desp != want || got.Short != "a_b: https://keeper.example.net/l/a_b next" {
		t.Errorf("%+v", got)
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
