package post

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
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
	newClient(t, "http://example.net", Options{AllowHTTP: true})
	for _, p := range []string{"http://proxy:3128", "https://u:p@proxy", "socks5://proxy:1080", "socks5h://u:p@127.0.0.1:1080\n"} {
		newClient(t, "https://example.net", proxy(p))
	}
}

func TestAddressesAtConnectTime(t *testing.T) {
	tests := []struct {
		address  string
		loopback bool
		want     error
	}{
		{"169.254.169.254:80", false, ErrForbiddenAddress},
		{"169.254.0.1:443", true, ErrForbiddenAddress},
		{"[::ffff:169.254.169.254]:443", false, ErrForbiddenAddress},
		{"[fe80::1%eth0]:443", false, ErrForbiddenAddress},
		{"[febf::1]:443", false, ErrForbiddenAddress},
		{"[fd00:ec2::254]:443", false, ErrForbiddenAddress},
		{"100.100.100.200:443", false, ErrForbiddenAddress},
		{"224.0.0.1:443", false, ErrForbiddenAddress},
		{"nonsense", false, ErrForbiddenAddress},
		{"192.168.1.2:443", false, nil},
		{"[fd00::1]:443", false, nil},
		{"127.0.0.1:80", true, nil},
		{"[::1]:80", true, nil},
		{"192.168.1.2:80", true, ErrPlainHTTP},
	}
	for _, tt := range tests {
		if err := CheckAddress(tt.address, tt.loopback); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.address, err, tt.want)
		}
	}
}

// A name that passes the check of the URL and resolves to another address than
// it should is refused when the connection is made.
func TestTheDialerIsGuarded(t *testing.T) {
	c := newClient(t, "http://localhost:1", Options{})
	c.base = secret.New("http://169.254.169.254/canary")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := c.Do(ctx, Request{})
	var sendErr *notify.SendError
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
	var sendErr *notify.SendError
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
		var sendErr *notify.SendError
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
		{"a body", "", JSON(map[string]string{"url": "https://example.com/?a=1&b=<2>"}), `POST / application/json {"url":"https://example.com/?a=1&b=<2>"}`},
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
	c := newClient(t, "https://example.net/canary", Options{})
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
	for status, want := range map[int]string{
		401: "answered 401 Unauthorized; the token, key or password is not accepted", 404: "answered 404 Not Found; there is nothing at this address",
		429: "answered 429 Too Many Requests; too many messages", 507: "answered 507 Insufficient Storage; the service has no room for it",
		400: "answered 400 Bad Request", 502: "answered 502 Bad Gateway",
	} {
		if err := c.judge(Reply{Status: status}, time.Now()); err == nil || err.Error() != "example.net: "+want {
			t.Errorf("%d: %v", status, err)
		}
	}
	for seconds, want := range map[float64]time.Duration{
		0: 0, -1: 0, 0.25: 250 * time.Millisecond, 61: 61 * time.Second, 1e300: maxRetryAfter,
	} {
		if got := Seconds(seconds); got != want {
			t.Errorf("%v s: %v", seconds, got)
		}
	}
	if err := Alive(notify.Message{}); err != nil {
		t.Error(err)
	}
	if err := Alive(notify.Message{Login: &notify.Login{ExpiresAt: time.Now()}}); !errors.Is(err, notify.ErrExpired) {
		t.Error(err)
	}
}

func TestNothingIsShown(t *testing.T) {
	c := newClient(t, "https://canary:canary@example.net/canary?canary=1#canary", Options{Proxy: secret.New("http://canary@proxy")})
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%+v", *c), fmt.Sprintf("%#v %x", *c, c)} {
		if strings.Contains(text, "canary") {
			t.Errorf("shown: %s", text)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "1", "-1", "99999999999999999999", "Fri, 20 Nov 2026 01:02:03 GMT", "1e9"} {
		f.Add(value)
	}
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, now); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", value, d)
		}
	})
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
