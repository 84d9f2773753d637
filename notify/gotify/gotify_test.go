package gotify

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
	token  = "AinventedAppToken"
	eraser = "CinventedClientToken"
)

func newChannel(t *testing.T, base string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{URL: base, Token: secret.New(token), ClientToken: secret.New(eraser), HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		return
	}
	_, _ = io.WriteString(w, `{"id":25,"appid":5,"message":"x","date":"2026-11-20T01:02:03Z"}`)
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
		Secrets: []string{token, eraser},
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken", Body: `{"id":1}`, Taken: true},
			{Name: "a wrong token", Status: 401, Body: `{"error":"Unauthorized","errorCode":401,"errorDescription":"CANARY"}`},
			{Name: "a client's token", Status: 403, Body: `{"error":"Forbidden","errorCode":403,"errorDescription":"CANARY"}`},
			{Name: "no text", Status: 400, Body: `{"error":"Bad Request","errorCode":400,"errorDescription":"Field 'message' is required CANARY"}`},
			{Name: "a full disk", Status: 500, Body: `{"error":"Internal Server Error","errorCode":500,"errorDescription":"CANARY"}`, Retry: true},
			{Name: "a captive portal", Body: `<html>CANARY</html>`, Retry: true},
			{Name: "something else", Body: `{"ok":"CANARY"}`, Retry: true},
		},
	})
}

func TestWire(t *testing.T) {
	notifytest.Wire{
		New: func(t *testing.T, network http.RoundTripper) notify.Channel {
			return newChannel(t, "https://gotify.example.net/push", post.Options{Transport: network})
		},
		Accept: accept,
		Masks:  map[string]string{token: "application token", eraser: "client token"},
	}.Run(t)
}

// An application may not delete, so without a client's token there is no handle.
func TestWithoutAClientToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(accept))
	defer server.Close()
	c, err := New(Config{URL: server.URL, Token: secret.New(token)})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := c.Send(t.Context(), notifytest.CodeMessage())
	if err != nil || receipt.Handle != "" || receipt.Answer != "message 25" {
		t.Errorf("%+v, %v", receipt, err)
	}
	if err := c.Retract(t.Context(), "25"); err == nil {
		t.Error("a message was deleted without a token")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no token":       {URL: "https://canary.example"},
		"no url":         {Token: secret.New(token)},
		"a broken token": {URL: "https://example.net", Token: secret.New("canary canary")},
		"plain http":     {URL: "http://canary.example", Token: secret.New(token)},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
