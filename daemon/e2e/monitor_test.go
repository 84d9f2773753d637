//go:build unix

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// Whoever watches over the keeper learns which part of it works, and why one does
// not.
func TestReadiness(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.append("[[output]]\nname = \"file\"\naccount = \"" + account + "\"\nformat = \"header\"\npath = \"" + s.dir + "/missing/cookie\"\n")
	s.start()
	part := func(name string) client.Part {
		r, err := s.client.Readiness(t.Context(), name)
		if err != nil || len(r.Parts) != 1 {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		return r.Parts[0]
	}
	r, err := s.client.Readiness(t.Context(), "")
	if err != nil || !r.Ready {
		t.Errorf("a keeper that has begun: %+v, %v", r, err)
	}
	for _, want := range []string{"vault", "schedule", "socket", "page", "serve", "channel:phone", "output:file"} {
		if !slices.ContainsFunc(r.Parts, func(p client.Part) bool { return p.Name == want && p.Ready }) {
			t.Errorf("%s is missing or not ready in %+v", want, r.Parts)
		}
	}
	if p := part("output:file"); p.Reason == "" {
		t.Errorf("an output without a login: %+v", p)
	}
	s.login(mid)
	until(t, "the output's failure shows", func() bool { return !part("output:file").Ready })
	if r, err := s.client.Readiness(t.Context(), ""); err != nil || r.Ready {
		t.Errorf("with an output that fails: %+v, %v", r, err)
	}
	if p := part("vault"); !p.Ready {
		t.Errorf("the vault beside it: %+v", p)
	}
	s.stop()
}

// Prometheus finds the same on the socket and on a listener of its own, which has
// nothing else, and which a reload opens and closes.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.start()
	s.login(mid)
	s.append("[metrics]\nlisten = \"127.0.0.1:0\"\n")
	s.wantCode(0, "reload")
	address := s.listening("serving metrics", 1)
	for _, want := range []string{
		"bilikeeper_account_state{account=\"main\",state=\"valid\"} 1", "bilikeeper_logins_total{method=\"qr\",outcome=\"succeeded\"} 1",
		"bilikeeper_site_requests_total{class=\"ok\"", "bilikeeper_vault_commit_seconds_count", "process_open_fds",
	} {
		if code, text := readOver(t, "GET", address+"/metrics", ""); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%d, %s is missing", code, want)
		}
		if text := s.onSocket("/metrics"); !strings.Contains(text, want) {
			t.Errorf("on the socket %s is missing", want)
		}
	}
	if code, _ := readOver(t, "GET", address+"/v1/status", ""); code != 404 {
		t.Errorf("beside the metrics: %d", code)
	}
	if code, _ := readOver(t, "POST", address+"/metrics", ""); code != 405 {
		t.Errorf("another method: %d", code)
	}
	s.stop()
}

// onSocket is the text of an answer on the control socket.
func (s *stage) onSocket(path string) string {
	s.t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.socket())
	}}}
	r, err := http.NewRequestWithContext(s.t.Context(), "GET", "http://localhost"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		s.t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
	}
	return string(text)
}

// Somebody outside hears that the keeper works, and that an account needs a person;
// where, is told nobody.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	const token = "sample-token-8a1d3f"
	s := newStage(t, nil)
	var mu sync.Mutex
	var asked []string
	// away cuts connections off and keeps the port: another test's server would get
	// what is for this one.
	var away atomic.Bool
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	t.Cleanup(outside.Close)
	heard := func(path string) bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(asked, path)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "heartbeat.url"), []byte(outside.URL+"/"+token), 0o600); err != nil {
		t.Fatal(err)
	}
	s.configure(settings{})
	s.append("[heartbeat]\nurl_file = \"heartbeat.url\"\nevery = \"1s\"\nfail_path = \"/fail\"\n")
	s.start()
	s.login(mid)
	until(t, "a heartbeat", func() bool { return heard("/" + token) })
	s.site.Kill(mid)
	until(t, "a heartbeat that says more", func() bool { return heard("/" + token + "/fail") })
	away.Store(true)
	until(t, "the failure shows", func() bool {
		st, err := s.client.Status(t.Context())
		return err == nil && strings.Contains(strings.Join(st.Daemon.Problems, " "), "heartbeat: ")
	})
	if r := s.cli("doctor", "--json"); !regexp.MustCompile(`"warn(ing)?"[^{}]*heartbeat: `).MatchString(r.stdout) {
		t.Errorf("the failure is more than a warning, or none: %s", r.stdout)
	}
	if shown := s.wantCode(0, "status", "--json").stdout + s.wantCode(0, "config", "print").stdout + s.log.String(); strings.Contains(shown, token) {
		t.Error("the address is told")
	}
	s.stop()
}

// beats is a service that heartbeats are told to.
type beats struct{ n atomic.Int64 }

// beating configures a heartbeat each second.
func beating(t *testing.T, s *stage) *beats {
	t.Helper()
	b := &beats{}
	outside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { b.n.Add(1) }))
	t.Cleanup(outside.Close)
	s.configure(settings{schedule: "@every 1h"})
	s.append(fmt.Sprintf("[heartbeat]\nurl = %q\nevery = \"1s\"\n", outside.URL))
	return b
}

// tells waits for the next heartbeats.
func (b *beats) tells(t *testing.T, who string) {
	t.Helper()
	before := b.n.Load()
	until(t, who+" tells", func() bool { return b.n.Load() > before+2 })
}

// silent wants none for a few seconds. One that was under way comes through.
func (b *beats) silent(t *testing.T, who string) {
	t.Helper()
	time.Sleep(3 * time.Second)
	before := b.n.Load()
	time.Sleep(4 * time.Second)
	if n := b.n.Load() - before; n > 0 {
		t.Errorf("%s told %d times", who, n)
	}
}

// A keeper that is frozen tells nobody, and goes on once it is not.
func TestHeartbeatOfAFrozenKeeper(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	b := beating(t, s)
	s.start()
	b.tells(t, "a keeper that works")
	for _, round := range []string{"a frozen keeper", "one that is frozen again"} {
		if err := s.keeper.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		b.silent(t, round)
		if err := s.keeper.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		b.tells(t, "a keeper that goes on")
	}
	s.stop()
}

// An account with a proxy of its own goes by it with all that it asks, and a proxy
// that is dead is named and in nobody else's way.
func TestAccountProxy(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	var mu sync.Mutex
	passed := map[string]int{}
	forward := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		passed[r.URL.Path]++
		mu.Unlock()
		r.RequestURI = ""
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	quiet(forward)
	t.Cleanup(forward.Close)
	s.configure(settings{schedule: "@every 1h"})
	s.append(fmt.Sprintf("[[account]]\nname = %q\nproxy = %q\n", account, forward.URL))
	s.start()
	s.login(mid)
	s.wantCode(0, "check", account)
	mu.Lock()
	sum := 0
	for _, n := range passed {
		sum += n
	}
	mu.Unlock()
	if all := s.site.Requests(passporttest.Any); sum != all || sum == 0 {
		t.Errorf("%d of %d requests went by the proxy", sum, all)
	}
	forward.Close()
	host := strings.TrimPrefix(forward.URL, "http://")
	r := s.wantCode(6, "check", account)
	if want := "the proxy " + host + " cannot be reached"; !strings.Contains(r.stdout+r.stderr, want) {
		t.Errorf("check does not say that %s:\n%s%s", want, r.stdout, r.stderr)
	}
	if r := s.cli("doctor"); !strings.Contains(r.stdout, host) {
		t.Errorf("doctor does not name the proxy:\n%s%s", r.stdout, r.stderr)
	}
	s.stop()
}
