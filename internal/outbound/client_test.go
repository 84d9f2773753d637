package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

func newClient(t *testing.T, base string, o Options) *Client {
	t.Helper()
	c, err := New("the url", base, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewRefuses(t *testing.T) {
	proxy := func(s string) Options { return Options{Proxy: secret.New(s)} }
	tests := []struct {
		name string
		base string
		o    Options
		want error // nil: any
	}{
		{"nothing", "", Options{}, nil},
		{"another scheme", "ftp://example.net/canary", Options{}, nil},
		{"no host", "https:///canary", Options{}, nil},
		{"unreadable", "https://canary:%zz@example.net/", Options{}, nil},
		{"plain http", "http://example.net/canary", Options{}, ErrPlainHTTP},
		{"plain http by address", "http://192.0.2.1/canary", Options{}, ErrPlainHTTP},
		{"metadata", "https://169.254.169.254/canary", Options{}, ErrForbiddenAddress},
		{"metadata in IPv6", "https://[fd00:ec2::254]/canary", Options{}, ErrForbiddenAddress},
		{"metadata as mapped", "https://[::ffff:169.254.169.254]/canary", Options{AllowHTTP: true}, ErrForbiddenAddress},
		{"link-local", "http://[fe80::1%25eth0]/canary", Options{AllowHTTP: true}, ErrForbiddenAddress},
		{"an unreadable proxy", "https://example.net", proxy("http://canary:%zz@proxy"), nil},
		{"a proxy without a host", "https://example.net", proxy("canary:3128"), nil},
		{"a proxy of another kind", "https://example.net", proxy("ftp://canary@proxy"), nil},
	}
	for _, tt := range tests {
		_, err := New("the url", tt.base, tt.o)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error tells what it was given: %v", tt.name, err)
		}
	}
	for _, base := range []string{"https://example.net/x", "http://localhost:8080/x", "http://127.0.0.5/x", "http://[::1]/x"} {
		newClient(t, base, Options{})
	}
	if _, err := New("the url", "http://localhost/canary", Options{Strict: true, Proxy: secret.New("http://proxy")}); !errors.Is(err, ErrPlainHTTP) {
		t.Errorf("in the clear to a proxy: %v", err)
	}
	newClient(t, "http://localhost", Options{Proxy: secret.New("http://proxy")})
	newClient(t, "http://localhost", Options{Strict: true})
	newClient(t, "http://example.net", Options{AllowHTTP: true})
	for _, p := range []string{"http://proxy:3128", "https://u:p@proxy", "socks5://proxy:1080", "socks5h://u:p@127.0.0.1:1080\n"} {
		newClient(t, "https://example.net", proxy(p))
	}
}

// A name that passes the check of the URL and resolves to another address than
// it should is refused when the connection is made.
func TestTheDialerIsGuarded(t *testing.T) {
	c := newClient(t, "http://localhost:1", Options{})
	c.base = secret.New("http://169.254.169.254/canary")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := c.Do(ctx, Request{})
	var sendErr *Error
	if !errors.As(err, &sendErr) || sendErr.Retry || !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("%v", err)
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	_, err := newClient(t, server.URL, Options{}).Do(t.Context(), Request{})
	if err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("an unknown certificate: %v", err)
	}
	if _, err := newClient(t, server.URL, Options{Transport: server.Client().Transport}).Do(t.Context(), Request{}); err != nil {
		t.Errorf("a known certificate: %v", err)
	}
}

// A proxy of the channel's own is used for every host, with its password, and
// what it says does not come out.
func TestProxy(t *testing.T) {
	var seen atomic.Value
	status := http.StatusNoContent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization"))
		http.Error(w, "canary", status)
	}))
	defer server.Close()
	o := Options{AllowHTTP: true, Proxy: secret.New(strings.Replace(server.URL, "http://", "http://canary:canary@", 1))}
	if _, err := newClient(t, "http://service.example", o).Do(t.Context(), Request{}); err != nil {
		t.Errorf("over the proxy: %v", err)
	}
	if got := seen.Load(); got != "POST service.example Basic Y2FuYXJ5OmNhbmFyeQ==" {
		t.Errorf("the proxy saw %v", got)
	}
	status = http.StatusProxyAuthRequired
	_, err := newClient(t, "https://service.example", o).Do(t.Context(), Request{})
	var sendErr *Error
	if !errors.As(err, &sendErr) || !sendErr.Retry || err.Error() != "service.example: the proxy refuses" {
		t.Errorf("a proxy that refuses: %v", err)
	}
	server.Close()
	for _, scheme := range []string{"http", "socks5"} {
		o.Proxy = secret.New(scheme + "://canary:canary@" + server.Listener.Addr().String())
		_, err = newClient(t, "https://service.example", o).Do(t.Context(), Request{})
		if !errors.As(err, &sendErr) || !sendErr.Retry || err.Error() != "service.example: no connection through the proxy" {
			t.Errorf("no %s proxy there: %v", scheme, err)
		}
	}
}

// silent is a service that never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A service that hangs does not keep a request past its context, on a clock.
func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "https://example.net", Options{Transport: silent{}})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := c.Do(ctx, Request{})
		var sendErr *Error
		if !errors.As(err, &sendErr) || !sendErr.Retry || err.Error() != "example.net: no answer in time" {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestRequests(t *testing.T) {
	tests := []struct {
		name string
		base string
		r    Request
		want string
	}{
		{"nothing", "/hook?a=1", Request{}, "POST /hook?a=1  "},
		{"a path of its own", "/p/?a=1", Request{Method: http.MethodPut, Path: []string{"x", "y"}}, "PUT /p/x/y?a=1  "},
		{"a query of its own", "/p?a=1", Request{Query: url.Values{"b": {"2 &"}}}, "POST /p?a=1&b=2+%26  "},
		{"a body", "", Request{Type: "application/json", Body: []byte(`{"a":1}`)}, `POST / application/json {"a":1}`},
	}
	for _, tt := range tests {
		var got string
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), body)
		}))
		_, err := newClient(t, server.URL+tt.base, Options{}).Do(t.Context(), tt.r)
		server.Close()
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, want %q (%v)", tt.name, got, tt.want, err)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "1", "-1", "99999999999999999999", "Fri, 20 Nov 2026 01:02:03 GMT", "1e9"} {
		f.Add(value)
	}
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d := RetryAfter(value, now); d < 0 || d > MaxRetryAfter {
			t.Errorf("%q: %v", value, d)
		}
	})
}

func TestNothingIsShown(t *testing.T) {
	c := newClient(t, "https://canary:canary@example.net/canary?canary=1#canary", Options{Proxy: secret.New("http://canary@proxy")})
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%+v", *c), fmt.Sprintf("%#v %x", *c, c)} {
		if strings.Contains(text, "canary") {
			t.Errorf("shown: %s", text)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-5": 0, "1e9": 0, " 120 ": 2 * time.Minute, "999999999": MaxRetryAfter, "99999999999999999999": MaxRetryAfter,
		"Fri, 20 Nov 2026 01:02:03 GMT": time.Hour + 2*time.Minute + 3*time.Second,
		"Thu, 01 Jan 1970 00:00:00 GMT": 0, "Fri, 20 Nov 2099 01:02:03 GMT": MaxRetryAfter,
	} {
		if got := RetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	for seconds, want := range map[float64]time.Duration{
		0: 0, -1: 0, math.NaN(): 0, 0.25: 250 * time.Millisecond, 61: 61 * time.Second, 1e300: MaxRetryAfter,
	} {
		if got := Seconds(seconds); got != want {
			t.Errorf("%v s: %v", seconds, got)
		}
	}
}

// The caller's headers go over the client's own, and Host is the request's.
func TestHeaders(t *testing.T) {
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	defer server.Close()
	for _, tt := range []struct {
		header             http.Header
		agent, kind, named string
	}{
		{nil, "bilikeeper/1.2", "text/plain", strings.TrimPrefix(server.URL, "http://")},
		{http.Header{"user-agent": {"own"}, "Content-Type": {"text/x"}, "Host": {"example.net"}}, "own", "text/x", "example.net"},
	} {
		if _, err := newClient(t, server.URL, Options{Version: "1.2"}).Do(t.Context(), Request{Type: "text/plain", Header: tt.header}); err != nil {
			t.Fatal(err)
		}
		if got.UserAgent() != tt.agent || got.Header.Get("Content-Type") != tt.kind || got.Host != tt.named {
			t.Errorf("%v: got %s, %v", tt.header, got.Host, got.Header)
		}
	}
}

// The status is the answer, whatever becomes of the body.
func TestReplies(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/whole":
			_, _ = io.WriteString(w, "12345678")
		case "/long":
			_, _ = io.WriteString(w, "123456789")
		case "/broken":
			w.Header().Set("Content-Length", "8")
			_, _ = io.WriteString(w, "1234")
		}
	}))
	defer server.Close()
	c := newClient(t, server.URL, Options{MaxReply: 8})
	for path, want := range map[string]string{"whole": "12345678", "long": "", "broken": ""} {
		reply, err := c.Do(t.Context(), Request{Path: []string{path}})
		if err != nil || reply.Status != 200 || string(reply.Body) != want || (reply.Broken != nil) != (path == "broken") {
			t.Errorf("%s: %+v, %v", path, reply, err)
		}
	}
}

func TestStatus(t *testing.T) {
	status := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		http.Error(w, "canary", status)
	}))
	defer server.Close()
	c := newClient(t, server.URL, Options{})
	for code, retry := range map[int]bool{302: false, 400: false, 401: false, 408: true, 410: false, 425: true, 429: true, 500: true, 503: true} {
		status = code
		_, err := c.Do(t.Context(), Request{})
		var e *Error
		if !errors.As(err, &e) || e.Status != code || e.Retry != retry || (e.After == 7*time.Second) != retry || strings.Contains(err.Error(), "canary") {
			t.Errorf("%d: %v", code, err)
		}
	}
}
