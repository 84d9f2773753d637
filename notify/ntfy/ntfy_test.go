package ntfy

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
	topic = "invented-topic_1"
	token = "tk_inventedtoken"
)

func newChannel(t *testing.T, base string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{URL: base, Topic: secret.New(topic), Token: secret.New(token), OpenLabel: "打开", HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// accept answers as a server does that knows sequences.
func accept(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, `{"id":"sPs71M8A2T","time":1763600523,"event":"message","topic":"x","sequence_id":"`+r.Header.Get("X-Sequence-ID")+`"}`)
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
		Secrets: []string{topic, token},
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken by an older server", Body: `{"id":"sPs71M8A2T","event":"message","topic":"CANARY"}`, Taken: true},
			{Name: "a captive portal", Body: `<html>CANARY</html>`, Retry: true},
			{Name: "forbidden", Status: 403, Body: `{"code":40301,"http":403,"error":"forbidden CANARY"}`},
			{Name: "the day's messages", Status: 429, Body: `{"code":42908,"http":429,"error":"limit reached CANARY"}`, Retry: true, After: time.Hour},
			{Name: "too many requests", Status: 429, Body: `{"code":42901,"http":429,"error":"limit reached CANARY"}`, Retry: true},
			{Name: "too many wrong tokens", Status: 429, Body: `{"code":42909,"http":429,"error":"limit reached CANARY"}`, Retry: true, After: 10 * time.Minute},
			{Name: "no token", Status: 401, Body: `{"code":40101,"http":401,"error":"unauthorized CANARY"}`},
			{Name: "a name that is taken", Status: 400, Body: `{"code":40010,"http":400,"error":"invalid request: CANARY"}`},
			{Name: "a bad sequence", Status: 400, Body: `{"code":40049,"http":400,"error":"invalid request: sequence ID invalid CANARY"}`},
			{Name: "trouble over there", Status: 500, Body: `{"code":50001,"http":500,"error":"internal server error CANARY"}`, Retry: true},
			{Name: "no attachments, and no text either", Status: 400, Body: `{"code":40014,"http":400,"error":"CANARY"}`},
		},
	})
}

func TestWire(t *testing.T) {
	notifytest.Wire{
		New: func(t *testing.T, network http.RoundTripper) notify.Channel {
			return newChannel(t, "", post.Options{Transport: network})
		},
		Accept: accept,
		Masks:  map[string]string{topic: "topic", token: "token"},
	}.Run(t)
}

// A server that keeps no attachments gets the text with the link.
func TestWithoutAttachments(t *testing.T) {
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if r.Header.Get("Filename") != "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"code":40014,"http":400,"error":"invalid request: attachments not allowed"}`)
			return
		}
		accept(w, r)
	}))
	defer server.Close()
	m := notifytest.CodeMessage()
	receipt, err := newChannel(t, server.URL, post.Options{}).Send(t.Context(), m)
	if err != nil || len(bodies) != 2 || !strings.HasSuffix(bodies[1], m.Login.PageURL) || receipt.Handle != "msg_sample" {
		t.Errorf("%+v, %v, %q", receipt, err, bodies)
	}
}

// An older server shows each message for itself: nothing to change later.
func TestAnOlderServerGivesNoHandle(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"sPs71M8A2T","event":"message"}`)
	}))
	defer server.Close()
	receipt, err := newChannel(t, server.URL, post.Options{}).Send(t.Context(), notifytest.CodeMessage())
	if err != nil || receipt.Handle != "" {
		t.Errorf("%+v, %v", receipt, err)
	}
}

func TestHeadersFit(t *testing.T) {
	m := notifytest.CodeMessage()
	m.Title, m.Text = strings.Repeat("长\n", 1000), strings.Repeat("长", 5000)
	m.Login.ExpiresAt = time.Now().Add(time.Minute)
	r := newChannel(t, "", post.Options{}).request(m, m.ID, true)
	size := 0
	for name, values := range r.Header {
		size += len(name) + len(values[0])
		if strings.ContainsAny(values[0], "\r\n") {
			t.Errorf("%s: %q", name, values[0])
		}
	}
	if size > 6<<10 {
		t.Errorf("headers of %d bytes", size)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no topic":       {},
		"a path":         {Topic: secret.New("canary/canary")},
		"a broken token": {Topic: secret.New("x"), Token: secret.New("canary\ncanary")},
		"plain http":     {URL: "http://canary.example", Topic: secret.New("x")},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
