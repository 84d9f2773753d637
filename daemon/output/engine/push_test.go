package engine

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// hang answers nothing until the request is given up.
type hang struct{}

func (hang) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, errors.New("gave up on " + r.URL.String())
}

// deaf does not even hear that.
type deaf struct {
	release chan struct{}
	calls   atomic.Int32
}

func (d *deaf) RoundTrip(*http.Request) (*http.Response, error) {
	d.calls.Add(1)
	<-d.release
	return nil, errTest
}

// answers gives one status after another, the last again and again, and keeps
// what it was sent.
type answers struct {
	status []int
	header string
	body   string

	mu   sync.Mutex
	sent []sent
}

type sent struct {
	method, url, body string
	header            http.Header
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = append(a.sent, sent{r.Method, r.URL.String(), string(body), r.Header})
	resp := &http.Response{StatusCode: a.status[min(len(a.sent), len(a.status))-1], Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}
	if name, value, ok := strings.Cut(a.header, ": "); ok {
		resp.Header.Set(name, value)
	}
	return resp, nil
}

func (a *answers) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sent)
}

// handled answers requests in memory.
type handled http.HandlerFunc

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h(w, r)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

func pushed(a *answers, p Push) Output {
	p.URL, p.Transport = "https://user:"+canary+"@example.net/"+canary+"?key="+canary, a
	return Output{Name: "a", Account: "main", Format: "header", Push: &p}
}

// What each status means: sent again, or left alone until there is another
// credential.
func TestPushStatus(t *testing.T) {
	tests := []struct {
		status []int
		header string
		want   int // requests in an hour
		state  string
	}{
		{[]int{204}, "", 1, StateOK},
		{[]int{200}, "", 1, StateOK},
		{[]int{500, 503, 408, 425, 429, 200}, "", 6, StateOK},
		{[]int{302}, "Location: https://example.org/" + canary, 1, StateFailed},
		{[]int{400}, "", 1, StateFailed},
		{[]int{401}, "", 1, StateFailed},
		{[]int{410}, "", 1, StateFailed},
		{[]int{429}, "Retry-After: 1500", 3, StateRetrying},
		{[]int{503}, "Retry-After: 99999999999999999999", 1, StateRetrying},
		{[]int{503, 200}, "Retry-After: Sat, 01 Jan 2000 00:30:00 GMT", 2, StateOK},
	}
	for _, tt := range tests {
		onStage(t, func(t *testing.T, s *stage) {
			a := &answers{status: tt.status, header: tt.header}
			s.start(pushed(a, Push{}))
			time.Sleep(time.Hour - time.Minute)
			synctest.Wait()
			if n := a.count(); n != tt.want || s.state("a") != tt.state {
				t.Errorf("%v %s: %d requests, %s", tt.status, tt.header, n, s.state("a"))
			}
			// Only a change sends again what arrived, or what was refused.
			s.stir()
			if n := a.count(); n != tt.want {
				t.Errorf("%v: %d requests although nothing changed", tt.status, n)
			}
			if tt.state != StateRetrying {
				s.rotate("main")
				if n := a.count(); n != tt.want+1 {
					t.Errorf("%v: %d requests after a change", tt.status, n)
				}
			}
			s.stop()
		})
	}
}

func TestPushRequest(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		a := &answers{status: []int{204}}
		key := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(key, []byte("Bearer one"+canary+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		o := pushed(a, Push{Method: "PUT", Version: "1.2", Headers: []Header{{"Authorization", File(key)}, {"X-Test", Text("yes")}}})
		o.Format, o.Template = "template", `{"sessdata":{{json (cookie "SESSDATA")}}}`
		sessions := []string{s.SESSDATA()}
		s.start(o)
		synctest.Wait()
		// The key is read anew for each request.
		if err := os.WriteFile(key, []byte("Bearer two"+canary), 0o600); err != nil {
			t.Fatal(err)
		}
		s.rotate("main")
		sessions = append(sessions, s.SESSDATA())
		if len(a.sent) != 2 {
			t.Fatalf("%d requests", len(a.sent))
		}
		for i, want := range []string{"Bearer one", "Bearer two"} {
			r := a.sent[i]
			if r.method != "PUT" || r.header.Get("X-Test") != "yes" || r.header.Get("Authorization") != want+canary || r.header.Get("User-Agent") != "bilikeeper/1.2" ||
				r.body != `{"sessdata":"`+sessions[i]+`"}` || !strings.HasSuffix(r.url, "/"+canary+"?key="+canary) {
				t.Errorf("sent %+v", r)
			}
		}
		// A key that everybody can read is not used, and one that breaks the
		// header is not sent.
		for mode, content := range map[os.FileMode]string{0o644: "x" + canary, 0o600: "x\r\nY: " + canary, 0o640: ""} {
			if err := errors.Join(os.WriteFile(key, []byte(content), 0o600), os.Chmod(key, mode)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.engine.RunNow(t.Context(), "a"); err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("mode %v: %v", mode, err)
			}
		}
		if len(a.sent) != 2 {
			t.Errorf("%d requests", len(a.sent))
		}
		s.stop()
	})
}

// Without a preset the secret is the whole of an Authorization header, and the
// type of the content can be said.
func TestPushOfOnesOwn(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		a := &answers{status: []int{204}}
		s.start(pushed(a, Push{Secret: Text("Bearer " + canary), ContentType: "text/x-cookie"}))
		synctest.Wait()
		if len(a.sent) != 1 || a.sent[0].method != "POST" || a.sent[0].header.Get("Authorization") != "Bearer "+canary ||
			a.sent[0].header.Get("Content-Type") != "text/x-cookie" || a.sent[0].body != s.header() {
			t.Errorf("sent %+v", a.sent)
		}
		s.stop()
	})
}

// A proxy that was named is used; what it refuses is tried again, and what it
// says is not repeated.
func TestPushByProxy(t *testing.T) {
	var seen atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization"))
		http.Error(w, canary, http.StatusForbidden)
	}))
	defer proxy.Close()
	address := strings.Replace(proxy.URL, "http://", "http://user:"+canary+"@", 1)
	onStage(t, func(t *testing.T, s *stage) {
		s.start(Output{Name: "a", Account: "main", Format: "header", Push: &Push{URL: "https://example.invalid/" + canary, Proxy: secret.New(address)}})
		waitFor(t, "the failure", func() bool { return s.state("a") == StateRetrying })
		if got, _ := seen.Load().(string); !strings.HasPrefix(got, "CONNECT example.invalid:443 Basic ") {
			t.Errorf("the proxy saw %q", got)
		}
		if p := s.led.progress("a"); p.LastError != "push: example.invalid: the proxy refuses" {
			t.Errorf("recorded %q", p.LastError)
		}
		s.stop()
	})
}

func TestPresets(t *testing.T) {
	tests := []struct {
		preset, secret, method, path, auth string
		body                               func(line string) any
	}{
		{output.PresetBlrec, "key" + canary, "PATCH", "/base/api/v1/settings", "", func(line string) any {
			return map[string]any{"header": map[string]any{"cookie": line}}
		}},
		{output.PresetBililiveRecorder, "user:pass:" + canary, "POST", "/base/api/config/global", "Basic ", func(line string) any {
			return map[string]any{"optionalCookie": map[string]any{"hasValue": true, "value": line}}
		}},
	}
	tested := []string{output.PresetBiliSync} // by itself, below
	for _, tt := range tests {
		tested = append(tested, tt.preset)
		t.Run(tt.preset, func(t *testing.T) {
			onStage(t, func(t *testing.T, s *stage) {
				a := &answers{status: []int{200}}
				s.start(Output{Name: "a", Account: "main", Push: &Push{Preset: tt.preset, URL: "http://127.0.0.1:2233/base/", Secret: Text(tt.secret), Transport: a}})
				synctest.Wait()
				s.stop()
				var body any
				if s.state("a") != StateOK || len(a.sent) != 1 || json.Unmarshal([]byte(a.sent[0].body), &body) != nil {
					t.Fatalf("got %+v", a.sent)
				}
				got := a.sent[0]
				if diff := cmp.Diff(tt.body(s.header()), body); diff != "" || got.method != tt.method || !strings.HasSuffix(got.url, ":2233"+tt.path) {
					t.Errorf("%s %s %s", got.method, got.url, diff)
				}
				if auth := got.header.Get("Authorization"); !strings.HasPrefix(auth, tt.auth) || tt.auth == "" && (auth != "" || got.header.Get("X-Api-Key") != tt.secret) {
					t.Errorf("it proved itself with %v", got.header)
				}
				if strings.Contains(got.body, s.Keeper.Credentials().Held("main").RefreshToken.Reveal()) {
					t.Error("the refresh token was sent unasked")
				}
			})
		})
	}
	slices.Sort(tested)
	if diff := cmp.Diff(Presets(), tested); diff != "" {
		t.Errorf("not every preset is tested: %s", diff)
	}
}

// bili-sync's configuration goes back as it was, with another credential in it.
func TestBiliSync(t *testing.T) {
	config := `{"auth_token":"x","interval":1200,"ratio":1.50,"big":12345678901234567890,"credential":{"sessdata":"old","bili_jct":"old","buvid3":"own",` +
		`"dedeuserid":"1","ac_time_value":"old","extra":true},"list":[{"a":null}]}`
	var puts []string
	var status atomic.Int32
	service := handled(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/config" || r.Header.Get("Authorization") != "token-of-bili-sync" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPut {
			body, _ := io.ReadAll(r.Body)
			puts, config = append(puts, string(body)), string(body)
		}
		if code := int(status.Load()); code != 0 {
			w.WriteHeader(code)
		}
		_, _ = io.WriteString(w, `{"status_code":200,"data":`+config+`}`)
	})
	onStage(t, func(t *testing.T, s *stage) {
		push := &Push{Preset: output.PresetBiliSync, URL: "http://127.0.0.1:12345", Secret: Text("token-of-bili-sync"), Transport: service}
		s.start(Output{Name: "a", Account: "main", Push: push})
		synctest.Wait()
		c := s.Keeper.Credentials().Held("main")
		want := `{"auth_token":"x","big":12345678901234567890,"credential":{"ac_time_value":"","bili_jct":"` + c.Value("bili_jct") + `","buvid3":"` + c.Value("buvid3") + `","dedeuserid":"100200300",` +
			`"extra":true,"sessdata":"` + c.Value("SESSDATA") + `"},"interval":1200,"list":[{"a":null}],"ratio":1.50}`
		if len(puts) != 1 || puts[0] != want {
			t.Errorf("put %s\nwant %s", puts, want)
		}
		// It has that already.
		if _, err := s.engine.RunNow(t.Context(), "a"); err != nil || len(puts) != 1 || len(s.led.told()) != 1 {
			t.Errorf("%v, %d puts, %d told", err, len(puts), len(s.led.told()))
		}
		for _, broken := range []string{`"`, `[]`, `{"credential":7}`, `{"credential":null}`} {
			config = broken
			if _, err := s.engine.RunNow(t.Context(), "a"); err == nil && broken != `{"credential":null}` {
				t.Errorf("%s was taken for a configuration", broken)
			}
		}
		status.Store(401)
		if _, err := s.engine.RunNow(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "look at its key") {
			t.Errorf("got %v", err)
		}
		s.stop()
	})
}

// A refused connection, without the address.
func TestPushAddress(t *testing.T) {
	p, err := newPusher(Push{URL: "http://localhost:1/" + canary})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.do(t.Context(), outbound.Request{})
	if err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "localhost:1: no connection") {
		t.Errorf("got %v", err)
	}
}
