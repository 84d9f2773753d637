package shoutrrr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/golden"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

// generic is the library's own webhook, in the clear.
func generic(t *testing.T, base string) *Channel {
	t.Helper()
	c, err := New(Config{URL: secret.New("generic://" + strings.TrimPrefix(base, "http://") + "/canary-path?disabletls=yes&@X-Key=canary-header")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConformance(t *testing.T) {
	notifytest.Run(t, notifytest.Harness{
		Away: func(t *testing.T) notify.Channel {
			server := httptest.NewServer(nil)
			server.Close()
			return generic(t, server.URL)
		},
		Secrets: []string{"canary-header"},
	})
}

func TestText(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + "\n\n" + string(body) + "\n"
	}))
	defer server.Close()
	m := notifytest.WireCode()
	m.Login.ExpiresAt = time.Now().Add(time.Minute)
	receipt, err := generic(t, server.URL).Send(t.Context(), m)
	if err != nil || receipt.Answer != "sent by generic" {
		t.Errorf("%+v, %v", receipt, err)
	}
	golden.Equal(t, "code.golden", got)
}

func TestAnswers(t *testing.T) {
	for status, retry := range map[int]bool{400: false, 401: false, 404: false, 408: true, 410: false, 429: true, 500: true, 503: true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "canary-reply", status) }))
		_, err := generic(t, server.URL).Send(t.Context(), notifytest.CodeMessage())
		server.Close()
		var sendErr *notify.SendError
		if !errors.As(err, &sendErr) || sendErr.Retry != retry || !strings.HasPrefix(err.Error(), fmt.Sprint("generic: answered ", status)) {
			t.Errorf("%d: %v", status, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), "canary") {
			t.Errorf("%d: the error tells a secret: %v", status, err)
		}
	}
}

// The library takes no context: a send that hangs is left behind, and no other
// one is made beside it.
func TestASendThatHangs(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	defer server.Close()
	c := generic(t, server.URL)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := c.Send(ctx, notifytest.CodeMessage())
		failed <- err
	}()
	<-arrived
	cancel()
	var sendErr *notify.SendError
	if err := <-failed; !errors.As(err, &sendErr) || !sendErr.Retry {
		t.Errorf("%v", err)
	}
	if _, err := c.Send(t.Context(), notifytest.CodeMessage()); !errors.Is(err, notify.ErrBusy) {
		t.Errorf("beside it: %v", err)
	}
	close(release)
	c.inside <- struct{}{} // it has come back
	<-c.inside
	if _, err := c.Send(t.Context(), notifytest.CodeMessage()); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestReasons(t *testing.T) {
	c := &Channel{name: "x"}
	for text, want := range map[string]string{
		"got unexpected HTTP status: 404 Not Found": "x: answered 404 Not Found",
		"response status code 503":                  "x: answered 503 Service Unavailable",
		"post https://canary.example/404: EOF":      "x: the message could not be sent",
		"canary":                                    "x: the message could not be sent",
	} {
		if got := c.explain(errors.New(text)).Error(); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, address := range []string{
		"", "canary", "canary://x", "logger://", "discord://canary", "telegram://canary", "pushover://canary", "smtp://", "://", "gotify://%zz", "matrix",
	} {
		if _, err := New(Config{URL: secret.New(address)}); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range []string{
		"pushover://shoutrrr:inventedToken@inventedUser", "matrix://user:canary@matrix.example", "slack://hook:T00000000-B00000000-xxxxxxxxxxxxxxxxxxxxxxxx@webhook\n",
	} {
		c, err := New(Config{URL: secret.New(address)})
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if text := fmt.Sprintf("%v %+v %#v", c, c, *c); strings.Contains(text, "canary") || strings.Contains(text, "invented") {
			t.Errorf("shown: %s", text)
		}
	}
}

func FuzzNew(f *testing.F) {
	f.Add("generic://example.net/x?disabletls=yes")
	f.Add("discord://token@id")
	f.Fuzz(func(t *testing.T, address string) {
		if strings.HasPrefix(address, "matrix") {
			return
		}
		_, err := New(Config{URL: secret.New(address)})
		if err != nil && len(address) > 24 && strings.Contains(err.Error(), address) {
			t.Error("the error tells the url")
		}
	})
}
