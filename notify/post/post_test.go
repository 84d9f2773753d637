package post

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/notify"
)

func newClient(t *testing.T, base string) *Client {
	t.Helper()
	c, err := New("the url", base, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNew(t *testing.T) {
	if c, err := New("the url", "http://example.net/canary", Options{}); c != nil || !errors.Is(err, outbound.ErrPlainHTTP) {
		t.Errorf("%v, %v", c, err)
	}
}

// What the client says of a request reaches the pipeline.
func TestDo(t *testing.T) {
	answer, status := "", 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"url":"https://example.com/?a=1&b=<2>"}` {
			t.Errorf("sent %s", body)
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	for _, tt := range []struct {
		status  int
		answer  string
		code    int
		refused bool
		retry   bool
		after   time.Duration
	}{
		{200, `{"code":3}`, 3, false, false, 0},
		{200, "<html>", 0, true, true, 0},
		{400, `{"code":3}`, 0, true, false, 0},
		{503, `{"code":3}`, 0, true, true, 7 * time.Second},
	} {
		answer, status = tt.answer, tt.status
		var said struct {
			Code int `json:"code"`
		}
		reply, err := newClient(t, server.URL).Ask(t.Context(), JSON(map[string]string{"url": "https://example.com/?a=1&b=<2>"}), &said)
		var sendErr *notify.SendError
		if reply.Status != tt.status || said.Code != tt.code || errors.As(err, &sendErr) != tt.refused {
			t.Errorf("%d %s: %v", tt.status, tt.answer, err)
		} else if tt.refused && (sendErr.Retry != tt.retry || sendErr.After != tt.after) {
			t.Errorf("%d %s: %+v", tt.status, tt.answer, sendErr)
		}
	}
}

// A number in the answer counts, a text that is one as well, and nothing else.
func TestCoded(t *testing.T) {
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	defer server.Close()
	codes := Codes{Key: "errcode", Taken: 0, Meaning: func(code int64) Refusal { return Refusal{Retry: code == 7, Reason: "busy"} }}
	for _, tt := range []struct {
		answer, want string
		retry        bool
	}{
		{`{"errcode":0,"more":{"a":[]}}`, "", false},
		{`{"errcode":"0"}`, "", false},
		{`{"errcode":7}`, ": answered code 7: busy", true},
		{`{"errcode":"8"}`, ": answered code 8: busy", false},
		{`{"errcode":1.5}`, ": answered something that the service does not send", true},
		{`{"errcode":null}`, ": answered something that the service does not send", true},
		{`{"code":0}`, ": answered something that the service does not send", true},
		{`[0]`, ": answered something that the service does not send", true},
		{`null`, ": answered something that the service does not send", true},
		{`<html>`, ": answered something that the service does not send", true},
	} {
		answer = tt.answer
		receipt, err := newClient(t, server.URL).Coded(t.Context(), Request{}, codes)
		if tt.want == "" {
			if err != nil || receipt.Answer != "errcode 0" {
				t.Errorf("%s: %+v, %v", tt.answer, receipt, err)
			}
			continue
		}
		var sendErr *notify.SendError
		if !errors.As(err, &sendErr) || sendErr.Retry != tt.retry || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.answer, err, tt.want)
		}
	}
}

func TestForm(t *testing.T) {
	var f Form
	f.Field("text", "a\r\nb")
	f.JSON("meta", map[string]int{"n": 1})
	f.File("photo", "qr.png", "image/png", []byte("\x89PNG\r\n"))
	r := f.Request("x")
	_, params, err := mime.ParseMediaType(r.Type)
	if err != nil {
		t.Fatal(err)
	}
	form, err := multipart.NewReader(strings.NewReader(string(r.Body)), params["boundary"]).ReadForm(1 << 10)
	if err != nil {
		t.Fatal(err)
	}
	if form.Value["text"][0] != "a\r\nb" || form.Value["meta"][0] != `{"n":1}` || form.File["photo"][0].Filename != "qr.png" {
		t.Errorf("%+v", form)
	}
}

func TestAnswersOfServices(t *testing.T) {
	c := newClient(t, "https://example.net/canary")
	err := c.Refused(Reply{Status: 200}, Refusal{Retry: true, After: time.Minute, Code: "45009", Reason: "too often"})
	var sendErr *notify.SendError
	var own *Error
	if !errors.As(err, &sendErr) || !sendErr.Retry || sendErr.After != time.Minute || !errors.As(err, &own) || own.Code != "45009" ||
		err.Error() != "example.net: answered code 45009: too often" {
		t.Errorf("%v", err)
	}
	if got := c.Refused(Reply{}, Refusal{Code: "7"}).Error(); got != "example.net: answered code 7" {
		t.Error(got)
	}
	if err := Alive(notify.Message{}); err != nil {
		t.Error(err)
	}
	if err := Alive(notify.Message{Login: &notify.Login{ExpiresAt: time.Now()}}); !errors.Is(err, notify.ErrExpired) {
		t.Error(err)
	}
}

func TestUntilTomorrow(t *testing.T) {
	for at, want := range map[string]time.Duration{
		"2026-11-20T00:00:00+08:00": 24*time.Hour + time.Minute,
		"2026-11-20T15:59:30Z":      90 * time.Second,
		"2026-12-31T16:00:00Z":      24*time.Hour + time.Minute,
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := UntilTomorrow(now); got != want {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
}
