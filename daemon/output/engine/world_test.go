package engine

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// canary is in every secret of these tests, and must be in no record.
const canary = "CANARY0f1e2d3c"

func sessdata(generation uint64) string {
	return "1a2b3c4d%2C1799999999%2C" + canary + strings.Repeat("x", int(generation)) + "*81"
}

func credential(account string, generation uint64) keeper.Credential {
	return keeper.Credential{
		Account: account, Site: "web", Mid: 100200300, Generation: generation, RefreshToken: secret.New("token" + canary),
		Cookies: []cookie.Cookie{
			{Name: "SESSDATA", Value: secret.New(sessdata(generation)), HTTPOnly: true, Secure: true},
			{Name: "bili_jct", Value: secret.New("csrf" + canary)},
			{Name: "DedeUserID", Value: secret.New("100200300")},
		},
	}
}

func headerOf(generation uint64) string {
	return "SESSDATA=" + sessdata(generation) + "; bili_jct=csrf" + canary + "; DedeUserID=100200300;"
}

// source shows credentials.
type source struct {
	mu      sync.Mutex
	current map[string]keeper.Credential
	dead    map[string]bool
	changed chan struct{}
	reads   int
	fail    error
	panics  bool
}

func newSource(accounts ...string) *source {
	s := &source{current: map[string]keeper.Credential{}, dead: map[string]bool{}, changed: make(chan struct{})}
	for _, a := range accounts {
		s.current[a] = credential(a, 1)
	}
	return s
}

func (s *source) Credential(_ context.Context, account string) (keeper.Credential, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.panics {
		panic("a text with " + canary)
	}
	c, ok := s.current[account]
	return c, ok && !s.dead[account], s.fail
}

func (s *source) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *source) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *source) rotate(account string, generation uint64) {
	s.change(func() { s.current[account], s.dead[account] = credential(account, generation), false })
}

// ledger keeps records in memory. A test can make it fail or forget.
type ledger struct {
	mu      sync.Mutex
	kept    map[string]Progress
	results []Result
	saves   int
	// forgets makes it take what is saved and lose it, as a crash right after
	// would.
	forgets bool
	fail    error
}

func newLedger() *ledger { return &ledger{kept: map[string]Progress{}} }

func (l *ledger) Load(name string) (Progress, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.kept[name]
	return p, ok, l.fail
}

func (l *ledger) Save(name string, p Progress, results []Result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	l.saves++
	if !l.forgets {
		l.kept[name] = p
	}
	l.results = append(l.results, results...)
	return nil
}

func (l *ledger) told() []Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.results)
}

func (l *ledger) progress(name string) Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept[name]
}

// logged is a log that a test can read.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// stage is an engine that runs, and what it works on.
type stage struct {
	t      *testing.T
	src    *source
	led    *ledger
	log    *logged
	engine *Engine
	cancel context.CancelFunc
	done   chan error
}

func newStage(t *testing.T) *stage {
	return &stage{t: t, src: newSource("main"), led: newLedger(), log: &logged{}}
}

func (s *stage) start(outputs ...Output) {
	s.t.Helper()
	e, err := New(s.src, s.led, zerolog.New(s.log), outputs...)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.engine, s.cancel, s.done = e, cancel, make(chan error, 1)
	go func() { s.done <- e.Run(ctx) }()
}

// stop ends the engine, and looks for secrets in all that it left.
func (s *stage) stop() {
	s.t.Helper()
	s.cancel()
	if err := <-s.done; err != nil {
		s.t.Error(err)
	}
	for name, p := range maps.All(s.led.kept) {
		s.secretless("record of "+name, p)
	}
	s.secretless("results", s.led.told())
	s.secretless("status", s.engine.Status())
	s.secretless("log", s.log.String())
}

func (s *stage) secretless(where string, v any) {
	s.t.Helper()
	if text := sprint(v); strings.Contains(text, canary) {
		s.t.Errorf("a secret is in the %s: %s", where, text)
	}
}

// waitFor polls for something that a real process or the real disk brings
// about.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s did not come about", what)
}

func (s *stage) state(name string) string {
	for _, st := range s.engine.Status() {
		if st.Name == name {
			return st.State
		}
	}
	return ""
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

func headerFile(dir, name string) Output {
	return Output{Name: name, Account: "main", Format: "header", Path: filepath.Join(dir, name+".txt")}
}

var errTest = errors.New("made by the test")
