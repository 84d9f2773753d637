package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/health"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
)

const canary = "canary-5d0c7f0f"

// service is the other side: it notes what it is asked for, and answers.
type service struct {
	mu     sync.Mutex // guards what follows
	asked  []string
	answer func() (*http.Response, error)
	// of the last request
	method, authorization string
}

// RoundTrip implements [http.RoundTripper].
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.RequestURI())
	s.method, s.authorization = r.Method, r.Header.Get("Authorization")
	if s.answer != nil {
		return s.answer()
	}
	return reply(200, ""), nil
}

func reply(status int, location string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Location": {location}}, Body: io.NopCloser(strings.NewReader("OK"))}
}

// take returns what was asked for since the last time.
func (s *service) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.asked
	s.asked = nil
	return list
}

func (s *service) answers(f func() (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// tell runs a heartbeat beside a keeper.
func tell(h *keepertest.Fixture, c config.Heartbeat, working func(context.Context) error) *service {
	h.T.Helper()
	c.Every = config.Duration(5 * time.Minute)
	b, err := New(h.Keeper, c, working)
	if err != nil {
		h.T.Fatal(err)
	}
	s := &service{}
	b.transport = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.Run(ctx) }()
	stop := h.Stop
	h.Stop = func() { cancel(); <-done; stop() }
	time.Sleep(time.Second)
	return s
}

func well(context.Context) error { return nil }

func problems(h *keepertest.Fixture) string {
	return strings.Join(h.Keeper.Problems().Sentences(), "\n")
}

func TestBeats(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		s := tell(h, config.Heartbeat{URL: "https://hc.example.net/" + canary}, well)
		time.Sleep(time.Hour)
		if got := s.take(); len(got) != 13 || got[0] != "/"+canary {
			t.Errorf("within an hour: %v", got)
		}
		if got := problems(h); got != "" {
			t.Errorf("problems: %s", got)
		}
	})
}

// What is told while an account needs a login, to each kind of service.
func TestNeedsLogin(t *testing.T) {
	for _, tt := range []struct{ name, url, fail, up, down string }{
		{"healthchecks", "/ping/" + canary, "/fail", "/ping/" + canary, "/ping/" + canary + "/fail"},
		{"with a query", "/ping/" + canary + "?rid=1", "/fail", "/ping/" + canary + "?rid=1", "/ping/" + canary + "/fail?rid=1"},
		{"uptime kuma", "/api/push/" + canary + "?status={status}&msg={msg}&ping=", "", "/api/push/" + canary + "?status=up&msg=OK&ping=", "/api/push/" + canary + "?status=down&msg=main%20needs%20a%20login&ping="},
		{"gatus", "/api/v1/endpoints/core_keeper/external?success={success}&error={msg}", "",
			"/api/v1/endpoints/core_keeper/external?success=true&error=OK", "/api/v1/endpoints/core_keeper/external?success=false&error=main%20needs%20a%20login"},
		{"plain", "/" + canary, "", "/" + canary, "/" + canary},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keepertest.Run(t, nil, func(h *keepertest.Fixture) {
				h.Login("main", keepertest.Mid)
				s := tell(h, config.Heartbeat{URL: "https://hc.example.net" + tt.url, FailPath: tt.fail}, well)
				if got := s.take(); !slices.Equal(got, []string{tt.up}) {
					t.Errorf("a living account: %v", got)
				}
				h.Kill()
				s.take()
				time.Sleep(5 * time.Minute)
				if got := s.take(); !slices.Equal(got, []string{tt.down}) {
					t.Errorf("a dead one: %v", got)
				}
				h.Login("main", keepertest.Mid)
				s.take()
				time.Sleep(5 * time.Minute)
				if got := s.take(); !slices.Equal(got, []string{tt.up}) {
					t.Errorf("one that lives again: %v", got)
				}
			})
		})
	}
}

// Nothing is told while the keeper does not do its work, and soon after it does.
func TestHeldBack(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		var mu sync.Mutex
		var ill error
		s := tell(h, config.Heartbeat{URL: "https://hc.example.net/"}, func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			return ill
		})
		set := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			ill = err
		}
		s.take()
		set(errors.New("the vault: has not answered a write for 10s"))
		time.Sleep(time.Hour)
		if got := s.take(); len(got) != 0 {
			t.Errorf("told all the same: %v", got)
		}
		if got := problems(h); !strings.Contains(got, "heartbeat: held back: the vault") {
			t.Errorf("problems: %s", got)
		}
		set(nil)
		time.Sleep(time.Minute)
		if got := s.take(); len(got) != 1 || problems(h) != "" {
			t.Errorf("well again: %v, %s", got, problems(h))
		}
	})
}

// The schedule that really stands still holds it back, and so does the vault that
// really is closed.
func TestStoppedKeeper(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		watched := health.New(health.Parts{Keeper: h.Keeper})
		stopKeeper := h.Stop
		s := tell(h, config.Heartbeat{URL: "https://hc.example.net/"}, watched.Working)
		if got := s.take(); len(got) != 1 {
			t.Fatalf("while it runs: %v", got)
		}
		stopBoth := h.Stop
		stopKeeper()
		time.Sleep(time.Hour)
		if got := s.take(); len(got) != 0 {
			t.Errorf("once it has stopped: %v", got)
		}
		h.Stop = stopBoth
	})
}

// A schedule that stands still, beside a vault that works, holds it back.
func TestScheduleStands(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		still, err := keeper.New(keeper.Parts{Vault: h.Vault, Config: h.Config, Version: "test"}) // nobody runs it
		if err != nil {
			t.Fatal(err)
		}
		watched := health.New(health.Parts{Keeper: still})
		s := tell(h, config.Heartbeat{URL: "https://hc.example.net/"}, watched.Working)
		time.Sleep(time.Hour)
		if got := s.take(); len(got) != 0 || !strings.Contains(problems(h), "held back: the schedule: ") {
			t.Errorf("told was %v; problems: %s", got, problems(h))
		}
	})
}

// A service that knows its callers by a token is told with POST, and the token is in
// no print.
func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		s := tell(h, config.Heartbeat{URL: "https://gatus.example.net/external?success={success}", TokenFile: file}, well)
		if got := s.take(); !slices.Equal(got, []string{"/external?success=true"}) || s.method != http.MethodPost || s.authorization != "Bearer "+canary {
			t.Errorf("told was %v with %s and %q", got, s.method, s.authorization)
		}
		if _, err := New(h.Keeper, config.Heartbeat{URL: "https://gatus.example.net/", TokenFile: file + ".gone"}, well); err == nil || !strings.HasPrefix(err.Error(), "heartbeat.token_file") {
			t.Errorf("a file that is not there: %v", err)
		}
	})
}

// A service that does not answer as it should is told of, without the address, and
// holds nothing up.
func TestFailures(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		s := tell(h, config.Heartbeat{URL: "https://" + canary + "-user:" + canary + "@hc.example.net/" + canary + "?" + canary}, well)
		for _, tt := range []struct {
			want   string
			answer func() (*http.Response, error)
		}{
			{"hc.example.net: answered 404 Not Found; there is nothing at this address", func() (*http.Response, error) { return reply(404, ""), nil }},
			{"hc.example.net: answered 302 Found; redirects are not followed", func() (*http.Response, error) { return reply(302, "https://elsewhere.example.net/"+canary), nil }},
			{"hc.example.net: the connection broke off", func() (*http.Response, error) { return nil, fmt.Errorf("broken %s", canary) }},
		} {
			s.answers(tt.answer)
			time.Sleep(5 * time.Minute)
			s.take()
			if got := problems(h); got != "heartbeat: "+tt.want {
				t.Errorf("problems: %s, want %s", got, tt.want)
			}
			time.Sleep(5 * time.Minute)
			if got := s.take(); len(got) != 10 {
				t.Errorf("%s: tried %d times in five minutes", tt.want, len(got))
			}
		}
		s.answers(nil)
		time.Sleep(time.Minute)
		if got := problems(h); got != "" {
			t.Errorf("problems: %s", got)
		}
	})
}

func TestAddressFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "heartbeat.url")
	if err := os.WriteFile(file, []byte("https://hc.example.net/"+canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		s := tell(h, config.Heartbeat{URLFile: file}, well)
		if got := s.take(); !slices.Equal(got, []string{"/" + canary}) {
			t.Errorf("got %v", got)
		}
		if _, err := New(h.Keeper, config.Heartbeat{URLFile: file + ".gone"}, well); err == nil || !strings.HasPrefix(err.Error(), "heartbeat.url_file") {
			t.Errorf("a file that is not there: %v", err)
		}
		b, err := New(h.Keeper, config.Heartbeat{URLFile: file}, well)
		if text := fmt.Sprintf("%v %+v %#v %s", b, b, b, b); err != nil || strings.Contains(text, canary) {
			t.Errorf("%v: %s", err, text)
		}
	})
}

func TestSentence(t *testing.T) {
	for want, names := range map[string][]string{
		"a needs a login":              {"a"},
		"a, b need a login":            {"a", "b"},
		"a, b, c, 2 more need a login": {"a", "b", "c", "d", "e"},
	} {
		if got := sentence(names); got != want {
			t.Errorf("%v: %s", names, got)
		}
	}
	dead, ok := client.CheckDead, client.CheckOK
	s := client.Status{Accounts: []client.Account{
		{Name: "new", State: client.StateNew}, {Name: "valid", State: client.StateValid, LastCheck: &ok},
		{Name: "first", State: client.StateLoggingIn}, {Name: "again", State: client.StateLoggingIn, LastCheck: &dead},
		{Name: "dead", State: client.StateNeedsLogin, LastCheck: &dead},
	}}
	if got := needy(s); !slices.Equal(got, []string{"again", "dead"}) {
		t.Errorf("needy are %v", got)
	}
}
