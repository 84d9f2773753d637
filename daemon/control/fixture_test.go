package control

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/pipetest"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/webhook"
)

// canary is in what must show nowhere.
const canary = "fake0canary0fake"

// fixture is a keeper with what the server needs beside it.
type fixture struct {
	*keepertest.Fixture
	channels *alert.Channels
	outputs  *engine.Outputs
	signIn   *signin.SignIn
	reload   func(context.Context) (client.Reloaded, error)
	ready    func(context.Context, string) (client.Readiness, bool)
}

// users are the accounts that are logged in, by the user of each.
func users() map[string]int64 {
	return map[string]int64{"main": keepertest.Mid, "other": keepertest.Stranger}
}

// run runs a test with a keeper whose accounts "main" and "other" are logged in, have
// the tag "both" and an output and a channel that leads nowhere.
func run(t *testing.T, test func(f *fixture)) {
	t.Helper()
	dir := t.TempDir()
	keepertest.Run(t, func(c *config.Config) {
		for _, name := range []string{"main", "other"} {
			c.Accounts = append(c.Accounts, config.Account{Name: name, Tags: []string{"both"}})
		}
		c.Notify = []config.Notify{{Name: "phone", Type: "webhook", Keys: &webhook.Keys{Keys: post.Keys{URL: "http://127.0.0.1:1/"}},
			Events: []string{client.EventLoginRequired}, Accounts: []string{"*"}}}
		c.Output = []config.Output{{Name: "main", Account: "main", Format: "header", Path: filepath.Join(dir, "header.txt"), Mode: "0600"}}
	}, func(h *keepertest.Fixture) {
		f := &fixture{Fixture: h, outputs: engine.Configured(h.Keeper, h.Config, nil)}
		var err error
		if f.channels, err = alert.New(h.Keeper, h.Config); err != nil {
			h.T.Fatal(err)
		}
		if f.signIn, err = signin.Open(h.Keeper.Store(), signin.Options{Address: "https://keeper.example.net"}); err != nil {
			h.T.Fatal(err)
		}
		f.reload = func(context.Context) (client.Reloaded, error) { return client.Reloaded{}, nil }
		f.ready = func(context.Context, string) (client.Readiness, bool) {
			return client.Readiness{Ready: true, Parts: []client.Part{}}, true
		}
		for name, mid := range users() {
			h.Login(name, mid)
		}
		ctx, stop := context.WithCancel(context.Background())
		written := make(chan error, 1)
		go func() { written <- f.outputs.Run(ctx) }()
		defer func() {
			stop()
			if err := <-written; err != nil {
				h.T.Error(err)
			}
		}()
		synctest.Wait() // the output is written
		test(f)
	})
}

func (f *fixture) server(p socket.Policy, log io.Writer) *Server {
	f.T.Helper()
	if log == nil {
		log = io.Discard
	}
	s, err := New(Config{
		Keeper: f.Keeper, Channels: func() *alert.Channels { return f.channels }, Outputs: func() *engine.Outputs { return f.outputs },
		Reload: func(ctx context.Context) (client.Reloaded, error) { return f.reload(ctx) }, NeedsRestart: func() []string { return nil },
		Ready: func(ctx context.Context, part string) (client.Readiness, bool) { return f.ready(ctx, part) },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = io.WriteString(w, "up 1\n")
		}),
		SignIn: f.signIn, QR: func(content string) ([]byte, error) { return []byte("png of " + content), nil },
		Policy: p, Log: zerolog.New(log), Version: "1",
	})
	if err != nil {
		f.T.Fatal(err)
	}
	return s
}

// owned is a server for the owner alone.
func (f *fixture) owned() *Server { return f.server(socket.Policy{Owner: testOwner}, nil) }

// header is the form in which an account's credential is handed out by default.
func (f *fixture) header(name string) string {
	f.T.Helper()
	held, err := f.Keeper.Credentials().Get(name, true)
	if err != nil {
		f.T.Fatal(err)
	}
	out, err := output.Render("header", held, output.Options{})
	if err != nil {
		f.T.Fatal(err)
	}
	return string(out.Body)
}

// session is the value in an account's credential that nobody else may see.
func (f *fixture) session(name string) string {
	f.T.Helper()
	held, err := f.Keeper.Credentials().Get(name, true)
	if err != nil {
		f.T.Fatal(err)
	}
	return held.Value("SESSDATA")
}

// reads is how often an account's credential was given.
func (f *fixture) reads(name string) uint64 { return f.Keeper.Credentials().Reads()[name] }

// generation of an account's credential.
func (f *fixture) generation(name string) uint64 { return f.Account(name).Generation }

// tag is the ETag of an account's credential.
func (f *fixture) tag(name string) string {
	return strconv.Quote(strconv.FormatUint(f.generation(name), 10))
}

// die ends an account's session at the site, has the keeper ask, and returns when it
// knows.
func (f *fixture) die(name string) {
	f.T.Helper()
	f.Site.Kill(users()[name])
	if _, err := f.Keeper.Accounts().Check(f.T.Context(), name, true); err != nil {
		f.T.Error(err)
	}
	if got := f.Account(name); got.State == client.StateValid {
		f.T.Errorf("%s is %s", name, got.State)
	}
}

// alive says whether an account's credential is handed out.
func (f *fixture) alive(name string) bool {
	_, err := f.Keeper.Credentials().Get(name, false)
	return err == nil
}

// later does something after a while, and returns what waits for its end.
func (f *fixture) later(while time.Duration, do func()) (wait func()) {
	done := make(chan struct{})
	time.AfterFunc(while, func() { defer close(done); do() })
	return func() { <-done }
}

// await returns once something is seen to be so.
func (f *fixture) await(so func() bool) {
	for {
		changed := f.Keeper.Store().Changed()
		if so() {
			return
		}
		<-changed
	}
}

// when tells at which moment something is so for the first time.
func (f *fixture) when(so func() bool) <-chan time.Time {
	at := make(chan time.Time, 1)
	go func() { f.await(so); at <- time.Now() }()
	return at
}

// emit puts an entry of each account into the journal that means nothing else, and
// returns their ids.
func (f *fixture) emit(accounts ...string) (ids []uint64) {
	f.T.Helper()
	for _, name := range accounts {
		if err := f.Keeper.Store().Tell(store.Of(name, client.LoginScan{})...); err != nil {
			f.T.Fatal(err)
		}
		ids = append(ids, f.Keeper.Store().Newest())
	}
	return ids
}

// push adds entries of an account to the journal until the oldest that is left comes
// after an id.
func (f *fixture) push(name string, past uint64) {
	f.T.Helper()
	many := slices.Repeat(store.Of(name, client.LoginScan{}), 1000)
	for f.Keeper.Store().Oldest() <= past {
		if err := f.Keeper.Store().Tell(many...); err != nil {
			f.T.Fatal(err)
		}
	}
}

// readings are those that the journal tells of: who read or was refused what.
func (f *fixture) readings() (list []string) {
	f.T.Helper()
	w := do(f.owned(), owner, "GET", "/v1/events?type="+client.EventCredentialRead, "")
	var events []client.Event
	if err := json.Unmarshal(w.Body.Bytes(), &events); err != nil {
		f.T.Fatal(err)
	}
	for _, e := range events {
		var d client.CredentialRead
		if err := json.Unmarshal(e.Data, &d); err != nil {
			f.T.Fatal(err)
		}
		what := "read " + d.Format
		if d.Denied {
			what = "refused " + d.Verb
		}
		list = append(list, fmt.Sprintf("%s %s uid=%d", what, cmp.Or(e.Account, "tag "+d.Tag), *d.UID))
	}
	return list
}

// testOwner is a uid that is neither root nor anybody in the tests' policies.
const testOwner = 4242

var owner = socket.Peer{UID: testOwner, GID: testOwner, PID: 1, Known: true}

// do sends one request to the handler, as a peer.
func do(s *Server, p socket.Peer, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r.WithContext(socket.WithPeer(r.Context(), p)))
	return w
}

func problemOf(t *testing.T, w *httptest.ResponseRecorder) client.Problem {
	t.Helper()
	if kind := w.Header().Get("Content-Type"); kind != "application/problem+json" {
		t.Fatalf("content type %q, body %s", kind, w.Body)
	}
	var p client.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != w.Code || p.Title == "" || p.Type == "" {
		t.Fatalf("status %d, problem %+v", w.Code, p)
	}
	return p
}

// onSocket serves on a real socket and returns a client for it.
func onSocket(t *testing.T, s *Server) *client.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keeper", "c.sock")
	l, err := socket.Listen(path, false)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &client.Client{Socket: path}
}

// inBubble serves over pipes, which a bubble's clock can see through.
func inBubble(t *testing.T, s *Server, p socket.Peer) *client.Client {
	t.Helper()
	h := &http.Server{Handler: s.Handler(),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return socket.WithPeer(ctx, p) }}
	l := pipetest.New()
	go func() { _ = h.Serve(l) }()
	t.Cleanup(func() { _ = h.Close() })
	return &client.Client{Dial: l.Dial}
}

// requestAs asks for the stream of events, as a peer.
func requestAs(p socket.Peer) *http.Request {
	r := httptest.NewRequest("GET", "/v1/events", nil)
	r.Host = "localhost"
	r.Header.Set("Accept", "text/event-stream")
	return r.WithContext(socket.WithPeer(r.Context(), p))
}
