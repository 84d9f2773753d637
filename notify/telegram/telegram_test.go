package telegram

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

const token = "100200300:invented-token_AAbbCC"

func newChannel(t *testing.T, base string, o post.Options) *Channel {
	t.Helper()
	c, err := New(Config{Token: secret.New(token), Chat: "-1001234", Topic: 7, BaseURL: base, HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(w http.ResponseWriter, r *http.Request) {
	result := `{"message_id":42,"date":1763600523,"chat":{"id":-1001234}}`
	if strings.HasSuffix(r.URL.Path, "/deleteMessage") {
		result = "true"
	}
	_, _ = io.WriteString(w, `{"ok":true,"result":`+result+`}`)
}

// The new id of a group that moved is told, so that it can be copied.
func TestSupergroup(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1009}}`)
	}))
	defer server.Close()
	_, err := newChannel(t, server.URL, post.Options{}).Send(t.Context(), notify.Message{Title: "t", Text: "t"})
	if err == nil || !strings.Contains(err.Error(), `write chat = "-1009"`) {
		t.Errorf("got %v", err)
	}
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
		Secrets: []string{token, "invented-token"},
		Answers: []notifytest.ServiceAnswer{
			{Name: "taken", Body: `{"ok":true,"result":{"message_id":1}}`, Taken: true},
			{Name: "an answer without a message", Body: `{"ok":true,"result":true}`, Taken: true},
			{Name: "a captive portal", Body: `<html>CANARY</html>`, Retry: true},
			{Name: "something else", Body: `{"success":"CANARY"}`, Retry: true},
			{Name: "too many", Status: 429, Body: `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5 CANARY","parameters":{"retry_after":5}}`, Retry: true, After: 5 * time.Second},
			{Name: "no such chat", Status: 400, Body: `{"ok":false,"error_code":400,"description":"Bad Request: chat not found CANARY"}`},
			{Name: "a new id", Status: 400, Body: `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1009}}`},
			{Name: "no such topic", Status: 400, Body: `{"ok":false,"error_code":400,"description":"Bad Request: message thread not found"}`},
			{Name: "too many, and no time", Status: 429, Body: `{"ok":false,"error_code":429,"description":"Too Many Requests: CANARY"}`, Retry: true},
			{Name: "too many, by another code", Status: 400, Body: `{"ok":false,"error_code":420,"description":"CANARY","parameters":{"retry_after":7}}`, Retry: true, After: 7 * time.Second},
			{Name: "a server that is closing", Status: 500, Body: `{"ok":false,"error_code":500,"description":"Internal Server Error: restart"}`, Retry: true},
			{Name: "blocked", Status: 403, Body: `{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}`},
			{Name: "a token that was revoked", Status: 401, Body: `{"ok":false,"error_code":401,"description":"Unauthorized"}`},
			{Name: "trouble over there", Status: 502, Body: `{"ok":false,"error_code":502,"description":"Bad Gateway"}`, Retry: true},
			{Name: "an error with a good status", Body: `{"ok":false,"error_code":400,"description":"CANARY"}`},
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

// An edit whose answer was lost is made again, and changes nothing.
func TestAnEditThatWasMadeBefore(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"ok":false,"error_code":400,"description":"Bad Request: message is not modified: specified new message content is the same"}`)
	}))
	defer server.Close()
	receipt, err := newChannel(t, server.URL, post.Options{}).Replace(t.Context(), notifytest.CodeMessage(), "42")
	if err != nil || receipt.Handle != "42" {
		t.Errorf("%+v, %v", receipt, err)
	}
}

func TestCaptionsFit(t *testing.T) {
	m := notifytest.WireCode()
	m.Text = strings.Repeat("长😀", 2000)
	var caption string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caption = r.FormValue("caption")
		accept(w, r)
	}))
	defer server.Close()
	m.Login.ExpiresAt = time.Now().Add(time.Minute)
	if _, err := newChannel(t, server.URL, post.Options{}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(caption)); n > maxCaption || n < 600 || !strings.HasSuffix(caption, m.Login.URL.Reveal()) {
		t.Errorf("%d characters: %s", n, caption)
	}
}

func TestNewRefuses(t *testing.T) {
	ok := Config{Token: secret.New(token), Chat: "1"}
	for name, edit := range map[string]func(*Config){
		"no token":          func(c *Config) { c.Token = secret.String{} },
		"half a token":      func(c *Config) { c.Token = secret.New("canary") },
		"a path in a token": func(c *Config) { c.Token = secret.New("1:canary/../canary") },
		"no chat":           func(c *Config) { c.Chat = "" },
		"a name without @":  func(c *Config) { c.Chat = "canary" },
		"a negative topic":  func(c *Config) { c.Topic = -1 },
		"plain http":        func(c *Config) { c.BaseURL = "http://canary.example" },
		"a bad proxy":       func(c *Config) { c.HTTP.Proxy = secret.New("canary") },
	} {
		cfg := ok
		edit(&cfg)
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(ok); err != nil {
		t.Error(err)
	}
}
