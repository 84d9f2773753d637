package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/output"
)

func sprint(v any) string {
	text, _ := json.Marshal(v)
	return fmt.Sprintf("%+v %s", v, text)
}

func TestFollowsTheCredential(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		o := headerFile(dir, "a")
		s.start(o)
		synctest.Wait()
		first := s.header()
		wantFile(t, o.Path, first)
		info, err := os.Stat(o.Path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}

		// Nothing new: the file is not touched, and nothing is saved.
		saves := s.led.saves
		s.stir()
		time.Sleep(240 * time.Hour)
		synctest.Wait()
		again, err := os.Stat(o.Path)
		if err != nil || !os.SameFile(info, again) || s.led.saves != saves {
			t.Errorf("an unchanged file was written: %v, %d saves", err, s.led.saves-saves)
		}
		s.rotate("main")
		if s.header() == first {
			t.Fatal("the credential is the same")
		}
		wantFile(t, o.Path, s.header())
		if got := s.led.told(); len(got) != 2 || got[1].Outcome != OutcomeWritten || got[1].Generation != 2 || got[1].Stage != StageFile {
			t.Errorf("told %+v", got)
		}
		p := s.engine.Status()[0]
		if p.State != StateOK || p.Generation != 2 || p.WrittenAt.IsZero() || p.Place != o.Path || p.Kind != StageFile {
			t.Errorf("status %+v", p)
		}
		s.stop()
	})
}

func TestDeadIsNeverWritten(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		s.die()
		o := headerFile(dir, "a")
		o.OnChange = []Command{{"touch", filepath.Join(dir, "ran")}}
		other := headerFile(dir, "b")
		other.Account = "nobody"
		s.start(o, other)
		synctest.Wait()
		if _, err := os.Stat(o.Path); err == nil || s.state("a") != StateWaiting || s.state("b") != StateWaiting {
			t.Errorf("a dead credential was written: %+v", s.engine.Status())
		}
		if _, err := s.engine.RunNow(t.Context(), "a"); !errors.Is(err, ErrNoCredential) {
			t.Errorf("got %v", err)
		}
		s.Login("main", keepertest.Mid)
		synctest.Wait()
		living := s.header()
		wantFile(t, o.Path, living)
		s.die()
		s.stir()
		wantFile(t, o.Path, living)
		s.stop()
	})
}

// One output's failure touches no other, is tried again at a growing distance,
// and is told of once.
func TestOneBroken(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		broken := headerFile(filepath.Join(dir, "missing"), "broken")
		hanging := Output{Name: "hanging", Account: "main", Format: "json", Push: &Push{URL: "https://example.net/" + canary, Transport: hang{}}}
		works := headerFile(dir, "works")
		begun := time.Now()
		s.start(broken, hanging, works)
		synctest.Wait()
		wantFile(t, works.Path, s.header())
		if time.Since(begun) != 0 {
			t.Errorf("it waited %v for the others", time.Since(begun))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		p := s.led.progress("broken")
		// 1+2+4+…+256 s, then every 5 min, each a fifth more or less.
		if p.Attempts < 17 || p.Attempts > 25 || !strings.Contains(p.LastError, "make it with mkdir -p") {
			t.Errorf("%d attempts in an hour, %s", p.Attempts, p.LastError)
		}
		told := map[string]int{}
		for _, r := range s.led.told() {
			told[r.Output+" "+r.Outcome]++
		}
		if told["broken failed"] != 1 || told["hanging failed"] != 1 || told["works written"] != 1 {
			t.Errorf("told %v", told)
		}
		if s.state("broken") != StateRetrying || s.state("hanging") != StateRetrying || s.state("works") != StateOK {
			t.Errorf("states %+v", s.engine.Status())
		}
		// A new credential does not wait for the next retry of a file.
		if err := os.Mkdir(filepath.Dir(broken.Path), 0o700); err != nil {
			t.Fatal(err)
		}
		s.rotate("main")
		wantFile(t, broken.Path, s.header())
		if p := s.led.progress("broken"); p.Attempts != 0 || p.LastError != "" || !p.RetryAt.IsZero() {
			t.Errorf("the failure is not over: %+v", p)
		}
		s.stop()
	})
}

// The retry's time outlives a restart, and a clock that is set back does not
// make it years.
func TestRetrySurvives(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		down := &answers{status: []int{503}, header: "Retry-After: 600"}
		o := Output{Name: "a", Account: "main", Format: "json", Push: &Push{URL: "https://example.net", Transport: down}}
		s.start(o)
		synctest.Wait()
		s.stop()
		begun := time.Now()
		s.start(o)
		s.rotate("main")
		time.Sleep(time.Until(begun.Add(9 * time.Minute)))
		if n := down.count(); n != 1 {
			t.Errorf("%d requests in the time in which it wanted none", n)
		}
		time.Sleep(2 * time.Minute)
		if n := down.count(); n != 2 {
			t.Errorf("%d requests", n)
		}
		s.stop()
		p := s.led.kept["a"]
		p.FailedAt, p.RetryAt = time.Now().Add(9000*time.Hour), time.Now().Add(9001*time.Hour)
		s.led.kept["a"] = p
		s.start(o)
		synctest.Wait()
		if n := down.count(); n != 3 {
			t.Errorf("%d requests after the clock was set back", n)
		}
		s.stop()
	})
}

// What cannot be rendered is told of once, and again only when it is another.
func TestCannotRender(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		o := Output{Name: "a", Account: "main", Format: "template", Template: "{{index .cookies .generation}}{{.nothing}}", Path: filepath.Join(dir, "a")}
		s.start(o)
		synctest.Wait()
		for range 3 {
			s.stir()
			time.Sleep(time.Hour)
		}
		if p := s.led.progress("a"); p.Attempts != 1 || s.state("a") != StateFailed || len(s.led.told()) != 1 || s.led.told()[0].Stage != StageRender {
			t.Errorf("%+v, %+v", p, s.led.told())
		}
		s.rotate("main")
		if p := s.led.progress("a"); p.Attempts != 2 {
			t.Errorf("%+v", p)
		}
		s.stop()
	})
}

// A ledger that fails costs retries, never a crash.
func TestTroubleOutside(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		fails := func(err error) {
			s.led.mu.Lock()
			defer s.led.mu.Unlock()
			s.led.fail = err
		}
		o := headerFile(t.TempDir(), "a")
		fails(errTest)
		s.start(o)
		time.Sleep(time.Minute)
		fails(nil)
		time.Sleep(time.Minute)
		wantFile(t, o.Path, s.header())
		fails(errTest)
		s.rotate("main")
		wantFile(t, o.Path, s.header())
		fails(nil)
		time.Sleep(time.Minute)
		if s.led.progress("a").Generation != 2 {
			t.Error("what was done while the ledger was away was not saved later")
		}
		s.stop()
	})
}

// A write that the system does not let go of holds up neither the others nor
// the shutdown, and no second one is begun beside it.
func TestLeftBehind(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		deaf := &deaf{release: make(chan struct{})}
		s.start(Output{Name: "a", Account: "main", Format: "json", Push: &Push{URL: "https://example.net", Transport: deaf}})
		time.Sleep(10 * time.Minute)
		if n := deaf.calls.Load(); n != 1 {
			t.Errorf("%d requests at once", n)
		}
		if p := s.led.progress("a"); !strings.Contains(p.LastError, ErrBusy.Error()) {
			t.Errorf("%+v", p)
		}
		begun := time.Now()
		s.stop()
		if took := time.Since(begun); took > grace+settle {
			t.Errorf("the shutdown took %v", took)
		}
		close(deaf.release)
	})
}

func TestRunNow(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		o := headerFile(dir, "a")
		s.start(o)
		synctest.Wait()
		// What yt-dlp does to the file that it is given: left alone until there is
		// a change, and put right when somebody asks.
		if err := os.WriteFile(o.Path, []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.stir()
		wantFile(t, o.Path, "theirs")
		st, err := s.engine.RunNow(t.Context(), "a")
		if err != nil || st.State != StateOK || st.Generation != 1 {
			t.Errorf("%+v, %v", st, err)
		}
		wantFile(t, o.Path, s.header())
		if err := os.WriteFile(o.Path, []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.rotate("main")
		wantFile(t, o.Path, s.header())
		// A file that is gone, or open to others, is mended at any occasion.
		if err := os.Remove(o.Path); err != nil {
			t.Fatal(err)
		}
		s.stir()
		wantFile(t, o.Path, s.header())
		if err := os.Chmod(o.Path, 0o644); err != nil {
			t.Fatal(err)
		}
		s.stir()
		if info, err := os.Stat(o.Path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file is still %v, %v", info.Mode(), err)
		}
		if _, err := s.engine.RunNow(t.Context(), "b"); !errors.Is(err, ErrNoOutput) {
			t.Errorf("got %v", err)
		}
		s.stop()
		if _, err := s.engine.RunNow(t.Context(), "a"); !errors.Is(err, ErrStopped) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.engine.Run(ctx); err == nil {
			t.Error("an engine ran twice")
		}
	})
}

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name string
		o    Output
		want string
	}{
		{"no account", Output{Name: "a", Format: "json", Path: "/x"}, "needs a name and an account"},
		{"nowhere", Output{Name: "a", Account: "m", Format: "json"}, "nowhere"},
		{"both", Output{Name: "a", Account: "m", Format: "json", Path: "/x", Push: &Push{}}, "make two"},
		{"relative", Output{Name: "a", Account: "m", Format: "json", Path: "x"}, "not absolute"},
		{"open", Output{Name: "a", Account: "m", Format: "json", Path: "/x", Mode: 0o644}, "everybody"},
		{"setuid", Output{Name: "a", Account: "m", Format: "json", Path: "/x", Mode: os.ModeSetuid | 0o600}, "permissions alone"},
		{"format", Output{Name: "a", Account: "m", Format: "xml", Path: "/x"}, "unknown format"},
		{"token", Output{Name: "a", Account: "m", Format: "header", Path: "/x", WithRefreshToken: true}, "no place for the refresh token"},
		{"template", Output{Name: "a", Account: "m", Format: "template", Template: "{{", Path: "/x"}, "template"},
		{"command", Output{Name: "a", Account: "m", OnChange: []Command{{}}}, "names no program"},
		{"url", Output{Name: "a", Account: "m", Format: "json", Push: &Push{URL: "https://" + canary + "%zz"}}, "cannot be read"},
		{"scheme", Output{Name: "a", Account: "m", Format: "json", Push: &Push{URL: "ftp://example.net"}}, "must begin with"},
		{"plain", Output{Name: "a", Account: "m", Format: "json", Push: &Push{URL: "http://example.net/" + canary}}, "plain http"},
		{"metadata", Output{Name: "a", Account: "m", Format: "json", Push: &Push{URL: "http://169.254.169.254/"}}, "refused"},
		{"preset", Output{Name: "a", Account: "m", Push: &Push{URL: "http://127.0.0.1", Preset: "x"}}, "no preset"},
		{"preset's token", Output{Name: "a", Account: "m", WithRefreshToken: true, Push: &Push{URL: "http://127.0.0.1", Preset: output.PresetBlrec}}, "no place"},
		{"proxy", Output{Name: "a", Account: "m", Format: "json", Push: &Push{URL: "https://example.net", Proxy: secret.New("ftp://" + canary)}}, "proxy's url"},
		{"plain by proxy", Output{Name: "a", Account: "m", Format: "json", Push: &Push{URL: "http://127.0.0.1", Proxy: secret.New("http://proxy:3128")}}, "plain http"},
		{"preset's type", Output{Name: "a", Account: "m", Push: &Push{URL: "http://127.0.0.1", Preset: output.PresetBlrec, ContentType: "text/plain"}}, "content type"},
		{"header", Output{Name: "a", Account: "m", Format: "json", Push: &Push{URL: "http://127.0.0.1", Headers: []Header{{"a b", Text("")}}}}, "proper name"},
		{"method", Output{Name: "a", Account: "m", Format: "json", Push: &Push{URL: "http://127.0.0.1", Method: "GET /"}}, "method"},
	}
	for _, tt := range tests {
		_, err := made(tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	a, b := headerFile(dir, "a"), headerFile(dir, "b")
	if _, err := made(a, a); err == nil || !strings.Contains(err.Error(), "are called") {
		t.Errorf("got %v", err)
	}
	b.Path = dir + "/./a.txt"
	if _, err := made(a, b); err == nil || !strings.Contains(err.Error(), "same file") {
		t.Errorf("got %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v", Push{URL: "https://h/" + canary}, Push{URL: "https://h/" + canary}, Push{URL: "https://h/" + canary}); strings.Contains(text, canary) {
		t.Errorf("a push prints its address: %s", text)
	}
}

// The ledger's form is frozen: an older keeper's records are read.
func TestProgressJSON(t *testing.T) {
	at := time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC)
	text, err := json.Marshal(Progress{
		Generation: 1, Digest: "d", WrittenAt: at, FailedAt: at, Attempts: 2, RetryAt: at, LastError: "e",
		HookGeneration: 3, HookDigest: "h", HookAt: at, HookTook: 4, HookExit: 5, HookError: "f", HookAttempts: 6,
	})
	want := `{"generation":1,"digest":"d","written_at":"2026-11-20T01:02:03Z","failed_at":"2026-11-20T01:02:03Z","attempts":2,` +
		`"retry_at":"2026-11-20T01:02:03Z","last_error":"e","hook_generation":3,"hook_digest":"h","hook_at":"2026-11-20T01:02:03Z",` +
		`"hook_took":4,"hook_exit":5,"hook_error":"f","hook_attempts":6}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
	if text, err := json.Marshal(Progress{}); err != nil || string(text) != "{}" {
		t.Errorf("got %s, %v", text, err)
	}
}

// The credential of another account is never in a file.
func TestAccountsAreKeptApart(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		s.Login("other", keepertest.Stranger)
		synctest.Wait()
		s.note("other")
		a, b := headerFile(dir, "a"), headerFile(dir, "b")
		b.Account, b.Format = "other", "json"
		s.start(a, b)
		for range 5 {
			s.rotate("main")
			s.rotate("other")
			wantFile(t, a.Path, s.header())
			wantFile(t, b.Path, s.rendered("other", "json"))
		}
		s.stop()
	})
}
