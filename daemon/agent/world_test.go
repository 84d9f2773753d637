package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/pipetest"
	"github.com/bilikeeper/bilikeeper/notify"
)

// keeper answers as a keeper does, over pipes. It can be away.
type keeper struct {
	mu       sync.Mutex // guards all below
	journal  string
	messages []client.Message
	upto     uint64
	states   map[string]string
	quiet    *time.Time
	changed  chan struct{}
	refusal  *client.Problem
	away     bool
	dials    int

	server *http.Server
	pipes  *pipetest.Listener
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{journal: "journal-a", states: map[string]string{}, changed: make(chan struct{}), pipes: pipetest.New()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/messages", k.serveMessages)
	mux.HandleFunc("GET /v1/status", k.serveStatus)
	k.server = &http.Server{Handler: mux}
	go func() { _ = k.server.Serve(k.pipes) }()
	t.Cleanup(func() { _ = k.server.Close() })
	return k
}

func (k *keeper) client() *client.Client {
	return &client.Client{Dial: func(ctx context.Context) (net.Conn, error) {
		k.change(func() { k.dials++ })
		k.mu.Lock()
		away := k.away
		k.mu.Unlock()
		if away {
			return nil, &net.OpError{Op: "dial", Net: "unix", Err: net.ErrClosed}
		}
		return k.pipes.Dial(ctx)
	}}
}

func (k *keeper) dialled() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dials
}

// change alters the keeper without waking whoever waits.
func (k *keeper) change(fn func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fn()
}

func (k *keeper) wakeLocked() {
	close(k.changed)
	k.changed = make(chan struct{})
}

// stop ends the answers under way and takes no new requests.
func (k *keeper) stop() { k.change(func() { k.away = true; k.wakeLocked() }) }

func (k *keeper) start() { k.change(func() { k.away = false }) }

// tell adds a message and returns it. What is not set is set to something.
func (k *keeper) tell(m client.Message) client.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.upto++
	m.Position = k.upto
	m.ID = "msg_" + k.journal + "_" + strconv.FormatUint(m.Position, 10)
	m.Title, m.Time = m.Account+" "+m.Type, time.Now()
	k.messages = append(k.messages, m)
	k.wakeLocked()
	return m
}

// pass writes entries that hold no message.
func (k *keeper) pass(n uint64) { k.change(func() { k.upto += n; k.wakeLocked() }) }

// code is a message with a code that works for three minutes.
func code(account string) client.Message {
	return client.Message{Type: client.EventLoginCode, Account: account, Thread: "thread-" + account, Login: &client.MessageLogin{
		ID: "login", URL: "https://example.net/scan?key=canary", QRPNG: []byte("canary"), ExpiresAt: time.Now().Add(3 * time.Minute),
	}}
}

func about(kind, account string) client.Message {
	return client.Message{Type: kind, Account: account, Thread: "thread-" + account}
}

func (k *keeper) serveMessages(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseUint(r.FormValue("after"), 10, 64)
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	wait, _ := time.ParseDuration(r.FormValue("wait"))
	over := time.NewTimer(wait)
	defer over.Stop()
	for last := wait == 0; ; {
		k.mu.Lock()
		changed, away, refusal := k.changed, k.away, k.refusal
		list := client.MessageList{Messages: []client.Message{}, Upto: k.upto, Journal: k.journal, QuietUntil: k.quiet}
		for _, m := range k.messages {
			scanned := m.Type == client.EventLoginCode && (m.Login == nil || !time.Now().Before(m.Login.ExpiresAt))
			if m.Position <= after || scanned {
				continue
			}
			if list.Messages = append(list.Messages, m); len(list.Messages) == limit {
				list.Upto = m.Position
				break
			}
		}
		k.mu.Unlock()
		switch {
		case refusal != nil:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(refusal)
			return
		case len(list.Messages) > 0 || last || list.Upto < after || away:
			_ = json.NewEncoder(w).Encode(list)
			return
		}
		select {
		case <-changed:
		case <-over.C:
			last = true
		case <-r.Context().Done():
			return
		}
	}
}

func (k *keeper) serveStatus(w http.ResponseWriter, _ *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var s client.Status
	for name, state := range k.states {
		s.Accounts = append(s.Accounts, client.Account{Name: name, State: state})
	}
	_ = json.NewEncoder(w).Encode(s)
}

// screen is a desktop that keeps what it was told to show.
type screen struct {
	mu        sync.Mutex // guards all below
	shown     []notify.Message
	retracted []notify.Handle
	fail      error
}

func (s *screen) Send(_ context.Context, m notify.Message) (notify.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return notify.Receipt{}, s.fail
	}
	s.shown = append(s.shown, m)
	return notify.Receipt{Handle: notify.Handle("on the screen: " + m.ID)}, nil
}

func (s *screen) Retract(_ context.Context, h notify.Handle) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retracted = append(s.retracted, h)
	return nil
}

// titles are what was shown since the last call.
func (s *screen) titles() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, m := range s.shown {
		list = append(list, m.Title)
	}
	s.shown = nil
	return list
}

func (s *screen) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// logbook collects the log.
type logbook struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logbook) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), text)
}

// desk is a session with an agent that can be ended and started again.
type desk struct {
	keeper *keeper
	screen *screen
	log    logbook
	state  string
}

// inSession runs a test on fake time.
func inSession(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state", "agent.json")
	synctest.Test(t, func(t *testing.T) {
		test(t, &desk{keeper: newKeeper(t), screen: &screen{}, state: state})
	})
}

// run starts an agent. The result ends it.
func (d *desk) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Client: d.keeper.client(), State: d.state, Log: zerolog.New(&d.log), Channel: d.screen})
	}()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// after lets time pass and returns what was shown in it.
func (d *desk) after(pause time.Duration) []string {
	time.Sleep(pause)
	synctest.Wait()
	return d.screen.titles()
}

func (d *desk) want(t *testing.T, pause time.Duration, titles ...string) {
	t.Helper()
	if got := d.after(pause); !slices.Equal(got, titles) {
		t.Errorf("shown %q, want %q", got, titles)
	}
}
