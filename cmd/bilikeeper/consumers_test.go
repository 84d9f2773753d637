//go:build consumers

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Real tools that are run by exec --watch, against a place that never comes to its
// end.
func TestWatchedConsumers(t *testing.T) {
	if _, err := exec.LookPath("yt-dlp"); err != nil {
		t.Skip("yt-dlp is not installed here")
	}
	p := scripts("testdata/consumers")
	usual := p.Setup
	p.Setup = func(env *testscript.Env) error {
		v := &videos{}
		place := httptest.NewTLSServer(v)
		proxy := httptest.NewServer(through(place.Listener.Addr().String()))
		env.Defer(func() {
			place.CloseClientConnections()
			place.Close()
			proxy.Close()
		})
		env.Values[videosKey] = v
		env.Setenv("PROXY", proxy.URL)
		return usual(env)
	}
	p.Cmds["sessions"], p.Cmds["newest"] = cmdSessions, cmdNewest
	testscript.Run(t, p)
}

const videosKey = "videos"

// videos sends the beginning of a video to whoever asks, and keeps the sessions
// that were sent along, each once.
type videos struct {
	mu       sync.Mutex // guards sessions
	sessions []string
}

func (v *videos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	session := "none"
	if c, err := r.Cookie("SESSDATA"); err == nil {
		session = c.Value
	}
	v.mu.Lock()
	if n := len(v.sessions); n == 0 || v.sessions[n-1] != session {
		v.sessions = append(v.sessions, session)
	}
	v.mu.Unlock()
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Content-Length", "100000000")
	_, _ = w.Write(make([]byte, 64<<10))
	if f, ok := w.(http.Flusher); ok && r.Method == http.MethodGet {
		f.Flush()
		<-r.Context().Done()
	}
}

// through is a proxy that leads to one place, whatever is asked for.
func through(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		far, err := net.Dial("tcp", address)
		if err != nil || r.Method != http.MethodConnect {
			http.Error(w, "no way", http.StatusBadGateway)
			return
		}
		defer far.Close()
		w.WriteHeader(http.StatusOK)
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer near.Close()
		var back sync.WaitGroup
		back.Go(func() {
			_, _ = io.Copy(near, far)
			_ = near.Close()
		})
		_, _ = io.Copy(far, near)
		_ = far.Close()
		back.Wait()
	})
}

// cmdSessions waits until so many sessions were sent one after the other, and
// prints them: sessions N.
func cmdSessions(ts *testscript.TestScript, _ bool, args []string) {
	v := ts.Value(videosKey).(*videos)
	ts.Check(retry(func() error {
		v.mu.Lock()
		defer v.mu.Unlock()
		if fmt.Sprint(len(v.sessions)) != args[0] {
			return fmt.Errorf("sent were %q", v.sessions)
		}
		_, err := fmt.Fprintln(ts.Stdout(), strings.Join(v.sessions, "\n"))
		return err
	}))
}

// cmdNewest waits until the session that was sent last is the one in a credential:
// newest FILE.
func cmdNewest(ts *testscript.TestScript, _ bool, args []string) {
	v, credential := ts.Value(videosKey).(*videos), ts.ReadFile(args[0])
	ts.Check(retry(func() error {
		v.mu.Lock()
		defer v.mu.Unlock()
		if n := len(v.sessions); n == 0 || !strings.Contains(credential, `"`+v.sessions[n-1]+`"`) {
			return fmt.Errorf("sent were %q, the newest is in %s", v.sessions, credential)
		}
		return nil
	}))
}
