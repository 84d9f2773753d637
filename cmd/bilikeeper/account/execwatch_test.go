package account

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// keeperOf is a keeper that hands out a credential and can be away.
type keeperOf struct {
	mu         sync.Mutex // guards what follows
	generation uint64
	dead       bool
	away       bool
	changed    chan struct{}
}

func (k *keeperOf) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *keeperOf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	wait, _ := time.ParseDuration(query.Get("wait"))
	over := time.After(wait)
	for waiting := wait > 0; ; {
		k.mu.Lock()
		generation, dead, changed := k.generation, k.dead, k.changed
		k.mu.Unlock()
		newer := query.Get("after") == "" || query.Get("after") < fmt.Sprint(generation)
		if waiting && (!newer || dead) {
			select {
			case <-changed:
			case <-over:
				waiting = false
			case <-r.Context().Done():
				return
			}
			continue
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, generation))
		switch {
		case dead:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, `{"type":%q,"title":"main needs a login"}`, client.ProblemNeedsLogin)
		case !newer:
			w.WriteHeader(http.StatusNotModified)
		default:
			fmt.Fprintf(w, "BILIBILI_SESSDATA='%d'\n", generation)
		}
		return
	}
}

// dial connects to the keeper over memory.
func (k *keeperOf) dial(ctx context.Context) (net.Conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away {
		return nil, net.ErrClosed
	}
	ours, theirs := net.Pipe()
	go func() { _ = http.Serve(&oneConn{conn: theirs, ctx: ctx}, k) }()
	return ours, nil
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn net.Conn
	ctx  context.Context
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }

// Credentials that come within a second are one change; a keeper that is away and
// a session that dies end nothing, and each is told once.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeperOf{generation: 3, changed: make(chan struct{})}
		var said bytes.Buffer
		env := &cli.Env{Stderr: &said, Getenv: func(string) string { return "" }}
		h := handover{env: env, keeper: &client.Client{Dial: k.dial}, argv: []string{"true"}}
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex // guards offered
		var offered []uint64
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			h.follow(ctx, secrets{account: "main", generation: 3}, func(s secrets) error {
				mu.Lock()
				defer mu.Unlock()
				offered = append(offered, s.generation)
				return nil
			})
		}()
		after := func(d time.Duration, change func()) {
			time.Sleep(d)
			k.set(change)
		}
		expect := func(d time.Duration, want ...uint64) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(offered, want) {
				t.Fatalf("offered %v, want %v", offered, want)
			}
		}
		after(150*time.Second, func() { k.generation = 4 })
		after(900*time.Millisecond, func() { k.generation = 5 })
		expect(900 * time.Millisecond)
		expect(200*time.Millisecond, 5)

		after(time.Hour, func() { k.dead = true })
		after(time.Hour, func() { k.dead, k.generation = false, 6 })
		expect(2*time.Second, 5, 6)

		// The account was forgotten and added anew.
		after(time.Hour, func() { k.generation = 1 })
		expect(2*time.Minute, 5, 6, 1)

		after(0, func() { k.away = true })
		expect(time.Hour, 5, 6, 1)
		after(0, func() { k.away, k.generation = false, 2 })
		expect(10*time.Second, 5, 6, 1, 2)
		cancel()
		<-ended
		if n := strings.Count(said.String(), "main needs a login; the command goes on"); n != 1 {
			t.Errorf("a session that died was told of %d times:\n%s", n, said.String())
		}
		if n := strings.Count(said.String(), "the keeper is away; the command goes on"); n != 1 {
			t.Errorf("a keeper that is away was told of %d times:\n%s", n, said.String())
		}
		if n := strings.Count(said.String(), "is watched again"); n != 2 {
			t.Errorf("it was watched again %d times:\n%s", n, said.String())
		}
	})
}
