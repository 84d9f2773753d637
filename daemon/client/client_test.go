package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serve answers on a socket.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return &Client{Socket: path}
}

func TestNoKeeper(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	for _, path := range []string{filepath.Join(dir, "none.sock"), stale, filepath.Join(dir, strings.Repeat("x", 200))} {
		_, err := (&Client{Socket: path}).Status(t.Context())
		if !errors.Is(err, ErrNoKeeper) {
			t.Errorf("%s: %v", path, err)
		}
		if _, ok := errors.AsType[*net.OpError](err); !ok {
			t.Errorf("%s: the reason is lost: %v", path, err)
		}
		err = (&Client{Socket: path}).Watch(t.Context(), WatchQuery{Resume: true}, nil)
		if !errors.Is(err, ErrNoKeeper) {
			t.Errorf("%s: a first connection is waited for: %v", path, err)
		}
	}
}

func TestNoPermission(t *testing.T) {
	c := serve(t, nil)
	if os.Geteuid() == 0 { // whom no mode stops
		c.Dial = func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", os.ErrPermission)}
		}
	} else if err := os.Chmod(c.Socket, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNoPermission) || errors.Is(err, ErrNoKeeper) {
		t.Error(err)
	}
}

func TestAnswers(t *testing.T) {
	problem := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"type":"needs-login","title":"t","status":409,"detail":"d","hint":"h","novel":1}`)
	}
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   error
	}{
		{"problem", problem, &Problem{Type: ProblemNeedsLogin}},
		{"unknown fields", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"novel":1}`) }, nil},
		{"html", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); _, _ = io.WriteString(w, "<html>") }, ErrForeign},
		{"no problem", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(500)
		}, ErrForeign},
		{"no json", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, ErrForeign},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.net/", http.StatusFound)
		}, ErrForeign},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		}, ErrBroken},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ErrBroken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, tc.answer)
			if _, err := c.Account(t.Context(), "main"); !errors.Is(err, tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	_, err := serve(t, problem).Account(t.Context(), "main")
	if p, ok := errors.AsType[*Problem](err); !ok || p.Status != 409 || p.Detail != "d" || p.Hint != "h" {
		t.Errorf("%#v", err)
	}
}

func TestContextEnds(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, stop)
	if _, err := c.Status(ctx); err != context.Canceled {
		t.Error(err)
	}
	if err := c.Follow(ctx, 0, nil); err != context.Canceled {
		t.Error(err)
	}
}

// What a request asks for does not show in the error about it.
func TestErrorsShowNoQuery(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := c.Events(t.Context(), EventQuery{Account: "fake0canary"})
	if !errors.Is(err, ErrBroken) || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func TestRequests(t *testing.T) {
	var got string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = strings.Join([]string{r.Method, r.Host, r.RequestURI, r.Header.Get("Content-Type"), string(body)}, " ")
		w.Header().Set("ETag", `"7"`)
		if strings.HasSuffix(r.URL.Path, "qr.png") {
			w.Header().Set("Content-Type", "image/png")
		}
		if r.URL.Path == "/v1/events" {
			_, _ = io.WriteString(w, "[]")
			return
		}
		_, _ = io.WriteString(w, "{}")
	})
	ctx, tags := t.Context(), []string{"a"}
	for want, call := range map[string]func() error{
		"GET bilikeeper /v1/accounts/a%2Fb%20%C3%BC  ": func() error { _, err := c.Account(ctx, "a/b ü"); return err },
		"DELETE bilikeeper /v1/accounts/main  ":        func() error { return c.Forget(ctx, "main") },
		`PATCH bilikeeper /v1/accounts/main application/json {"tags":["a"]}`: func() error {
			_, err := c.Patch(ctx, "main", AccountPatch{Tags: &tags})
			return err
		},
		`POST bilikeeper /v1/accounts/main/check application/json {"force":true}`: func() error { _, err := c.Check(ctx, "main", true); return err },
		`POST bilikeeper /v1/logins application/json {"account":"main"}`: func() error {
			_, err := c.StartLogin(ctx, LoginRequest{Account: "main"})
			return err
		},
		"GET bilikeeper /v1/logins/x?after=3&wait=30s  ": func() error { _, err := c.WaitLogin(ctx, "x", 3, 30*time.Second); return err },
		"GET bilikeeper /v1/logins/x/qr.png  ":           func() error { _, err := c.LoginPNG(ctx, "x"); return err },
		"GET bilikeeper /v1/accounts/main/credential  ":  func() error { _, err := c.Credential(ctx, "main", CredentialOptions{}); return err },
		"POST bilikeeper /v1/notify/phone/test  ":        func() error { _, err := c.TestChannel(ctx, "phone"); return err },
		"GET bilikeeper /v1/events?account=a&limit=2&type=x%2Cy  ": func() error {
			_, err := c.Events(ctx, EventQuery{Account: "a", Types: []string{"x", "y"}, Limit: 2})
			return err
		},
		"GET bilikeeper /v1/accounts/main/credential?after=7&format=json&stale=true&wait=30s&with_refresh_token=true  ": func() error {
			got, err := c.Credential(ctx, "main", CredentialOptions{Format: "json", Stale: true, WithRefreshToken: true, After: 7, Wait: 30 * time.Second})
			if got.Generation != 7 {
				t.Errorf("generation %d", got.Generation)
			}
			return err
		},
	} {
		if err := call(); err != nil || got != want {
			t.Errorf("%v\n got %q\nwant %q", err, got, want)
		}
	}
}

func TestCredentialsDoNotPrint(t *testing.T) {
	c := Credential{Body: []byte("fake0canary"), Generation: 3}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		got := fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c)
		if strings.Contains(got, "canary") || strings.Contains(got, "63616e") || strings.Contains(got, "99 97 110") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func TestDefaultSocket(t *testing.T) {
	for _, tc := range []struct {
		env    map[string]string
		uid    int
		system string
		want   string
	}{
		{map[string]string{"BILIKEEPER_SOCKET": "/s", "XDG_RUNTIME_DIR": "/run/user/7"}, 7, "linux", "/s"},
		{map[string]string{"HOME": "/home/a", "XDG_RUNTIME_DIR": "/run/user/7"}, 7, "linux", "/run/user/7/bilikeeper/control.sock"},
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/0"}, 0, "linux", "/run/bilikeeper/control.sock"},
		{map[string]string{"HOME": "/home/a", "XDG_RUNTIME_DIR": "relative"}, 7, "linux", "/home/a/.local/state/bilikeeper/control.sock"},
		{map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "/st"}, 7, "linux", "/st/bilikeeper/control.sock"},
		{map[string]string{}, 7, "linux", "/home/of/7/.local/state/bilikeeper/control.sock"},
		{map[string]string{"HOME": "/var/lib/x", "RUNTIME_DIRECTORY": "/run/bilikeeper"}, 7, "linux", "/run/bilikeeper/control.sock"},
		{map[string]string{"HOME": "/home/a", "XDG_RUNTIME_DIR": "/x"}, 7, "darwin", "/home/a/Library/Application Support/bilikeeper/control.sock"},
		{map[string]string{}, 0, "darwin", "/var/run/bilikeeper/control.sock"},
		{map[string]string{"HOME": "/home/a", "BILIKEEPER_STATE_DIR": "/my"}, 7, "linux", "/my/control.sock"},
	} {
		if got := defaultSocket(func(k string) string { return tc.env[k] }, tc.uid, tc.system, "/home/of/7"); got != tc.want {
			t.Errorf("%v: %s", tc, got)
		}
	}
}

func TestReadStream(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		position   uint64
		got        string
		err        error
	}{
		{"one", "id: 3\nevent: x\ndata: {\"id\":3}\n\n", 3, "3", nil},
		{"comment and position", ": hello\nid: 9\n\n", 9, "", nil},
		{"no spaces, crlf", "id:3\r\ndata:{\"id\":3}\r\n\r\n", 3, "3", nil},
		{"two lines of data", "data: {\ndata: \"id\":4}\n\n", 1, "4", nil},
		{"cut before its end", "id: 3\ndata: {\"id\":3}\n", 1, "", nil},
		{"unknown field", "retry: 5\nid: 2\ndata: {\"id\":2}\n\nid: 3\n", 2, "2", nil},
		{"no json", "data: x\n\n", 1, "", ErrForeign},
		{"no number", "id: x\n\n", 1, "", ErrForeign},
	} {
		t.Run(tc.name, func(t *testing.T) {
			position, got := uint64(1), ""
			err := readStream(strings.NewReader(tc.text), &position, func(e Event) error {
				got += strconv.FormatUint(e.ID, 10)
				return nil
			})
			if !errors.Is(err, tc.err) || position != tc.position || got != tc.got {
				t.Errorf("%v, position %d, got %q", err, position, got)
			}
		})
	}
}

func FuzzReadStream(f *testing.F) {
	f.Add("id: 3\nevent: x\ndata: {\"id\":3}\n\n: \n\n")
	f.Add("data: {}\n\ndata\n\nid\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		var position uint64
		_ = readStream(strings.NewReader(text), &position, func(Event) error { return nil })
	})
}

// Between attempts at a keeper that is away lie growing pauses.
func TestResumeIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials []time.Duration
		began := time.Now()
		c := &Client{Dial: func(context.Context) (net.Conn, error) {
			dials = append(dials, time.Since(began))
			if len(dials) > 1 {
				return nil, net.ErrClosed
			}
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				buf := make([]byte, 4096)
				_, _ = far.Read(buf)
				_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 5\n\n")
			}()
			return near, nil
		}}
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Second)
		defer stop()
		err := c.Watch(ctx, WatchQuery{After: Live, Resume: true}, func(Event) error { return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		var seconds []string
		for _, d := range dials {
			seconds = append(seconds, strconv.Itoa(int(d.Seconds())))
		}
		if got := strings.Join(seconds, " "); got != "0 1 3 7 15 31 61 91" {
			t.Errorf("dialled at %s", got)
		}
	})
}
