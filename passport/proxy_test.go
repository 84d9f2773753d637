package passport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// forward is an HTTP proxy that passes everything on, and counts.
func forward(t *testing.T) (*url.URL, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		r.RequestURI = ""
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(server.Close)
	return parsed(t, server.URL), &n
}

func parsed(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// socks is a SOCKS5 proxy without a password that passes everything on.
func socks(t *testing.T) (*url.URL, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			go passOn(conn)
		}
	}()
	return parsed(t, "socks5://"+l.Addr().String()), &n
}

// passOn speaks SOCKS5 as far as a client that asks for an IPv4 address needs it.
func passOn(conn net.Conn) {
	defer conn.Close()
	head := make([]byte, 3) // version 5, one method, none
	if _, err := io.ReadFull(conn, head); err != nil {
		return
	}
	_, _ = conn.Write([]byte{5, 0})
	ask := make([]byte, 10) // version, connect, 0, IPv4, address, port
	if _, err := io.ReadFull(conn, ask); err != nil || ask[3] != 1 {
		return
	}
	to, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: ask[4:8], Port: int(ask[8])<<8 | int(ask[9])})
	if err != nil {
		return
	}
	defer to.Close()
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go func() { _, _ = io.Copy(to, conn) }()
	_, _ = io.Copy(conn, to)
}

// siteAt serves the simulator, and returns a client that asks it directly.
func siteAt(t *testing.T) (*passporttest.Site, *passport.Client) {
	t.Helper()
	site := passporttest.New(passporttest.WithUser(100200300, "example"))
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	c, err := passport.New(passport.Options{Endpoints: site.Endpoints(server.URL), CorrespondKey: site.Refresh.CorrespondKey(), Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return site, c
}

func generate(c *passport.Client) error {
	_, err := c.Realm(passport.Web).Generate(context.Background(), passport.Device{Key: "main"}, passport.ProfileHeader)
	return err
}

func TestThroughAProxy(t *testing.T) {
	for name, proxy := range map[string]func(*testing.T) (*url.URL, *atomic.Int64){"http": forward, "socks5": socks} {
		t.Run(name, func(t *testing.T) {
			_, direct := siteAt(t)
			address, passed := proxy(t)
			c := direct.Through(address, passport.NewLimiter(passport.Limits{}, passport.LimiterOptions{}))
			if err := generate(c); err != nil {
				t.Fatal(err)
			}
			if passed.Load() == 0 {
				t.Error("the request did not go by the proxy")
			}
			before := passed.Load()
			if err := generate(direct); err != nil || passed.Load() != before {
				t.Errorf("the direct way: %v, and %d by the proxy", err, passed.Load()-before)
			}
			if err := generate(c.Forced()); err != nil || passed.Load() == before {
				t.Errorf("the forced one left the proxy: %v", err)
			}
		})
	}
}

// A proxy that does not do its part is named, without its password, and nothing of
// it counts against the site.
func TestProxyInTrouble(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	refusing := func(status int) *url.URL {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "canary", status)
		}))
		t.Cleanup(server.Close)
		return parsed(t, server.URL)
	}
	deaf := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(deaf.Close)
	for _, tt := range []struct {
		name, want string
		proxy      *url.URL
		secure     bool // the site speaks TLS, so that the proxy is asked to connect
	}{
		{"dead", "cannot be reached: connection refused", parsed(t, closed.URL), false},
		{"dead, TLS", "cannot be reached: connection refused", parsed(t, closed.URL), true},
		{"dead, SOCKS", "cannot be reached: connection refused", parsed(t, strings.Replace(closed.URL, "http", "socks5", 1)), true},
		{"password", "wants another user or password", refusing(407), false},
		{"password, TLS", "wants another user or password", refusing(407), true},
		{"refuses, TLS", "does not let the request through", refusing(403), true},
		{"breaks off", ", by the proxy ", parsed(t, deaf.URL), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site, _ := siteAt(t)
			base := "http://site.invalid"
			if tt.secure {
				base = "https://site.invalid"
			}
			direct, err := passport.New(passport.Options{Endpoints: site.Endpoints(base)})
			if err != nil {
				t.Fatal(err)
			}
			limiter := passport.NewLimiter(passport.Limits{PerMinute: 600}, passport.LimiterOptions{})
			address := *tt.proxy
			address.User = url.UserPassword("canary-user", "canary-password")
			c := direct.Through(&address, limiter)
			for range 8 { // more than open a breaker
				err = generate(c)
			}
			e, ok := errors.AsType[*passport.Error](err)
			if !ok || e.Class != passport.Unreachable || e.Scope != passport.ScopeProxy || !strings.Contains(e.Detail, tt.want) ||
				!strings.Contains(e.Detail, "the proxy "+tt.proxy.Host) || strings.Contains(e.Error(), "canary") {
				t.Errorf("got %+v", e)
			}
			for _, b := range limiter.Breakers() {
				if !b.Until.IsZero() || b.Failures > 0 {
					t.Errorf("the site is left alone for it: %+v", b)
				}
			}
		})
	}
}
