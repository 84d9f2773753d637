package passport_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// What a hostile reply may cost: a request's time with a margin for a busy machine,
// and far less memory than the reply would take.
const (
	hostileTimeout = 40 * time.Millisecond // of those that wait for it
	hostileWait    = 30 * time.Second
	hostileMemory  = 24 << 20
)

// hostile are replies that are to harm whoever reads them. other is another host.
func hostile(other string) map[string]http.HandlerFunc {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write([]byte(`{"code":-101,"message":"`))
	for zeros := make([]byte, 1<<20); bomb.Len() < 64<<10; {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	answer := func(w http.ResponseWriter) { fmt.Fprint(w, `{"code":-101,"message":"x"`) } // cut off: it says nothing
	to := func(where string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", strings.ReplaceAll(where, "SELF", "http://"+r.Host+r.URL.Path))
			w.WriteHeader(http.StatusFound)
			fmt.Fprint(w, `{"code":-101}`)
		}
	}
	return map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `{"code":-101,"message":"`)
			for chunk := bytes.Repeat([]byte("x"), 64<<10); r.Context().Err() == nil; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"slow": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(" ")); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		},
		"slow headers": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		},
		"10,000 cookies": func(w http.ResponseWriter, _ *http.Request) {
			for n := range 10_000 {
				w.Header().Add("Set-Cookie", fmt.Sprintf("c%d=v", n))
			}
			answer(w)
		},
		"10,000 large cookies": func(w http.ResponseWriter, _ *http.Request) {
			for n := range 10_000 {
				w.Header().Add("Set-Cookie", fmt.Sprintf("c%d=%s", n, strings.Repeat("v", 1000)))
			}
			answer(w)
		},
		"10 MB of headers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("h", 10<<20))
			answer(w)
		},
		"redirect loop":            to("SELF?ticket=again"),
		"redirect to another host": to(other + "/crossDomain?ticket=T"),
		"redirect to plain http":   to("http://passport.bilibili.com/crossDomain?ticket=T"),
		"redirect to a file":       to("file:///etc/passwd"),
	}
}

// everything is each request there is, those with several steps included.
func everything(c *passport.Client, base string) map[string]func(context.Context) error {
	all := operations(c)
	pair := func() passport.Session { return fakeSession() }
	all["refresh page"] = func(ctx context.Context) error { _, err := c.RefreshCSRF(ctx, pair(), time.Now()); return err }
	all["refresh"] = func(ctx context.Context) error {
		_, err := c.Refresh(ctx, pair(), secret.New("csrf"), secret.New("token"))
		return err
	}
	all["confirm"] = func(ctx context.Context) error { return c.Confirm(ctx, pair(), secret.New("old")) }
	all["logout"] = func(ctx context.Context) error { return web(c).Logout(ctx, pair()) }
	all["intl/session"] = func(ctx context.Context) error { _, err := intl(c).CheckSession(ctx, pair()); return err }
	all["crossDomain"] = func(ctx context.Context) error {
		_, err := web(c).Collect(ctx, device(), passport.Grant{HopURL: secret.New(base + "/crossDomain?ticket=T")})
		return err
	}
	all["intl/sso"] = func(ctx context.Context) error {
		_, err := intl(c).Collect(ctx, device(), passport.Grant{HopURL: secret.New(base + "/go?ticket=T")})
		return err
	}
	return all
}

// mostRequests is how often one operation may ask.
func mostRequests(op string) int64 {
	switch op {
	case "crossDomain":
		return 3 // hops
	case "intl/sso":
		return 11 // the list, twice, and nine redirects
	}
	return 1
}

// TestHostileReplies: whatever comes back from any endpoint, it takes a request's time
// and little memory, nobody else is asked, and no session is called dead because of it.
func TestHostileReplies(t *testing.T) {
	var asked, strayed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	defer elsewhere.Close()
	for name, reply := range hostile(elsewhere.URL) {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				_, _ = io.Copy(io.Discard, r.Body) // else nobody notices that the client has gone
				reply(w, r)
			}))
			defer server.Close()
			defer server.CloseClientConnections()
			e := passport.Endpoints{Passport: server.URL, API: server.URL, WWW: server.URL, PassportGame: server.URL, PassportIntl: server.URL, APIIntl: server.URL}
			slow, timeout := strings.HasPrefix(name, "slow"), hostileWait
			if slow {
				timeout = hostileTimeout
			}
			for op := range everything(nil, "") {
				// Each has a client of its own: a breaker would answer in the site's place.
				c := client(t, passport.Options{Endpoints: e, Limiter: generous(), Timeout: timeout})
				ask := everything(c, server.URL)[op]
				asked.Store(0)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				began := time.Now()
				err := ask(t.Context())
				took := time.Since(began)
				runtime.ReadMemStats(&after)
				if err == nil || passport.ClassOf(err) == passport.Dead || errors.Is(err, passport.ErrAlreadyOut) {
					t.Errorf("%s: %v (%s)", op, err, passport.ClassOf(err))
				}
				if limit := hostileWait * time.Duration(mostRequests(op)); took > limit {
					t.Errorf("%s: it took %s", op, took)
				}
				if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > hostileMemory {
					t.Errorf("%s: %d MB of memory", op, grown>>20)
				}
				if n := asked.Load(); n == 0 && !slow || n > mostRequests(op) {
					t.Errorf("%s: %d requests", op, n)
				}
			}
		})
	}
	if n := strayed.Load(); n > 0 {
		t.Errorf("another host was asked %d times", n)
	}
}
