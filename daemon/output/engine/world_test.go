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
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// canary is in every secret of these tests, and must be in no record.
const canary = "CANARY0f1e2d3c"

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

// stage is an engine that runs on a keeper whose account "main" is logged in.
type stage struct {
	*keepertest.Fixture
	led    *ledger
	log    *logged
	engine *Engine
	cancel context.CancelFunc
	done   chan error
	// secrets are what the credentials had in them.
	secrets []string
}

// onStage runs a test with one that is not started yet.
func onStage(t *testing.T, test func(t *testing.T, s *stage)) {
	t.Helper()
	keepertest.Run(t, func(c *config.Config) {
		c.Limits.RequestsPerMinute, c.Limits.RefreshesPerHour = 1000, 1000
	}, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		test(h.T, &stage{Fixture: h, led: newLedger(), log: &logged{}})
	})
}

// made is an engine without anything to deliver.
func made(outputs ...Output) (*Engine, error) {
	e := &Engine{}
	for _, o := range outputs {
		if err := e.add(o, nil, newLedger(), zerolog.Nop()); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (s *stage) start(outputs ...Output) {
	s.T.Helper()
	s.note("main")
	e := &Engine{}
	for _, o := range outputs {
		if err := e.add(o, s.Keeper, s.led, zerolog.New(s.log)); err != nil {
			s.T.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.engine, s.cancel, s.done = e, cancel, make(chan error, 1)
	go func() { s.done <- e.Run(ctx) }()
}

// note keeps what is secret in an account's credential.
func (s *stage) note(account string) {
	c := s.Keeper.Credentials().Held(account)
	s.secrets = append(s.secrets, c.Value("SESSDATA"), c.Value("bili_jct"), c.RefreshToken.Reveal())
}

// rotate has an account's credential replaced, and waits for what comes of it.
func (s *stage) rotate(account string) {
	s.T.Helper()
	if _, err := s.Keeper.Accounts().Refresh(s.T.Context(), account, true); err != nil {
		s.T.Fatal(err)
	}
	s.note(account)
	synctest.Wait()
}

// stir puts an entry into the journal that changes no credential.
func (s *stage) stir() {
	s.T.Helper()
	if err := s.Keeper.Store().Tell(store.Of("main", client.LoginScan{})...); err != nil {
		s.T.Fatal(err)
	}
	synctest.Wait()
}

// die ends the session of "main" and waits for what comes of it.
func (s *stage) die() {
	s.T.Helper()
	s.Die("main", keepertest.Mid)
	synctest.Wait()
}

// rendered is an account's credential in a format.
func (s *stage) rendered(account, format string) string {
	s.T.Helper()
	r, err := output.Render(format, s.Keeper.Credentials().Held(account), output.Options{})
	if err != nil {
		s.T.Fatal(err)
	}
	return string(r.Body)
}

// header is the credential of "main" as most of these outputs write it.
func (s *stage) header() string { s.T.Helper(); return s.rendered("main", "header") }

// stop ends the engine, and looks for secrets in all that it left.
func (s *stage) stop() {
	s.T.Helper()
	s.cancel()
	if err := <-s.done; err != nil {
		s.T.Error(err)
	}
	for name, p := range maps.All(s.led.kept) {
		s.secretless("record of "+name, p)
	}
	s.secretless("results", s.led.told())
	s.secretless("status", s.engine.Status())
	s.secretless("log", s.log.String())
}

func (s *stage) secretless(where string, v any) {
	s.T.Helper()
	text := sprint(v)
	for _, secret := range append(s.secrets, canary) {
		if secret != "" && strings.Contains(text, secret) {
			s.T.Errorf("a secret is in the %s: %s", where, text)
		}
	}
}

// patience bounds each single wait. It is far above what anything takes, on a
// machine with other work too.
const patience = time.Minute

// waitFor polls for something that a real process or the real disk brings
// about.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
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
