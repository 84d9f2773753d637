package control

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/floortest"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// BenchmarkReading is a credential, and the status of a thousand accounts, over the
// socket, beside an empty handler that answers with as many bytes.
func BenchmarkReading(b *testing.B) {
	path := populated(b, 1_000)
	for _, one := range []struct{ name, path string }{{"credential", "/v1/accounts/account-7/credential"}, {"status", "/v1/status"}} {
		b.Run(one.name, func(b *testing.B) {
			ask := asking(b, path, one.path)
			body := make([]byte, ask())
			empty := serving(b, func(l net.Listener) error {
				return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Length", strconv.Itoa(len(body)))
					_, _ = w.Write(body)
				}))
			})
			nothing := asking(b, empty, "/")
			floortest.Beside(b, 1, func() { ask() }, func() { nothing() })
		})
	}
}

// serving serves on a socket until the benchmark ends.
func serving(b *testing.B, serve func(l net.Listener) error) (path string) {
	b.Helper()
	dir, err := os.MkdirTemp("", "bk-") // a socket's path has to be short
	if err != nil {
		b.Fatal(err)
	}
	path = filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = serve(l) }()
	b.Cleanup(func() { _ = l.Close(); <-done; _ = os.RemoveAll(dir) })
	return path
}

// asking returns what asks for a path over one connection, and how long the answer is.
func asking(b *testing.B, socket, path string) func() int64 {
	b.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	in, request := bufio.NewReader(conn), []byte("GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	return func() int64 {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
		return n
	}
}

// populated is the socket of a keeper with some accounts, on the real clock.
func populated(b *testing.B, n int) (path string) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "state")
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
	if err != nil {
		b.Fatal(err)
	}
	st, now := store.New(v), time.Now()
	saved := make(chan error, 64)
	for first := range cap(saved) {
		go func() {
			var err error
			for i := first; i < n && err == nil; i += cap(saved) {
				err = st.Save(living(i, now), nil, nil)
			}
			saved <- err
		}()
	}
	for range cap(saved) {
		if err := <-saved; err != nil {
			b.Fatal(err)
		}
	}
	k, err := keeper.New(keeper.Parts{Vault: v, Config: config.Default(), Log: zerolog.Nop(), Version: "test",
		Transport: passport.Options{Transport: passporttest.New().Transport()}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	kept := make(chan struct{})
	k.Begin(ctx)
	go func() { defer close(kept); k.Keep(ctx) }()
	b.Cleanup(func() { cancel(); <-kept; _ = v.Close() })
	for i := range n { // what is new to it, it plans and writes down first
		for k.Record(fmt.Sprint("account-", i)).Plan == "" {
			time.Sleep(time.Millisecond)
		}
	}
	return serving(b, served(b, k).Serve)
}

// living is the record of an account whose session lives.
func living(i int, now time.Time) *store.Record {
	r := &store.Record{Brief: store.Brief{Account: lifecycle.New(fmt.Sprint("account-", i), passport.Web, now.AddDate(0, -3, 0))}}
	r.Base, r.Mid, r.Uname, r.Refreshable, r.Generation = lifecycle.BaseValid, int64(100200300+i), fmt.Sprint("user ", i), true, 1
	r.ExpiresAt, r.CheckedAt, r.NextCheckAt, r.LastCheck = now.AddDate(0, 6, 0), now, now.Add(8*time.Hour), lifecycle.OutcomeOK
	for _, name := range []string{"SESSDATA", "bili_jct", "DedeUserID", "sid"} {
		r.Credential.Cookies = append(r.Credential.Cookies, cookie.Cookie{Name: name, Value: secret.New(name + "-value-of-some-length"), Domain: ".bilibili.com", Path: "/"})
	}
	return r
}

// served is a server for whoever runs the benchmark.
func served(b *testing.B, k *keeper.Keeper) *Server {
	b.Helper()
	c := config.Default()
	channels, err := alert.New(k, c)
	if err != nil {
		b.Fatal(err)
	}
	in, err := signin.Open(k.Store(), signin.Options{})
	if err != nil {
		b.Fatal(err)
	}
	outputs := engine.Configured(k, c, nil)
	s, err := New(Config{
		Keeper: k, Channels: func() *alert.Channels { return channels }, Outputs: func() *engine.Outputs { return outputs },
		Reload: func(context.Context) (client.Reloaded, error) { return client.Reloaded{}, nil }, NeedsRestart: func() []string { return nil },
		Ready: func(context.Context, string) (client.Readiness, bool) { return client.Readiness{}, true }, Metrics: http.NotFoundHandler(),
		SignIn: in, QR: func(string) ([]byte, error) { return nil, nil }, Policy: socket.Policy{Owner: uint32(os.Getuid())}, Log: zerolog.Nop(), Version: "1",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s
}
