package notifytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
)

// Harness is a channel under test. At least one of its two functions is set.
type Harness struct {
	// New makes a channel that sends over HTTP to the service at base. The base
	// has canaries in its user, path and query: a channel whose service has a
	// fixed path puts its own after it and keeps the rest.
	New func(t *testing.T, base string) notify.Channel
	// Away makes a channel whose service is not there.
	Away func(t *testing.T) notify.Channel
	// Accept answers as the service does to a message that it takes; nil means
	// an empty 204.
	Accept http.HandlerFunc
	// Secrets are what New and Away have put into the channel beside the base.
	Secrets []string
	// Retry overrides, by status, whether another try makes sense.
	Retry map[int]bool
	// Rest is how long, by status, the service is left alone where it names no
	// time; it has none where it says nothing.
	Rest map[int]time.Duration
	// Break is what parts two lines in what the service reads, "\n" unless set;
	// a line that is a text of its own needs none.
	Break string
	// Answers are the service's own words, in the body, for what it takes and
	// what it does not.
	Answers []ServiceAnswer
}

// ServiceAnswer is an answer whose body decides.
type ServiceAnswer struct {
	Name string
	// Status is the HTTP status; 0 means 200.
	Status int
	Body   string
	// Taken is true where the message has arrived; the rest says what follows
	// where it has not.
	Taken bool
	Retry bool
	After time.Duration
	// AtMost is set in place of After where the wait goes by the clock.
	AtMost time.Duration
}

// Canaries that the suite plants; none may show in an error's text.
const (
	canaryUser  = "canary-user"
	canaryPass  = "canary-pass"
	canaryPath  = "canary-path"
	canaryQuery = "canary-query"
	canaryCode  = "canary-code"
	canaryPage  = "canary-page"
	canaryReply = "canary-reply"
)

// CodeMessage is a sample that brings a code which works for another minute.
func CodeMessage() notify.Message {
	now := time.Now()
	return notify.Message{
		ID: "msg_sample", Type: "login.code", Time: now, Account: "main", Site: "web",
		Mid: 100200300, Uname: "example", Title: "Scan to log in", Text: "The session of main has ended.",
		Thread: "thread_sample", Position: 7,
		Login: &notify.Login{
			ID: "login_sample", URL: secret.New("https://account.example.com/scan?key=" + canaryCode),
			PNG: []byte("\x89PNG sample"), PageURL: "https://keeper.example.net/l/" + canaryPage,
			ExpiresAt: now.Add(time.Minute),
		},
	}
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.New == nil && h.Away == nil {
		t.Fatal("the harness makes no channel")
	}
	if h.New != nil {
		t.Run("status", h.testStatus)
		t.Run("retry after", h.testRetryAfter)
		t.Run("redirect", h.testRedirect)
		t.Run("oversize", h.testOversize)
		t.Run("broken", h.testBroken)
		t.Run("cancel", h.testCancel)
		t.Run("expired", h.testExpired)
		t.Run("answers", h.testAnswers)
		t.Run("text", h.testText)
		t.Run("rate", h.testRate)
		t.Run("replace", h.testReplace)
		t.Run("retract", h.testRetract)
		t.Run("shown", h.testShown)
	}
	if h.Away != nil {
		t.Run("away", h.testAway)
	}
}

// serve starts a service and returns a channel to it, and how many requests it
// had.
func (h Harness) serve(t *testing.T, handler http.HandlerFunc) (notify.Channel, *atomic.Int64) {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		// A server notices that the client has gone only once the body is read.
		_, _ = io.Copy(io.Discard, r.Body)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	return h.New(t, fmt.Sprintf("http://%s:%s@%s/%s?q=%s", canaryUser, canaryPass, host, canaryPath, canaryQuery)), &requests
}

func (h Harness) accept(w http.ResponseWriter, r *http.Request) {
	if h.Accept != nil {
		h.Accept(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// refused checks an error and returns it.
func (h Harness) refused(t *testing.T, err error, retry bool) *notify.SendError {
	t.Helper()
	var sendErr *notify.SendError
	if !errors.As(err, &sendErr) {
		t.Fatalf("the error is %T (%v), want a *notify.SendError", err, err)
	}
	if sendErr.Retry != retry {
		t.Errorf("%v: retry is %v, want %v", err, sendErr.Retry, retry)
	}
	canaries := []string{canaryUser, canaryPass, canaryPath, canaryQuery, canaryCode, canaryPage, canaryReply}
	forms := []string{fmt.Sprintf("%v %+v", err, err)}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		forms = append(forms, inner.Error())
	}
	for _, form := range forms {
		for _, canary := range append(canaries, h.Secrets...) {
			if strings.Contains(form, canary) {
				t.Errorf("the error tells a secret (%s): %s", canary, form)
			}
		}
	}
	return sendErr
}

func (h Harness) testStatus(t *testing.T) {
	channel, _ := h.serve(t, h.accept)
	if _, err := channel.Send(t.Context(), CodeMessage()); err != nil {
		t.Errorf("a message that is taken: %v", err)
	}
	for status, retry := range map[int]bool{
		400: false, 401: false, 403: false, 404: false, 405: false, 408: true, 410: false, 413: false, 422: false,
		425: true, 429: true, 500: true, 501: true, 502: true, 503: true, 504: true, 599: true,
	} {
		if own, ok := h.Retry[status]; ok {
			retry = own
		}
		channel, requests := h.serve(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, canaryReply, status)
		})
		_, err := channel.Send(t.Context(), CodeMessage())
		h.refused(t, err, retry)
		if n := requests.Load(); n != 1 {
			t.Errorf("%d: one Send made %d requests", status, n)
		}
	}
}

func (h Harness) testRetryAfter(t *testing.T) {
	for value, want := range map[string][2]time.Duration{
		"120": {2 * time.Minute, 2 * time.Minute},
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): {58 * time.Minute, time.Hour},
		"": {}, "-5": {}, "soon": {}, "Thu, 01 Jan 1970 00:00:00 GMT": {},
		"99999999999999999999": {0, 24 * time.Hour}, "999999999": {time.Hour, 24 * time.Hour},
	} {
		for _, status := range []int{429, 503} {
			channel, _ := h.serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", value)
				w.WriteHeader(status)
			})
			_, err := channel.Send(t.Context(), CodeMessage())
			low, high := max(want[0], h.Rest[status]), max(want[1], h.Rest[status])
			if got := h.refused(t, err, true).After; got < low || got > high {
				t.Errorf("%d with Retry-After %q: %v, want %v to %v", status, value, got, low, high)
			}
		}
	}
}

func (h Harness) testRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var elsewhere atomic.Int64
		target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
		channel, _ := h.serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", target.URL+"/"+canaryReply)
			w.WriteHeader(status)
		})
		_, err := channel.Send(t.Context(), CodeMessage())
		target.Close()
		h.refused(t, err, false)
		if elsewhere.Load() != 0 {
			t.Errorf("%d was followed", status)
		}
	}
}

// testOversize has a service that never stops talking.
func (h Harness) testOversize(t *testing.T) {
	var written atomic.Int64
	channel, _ := h.serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		chunk := []byte(strings.Repeat(canaryReply, 1000))
		for r.Context().Err() == nil {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := channel.Send(ctx, CodeMessage())
	if ctx.Err() != nil {
		t.Errorf("an endless reply was read for %d bytes", written.Load())
	}
	h.refused(t, err, true)
}

// testBroken has a service that breaks off and one that does not speak HTTP.
func (h Harness) testBroken(t *testing.T) {
	channel, _ := h.serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := channel.Send(t.Context(), CodeMessage())
	h.refused(t, err, true)

	channel, _ = h.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		_, _ = conn.Write([]byte(canaryReply + " is not HTTP\r\n\r\n"))
		_ = conn.Close()
	})
	_, err = channel.Send(t.Context(), CodeMessage())
	h.refused(t, err, true)
}

// testCancel has a service that does not answer.
func (h Harness) testCancel(t *testing.T) {
	arrived := make(chan struct{}, 1)
	channel, _ := h.serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := channel.Send(ctx, CodeMessage())
		failed <- err
	}()
	<-arrived
	cancel()
	select {
	case err := <-failed:
		h.refused(t, err, true)
	case <-time.After(10 * time.Second):
		t.Fatal("Send did not end with its context")
	}
}

func (h Harness) testExpired(t *testing.T) {
	channel, requests := h.serve(t, h.accept)
	m := CodeMessage()
	m.Login.ExpiresAt = time.Now()
	_, err := channel.Send(t.Context(), m)
	h.refused(t, err, false)
	if !errors.Is(err, notify.ErrExpired) {
		t.Errorf("a dead code: %v, want ErrExpired", err)
	}
	if requests.Load() != 0 {
		t.Error("a dead code was sent")
	}
}

// testAway has no service at all.
func (h Harness) testAway(t *testing.T) {
	channel := h.Away(t)
	_, err := channel.Send(t.Context(), CodeMessage())
	h.refused(t, err, true)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = channel.Send(ctx, CodeMessage())
	h.refused(t, err, true)

	m := CodeMessage()
	m.Login.ExpiresAt = time.Now()
	_, err = channel.Send(t.Context(), m)
	h.refused(t, err, false)
}
