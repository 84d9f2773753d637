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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const canary = "SESSDATA=fake0canary0fake"

// headerOf is the header in which a session with a value is handed out.
func headerOf(value string) string { return "SESSDATA=" + value + ";" }

// holding is a credential whose session has a value.
func holding(value string, generation uint64) keeper.Credential {
	return keeper.Credential{Generation: generation, Cookies: []cookie.Cookie{{Name: "SESSDATA", Value: secret.New(value)}}}
}

// fake is a keeper without rules: it holds what a test puts in.
type fake struct {
	mu       sync.Mutex
	accounts map[string]client.Account
	secrets  map[string]keeper.Credential
	logins   map[string]client.Login
	events   []client.Event
	newest   uint64
	changed  chan struct{}
	calls    []string
	auditErr error
	checkFn  func()
}

func newFake() *fake {
	f := &fake{accounts: map[string]client.Account{}, secrets: map[string]keeper.Credential{},
		logins: map[string]client.Login{}, changed: make(chan struct{})}
	for _, name := range []string{"main", "other"} {
		f.accounts[name] = client.Account{Name: name, State: client.StateValid, Generation: 3, LoginID: "L-" + name, Tags: []string{"both"}}
		f.secrets[name] = holding("fake0canary0fake", 3)
		expires := time.Now().Add(3 * time.Minute)
		f.logins["L-"+name] = client.Login{ID: "L-" + name, Account: name, State: client.LoginWaiting,
			URL: "https://example.net/scan?key=fake", Revision: 1, ExpiresAt: &expires}
	}
	return f
}

func (f *fake) called(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fake) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// change alters the keeper and wakes whoever waits.
func (f *fake) change(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) emit(kind, account string) {
	f.change(func() {
		f.newest++
		f.events = append(f.events, client.Event{ID: f.newest, Time: time.Now().UTC(), Type: kind, Account: account,
			Data: json.RawMessage(`{}`)})
	})
}

// drop lets the oldest entries fall out.
func (f *fake) drop(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = f.events[n:]
}

func (f *fake) Status() client.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := client.Status{Daemon: client.Daemon{Version: "1", Problems: []string{"other is in trouble"}}}
	for _, a := range f.accounts {
		st.Accounts = append(st.Accounts, a)
	}
	slices.SortFunc(st.Accounts, func(a, b client.Account) int { return strings.Compare(a.Name, b.Name) })
	return st
}

// fakeAccounts, fakeCredentials and fakeLogins are the fake where a name means
// something else for each.
type (
	fakeAccounts    struct{ *fake }
	fakeCredentials struct{ *fake }
	fakeLogins      struct{ *fake }
)

func (f fakeAccounts) Get(name string) (client.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.accounts[name]
	if !ok {
		return a, &client.Problem{Type: client.ProblemNoAccount, Detail: "no account " + name}
	}
	return a, nil
}

func (f fakeAccounts) Patch(_ context.Context, name string, p client.AccountPatch) (client.Account, error) {
	a, err := f.Get(name)
	if p.Paused != nil {
		a.Paused = *p.Paused
	}
	return a, err
}

func (f *fake) Forget(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called("forget %s", name)
	return nil
}

func (f *fake) Check(_ context.Context, name string, force bool) (client.CheckResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called("check %s %v", name, force)
	if f.checkFn != nil {
		f.checkFn()
	}
	return client.CheckResult{Account: f.accounts[name], Outcome: client.CheckOK, Asked: true}, nil
}

func (f fakeCredentials) Get(name string, stale bool) (keeper.Credential, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch a := f.accounts[name]; {
	case a.State == client.StateLoggingIn && a.Generation == 0 && a.LoginID != "" && !stale:
		return keeper.Credential{}, &client.Problem{Type: client.ProblemSiteAway, Detail: "a login of " + name + " is granted"}
	case a.State == client.StateNeedsLogin && !stale:
		return keeper.Credential{}, &client.Problem{Type: client.ProblemNeedsLogin, Detail: "the session of " + name + " is dead"}
	}
	return f.secrets[name], nil
}

func (f *fake) NoteRead(r audit.Reading) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called("read %s %s uid=%d", r.Account, r.Format, r.By.UID)
	return f.auditErr
}

func (f *fake) NoteRefused(r audit.Reading) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called("refused %s %s uid=%d", r.Verb, cmp.Or(r.Account, "tag "+r.Tag), r.By.UID)
}

func (f *fake) Start(_ context.Context, r client.LoginRequest) (client.Login, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called("login %s", r.Account)
	l := f.logins["L-main"]
	l.Account = r.Account
	return l, nil
}

func (f fakeLogins) Get(id string) (client.Login, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.logins[id]
	if !ok {
		return l, &client.Problem{Type: client.ProblemNoLogin}
	}
	return l, nil
}

func (f *fake) Cancel(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called("cancel %s", id)
	return nil
}

func (f fakeLogins) Await(ctx context.Context, id string, revision uint64) (client.Login, error) {
	for {
		changed := f.Changed()
		if l, err := f.Get(id); err != nil || l.Revision != revision {
			return l, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return f.Get(id)
		}
	}
}

// Oldest is the id of the oldest entry that was not dropped.
func (f *fake) Oldest() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest + 1 - uint64(len(f.events))
}

func (f *fake) Events(after uint64, limit int) ([]client.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	oldest := f.newest + 1
	if len(f.events) > 0 {
		oldest = f.events[0].ID
	}
	if after+1 < oldest {
		return nil, &client.Problem{Type: client.ProblemFellOut}
	}
	var out []client.Event
	for _, e := range f.events {
		if e.ID > after && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (f *fake) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fake) Newest() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest
}

func (f *fake) Channels() []client.Channel { return []client.Channel{{Name: "phone", Type: "webhook"}} }

func (f *fake) TestChannel(_ context.Context, name string) (client.ChannelTest, error) {
	if name != "phone" {
		return client.ChannelTest{}, &client.Problem{Type: client.ProblemNoChannel}
	}
	return client.ChannelTest{Name: name, Delivered: true}, nil
}

func (f *fake) Reload(context.Context) (client.Reloaded, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called("reload")
	return client.Reloaded{Changed: []string{"log.level"}}, nil
}

func (f *fake) server(t *testing.T, p socket.Policy, log io.Writer) *Server {
	t.Helper()
	if log == nil {
		log = io.Discard
	}
	s, err := New(Config{Accounts: fakeAccounts{f}, Checker: f, Refresher: f, Mover: f, Outputs: f, SMS: f, Credentials: fakeCredentials{f}, Logins: fakeLogins{f}, Journal: f, Channels: f, Messages: fakeMessages{f}, Reloader: f, Vault: f, Slots: f, Ready: f.ready, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, "up 1\n")
	}),
		QR:     func(content string) ([]byte, error) { return []byte("png of " + content), nil },
		Policy: p, Log: zerolog.New(log), Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ready is a keeper whose channel fails.
func (f *fake) ready(_ context.Context, part string) (client.Readiness, bool) {
	switch part {
	case "phone":
		return client.Readiness{Parts: []client.Part{{Name: "channel:phone", Reason: "away"}, {Name: "output:phone", Ready: true}}}, true
	case "", "vault":
		return client.Readiness{Ready: true, Parts: []client.Part{{Name: "vault", Ready: true}}}, true
	}
	return client.Readiness{}, false
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
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
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
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	go func() { _ = h.Serve(l) }()
	t.Cleanup(func() { _ = h.Close() })
	return &client.Client{Dial: func(ctx context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case l.conns <- far:
			return near, nil
		case <-l.closed:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipes) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// requestAs asks for the stream of events, as a peer.
func requestAs(p socket.Peer) *http.Request {
	r := httptest.NewRequest("GET", "/v1/events", nil)
	r.Host = "localhost"
	r.Header.Set("Accept", "text/event-stream")
	return r.WithContext(socket.WithPeer(r.Context(), p))
}

func (f *fake) Refresh(_ context.Context, name string, force bool) (client.RefreshResult, error) {
	a, err := fakeAccounts{f}.Get(name)
	return client.RefreshResult{Account: a, Outcome: client.RefreshDone, Detail: fmt.Sprint(force)}, err
}

func (f *fake) Import(_ context.Context, r client.ImportRequest) (client.ImportResult, error) {
	return client.ImportResult{Account: client.Account{Name: r.Account, State: client.StateValid}, Format: r.Format}, nil
}

func (f *fake) Logout(_ context.Context, name string) (client.LogoutResult, error) {
	_, err := fakeAccounts{f}.Get(name)
	return client.LogoutResult{Account: name, Ended: true}, err
}

func (f *fake) Outputs() []client.Output { return []client.Output{{Name: "o", State: client.OutputOK}} }

func (f *fake) RunOutput(_ context.Context, name string) (client.Output, error) {
	return client.Output{Name: name, State: client.OutputOK}, nil
}

func (f *fake) Captcha(_ context.Context, id string) (client.Captcha, error) {
	return client.Captcha{Type: "geetest", Challenge: id}, nil
}

func (f *fake) SendSMS(_ context.Context, id string, _ client.SMSSend) (client.Login, error) {
	return client.Login{ID: id, State: client.LoginSMSSent}, nil
}

func (f *fake) SubmitSMS(_ context.Context, id string, c client.SMSCode) (client.Login, error) {
	if c.Code == "wrong" {
		return client.Login{}, &client.Problem{Type: client.ProblemSMS, Detail: "the code is wrong"}
	}
	return client.Login{ID: id, State: client.LoginVerifying}, nil
}
