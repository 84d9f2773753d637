//go:build unix

package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// session is the SESSDATA of credential.
const session = "1a2b3c4d%2C1799999999%2C" + canary + "x*81"

func credential() keeper.Credential {
	return keeper.Credential{
		Account: "main", Site: "web", Mid: 100200300, Generation: 1, RefreshToken: secret.New("token" + canary),
		Cookies: []cookie.Cookie{{Name: "SESSDATA", Value: secret.New(session)}, {Name: "DedeUserID", Value: secret.New("100200300")}},
	}
}

func shell(script string) Command { return Command{"sh", "-c", script} }

func run(t *testing.T, timeout time.Duration, commands ...Command) *Error {
	t.Helper()
	h := hook{commands: commands, timeout: timeout, env: hookEnv(prepared{Output: Output{Name: "o", Account: "main", Path: "/p"}}, 7)}
	err := h.run(t.Context(), func(text string) string { return output.Redact(credential(), text) })
	if err == nil {
		return nil
	}
	return err.(*Error)
}

func TestHookEnvironment(t *testing.T) {
	t.Setenv("HOME", "/home/example")
	t.Setenv("LANG", "C")
	t.Setenv("BILIKEEPER_RECOVERY_KEY", canary)
	out := filepath.Join(t.TempDir(), "env")
	if err := run(t, time.Minute, shell("env > "+out+"; readlink /proc/self/fd/0 >> "+out+".stdin || true")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, "=")
		if !slices.Contains([]string{"PWD", "SHLVL", "_", "OLDPWD"}, name) { // the shell's own
			names = append(names, name)
		}
	}
	slices.Sort(names)
	want := []string{"BILIKEEPER_ACCOUNT", "BILIKEEPER_GENERATION", "BILIKEEPER_OUTPUT", "BILIKEEPER_PATH", "HOME", "LANG", "PATH"}
	if !slices.Equal(names, want) || !strings.Contains(string(text), "BILIKEEPER_GENERATION=7\n") {
		t.Errorf("the command sees %s", text)
	}
}

func TestHookOutcome(t *testing.T) {
	said := "1a2b3c4d,1799999999," + canary + "x*81" // the session, decoded
	tests := []struct {
		name     string
		commands []Command
		want     string // "" for a success
		exit     int
	}{
		{"success", []Command{shell("echo fine")}, "", 0},
		{"code", []Command{shell("exit 3")}, "sh ended with exit status 3", 3},
		{"last line", []Command{shell("echo one; echo two >&2; echo three; exit 1")}, "sh ended with exit status 1: three", 1},
		{"second", []Command{shell("true"), shell("exit 4"), shell("exit 5")}, "command 2 of 3, sh ended with exit status 4", 4},
		{"signal", []Command{shell("kill -TERM $$")}, "sh ended with signal: terminated", -1},
		{"missing", []Command{{"no-such-program-here"}}, "no-such-program-here cannot be started: executable file not found", -1},
		{"missing path", []Command{{"/no/such/program"}}, "program cannot be started", -1},
		{"not a shell", []Command{{"echo", "$(exit 9); exit 9"}}, "", 0},
		{"a secret", []Command{shell("echo 'cookie " + session + "'; echo 'have " + said + " here'; exit 1")}, "have [redacted] here", 1},
		{"control characters", []Command{shell(`printf 'a\033[31mb\r\n'; exit 1`)}, "a[31mb", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := run(t, time.Minute, tt.commands...)
			if tt.want == "" {
				if e != nil {
					t.Errorf("got %v", e)
				}
				return
			}
			if e == nil || !strings.Contains(e.Reason, tt.want) || e.Exit != tt.exit || strings.Contains(e.Reason+e.Output, canary) {
				t.Errorf("got %+v, want %q", e, tt.want)
			}
		})
	}
}

// Much output keeps its end, and a secret across the cut is not left in half.
func TestHookOutputIsBounded(t *testing.T) {
	e := run(t, time.Minute, shell("yes '"+session+"' | tr -d '\\n' | head -c 200000; printf end; exit 1"))
	if e == nil || strings.Contains(e.Output, "0f1e2d3c") || strings.Contains(e.Output, "799999999") {
		t.Errorf("without line ends: got %+v", e)
	}
	for _, filler := range []int{0, 1, 7, 100, maxHookOutput - 20, maxHookOutput, maxHookOutput + slack - len(session)/2} {
		e := run(t, time.Minute, shell("yes '"+session+"' | head -c 200000; printf '\\n'; head -c "+strconv.Itoa(filler)+
			" /dev/zero | tr '\\0' 'z'; echo; echo end; exit 1"))
		if e == nil || len(e.Output) > maxHookOutput+10 || !strings.HasSuffix(e.Output, "end\n") {
			t.Fatalf("filler %d: got %+v", filler, e)
		}
		for _, piece := range []string{canary, "0f1e2d3c", "1a2b3c4d", "%2C"} {
			if strings.Contains(e.Output, piece) {
				t.Errorf("filler %d: %s is left", filler, piece)
			}
		}
	}
}

func alive(pid int) bool {
	// A zombie counts as gone: in a container nobody may reap an orphan.
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil {
		return !strings.Contains(string(stat), ") Z ")
	}
	return !os.IsNotExist(err) && syscall.Kill(pid, 0) == nil
}

// The time limit ends a command with all that it has started, and is not waited
// for longer where something holds its output open.
func TestHookTimeLimit(t *testing.T) {
	dir := t.TempDir()
	scripts := map[string]string{
		"hangs":          "exec sleep 1000",
		"a grandchild":   "sleep 1000 & echo $! > PID; wait",
		"deaf":           "trap '' TERM INT HUP; while :; do sleep 1000; done",
		"grandchildren":  "(sleep 1000 & echo $! > PID; wait) & wait",
		"endless output": "yes",
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			pid := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			begun := time.Now()
			e := run(t, 300*time.Millisecond, shell(strings.ReplaceAll(script, "PID", pid)))
			if took := time.Since(begun); took > patience { // the programs would take far longer
				t.Errorf("it took %v", took)
			}
			if e == nil || e.Exit != -1 || !strings.Contains(e.Reason, "killed after 300ms") {
				t.Errorf("got %+v", e)
			}
			if text, err := os.ReadFile(pid); err == nil {
				n, err := strconv.Atoi(strings.TrimSpace(string(text)))
				if err != nil {
					t.Fatal(err)
				}
				waitFor(t, "the grandchild's end", func() bool { return !alive(n) })
			}
		})
	}
}

// A command that ends well and leaves something in the background has
// succeeded.
func TestHookBackground(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	if e := run(t, patience, shell("sleep 1000 & echo $! > "+pid+"; exit 0")); e != nil {
		t.Errorf("got %+v", e)
	}
	text, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		t.Errorf("what went on in the background did not outlive the command: %v", err)
	}
}

// A failed row of commands is tried three times, told of twice, and again after
// a restart; the file stays as it is.
func TestHookRetries(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		count, ok := filepath.Join(dir, "count"), filepath.Join(dir, "ok")
		o := headerFile(dir, "a")
		o.OnChange = []Command{{"sh", "-c", "echo x >> " + count + "; cat " + o.Path + "; test -e " + ok}}
		runs := func() int {
			text, _ := os.ReadFile(count)
			return len(text) / 2
		}
		s.start(o)
		waitFor(t, "three tries", func() bool { return s.led.progress("a").HookAttempts == 3 && s.state("a") == StateHook })
		p := s.led.progress("a")
		if runs() != 3 || p.HookGeneration != 0 || p.HookExit != 1 || p.HookAt.IsZero() || p.LastError != "" || p.Attempts != 0 {
			t.Errorf("%d runs, %+v", runs(), p)
		}
		told := s.led.told()
		if len(told) != 3 || told[0].Outcome != OutcomeWritten || told[1].Stage != StageHook || told[1].GaveUp || !told[2].GaveUp || told[2].Exit != 1 || told[2].Attempts != 3 {
			t.Errorf("told %+v", told)
		}
		wantFile(t, o.Path, s.header())
		s.stir()
		before := inode(t, o.Path)
		s.stop()

		if err := os.WriteFile(ok, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s.start(o)
		waitFor(t, "the command after a restart", func() bool { return s.led.progress("a").HookGeneration == 1 && s.state("a") == StateOK })
		if runs() != 4 || inode(t, o.Path) != before || s.led.progress("a").HookError != "" {
			t.Errorf("%d runs, %+v", runs(), s.led.progress("a"))
		}
		// RunNow runs what had failed, and nothing that had succeeded.
		if _, err := s.engine.RunNow(t.Context(), "a"); err != nil || runs() != 4 {
			t.Errorf("%d runs, %v", runs(), err)
		}
		if err := os.Remove(ok); err != nil {
			t.Fatal(err)
		}
		s.rotate("main")
		waitFor(t, "a failure", func() bool { return s.led.progress("a").HookAttempts == 3 })
		if err := os.WriteFile(ok, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if st, err := s.engine.RunNow(t.Context(), "a"); err != nil || st.State != StateOK || st.HookGeneration != 2 {
			t.Errorf("%+v, %v", st, err)
		}
		s.stop()
	})
}

// A row of changes runs the commands once, and not later than ten times the
// debounce.
func TestDebounce(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		seen := filepath.Join(dir, "seen")
		o := headerFile(dir, "a")
		o.Debounce = time.Minute
		o.OnChange = []Command{shell("echo $BILIKEEPER_GENERATION >> " + seen)}
		s.start(o)
		for range 5 {
			s.rotate("main")
		}
		time.Sleep(o.Debounce)
		waitFor(t, "the command", func() bool { return s.led.progress("a").HookGeneration == 6 })
		if text, err := os.ReadFile(seen); err != nil || string(text) != "6\n" {
			t.Errorf("it ran for %q, %v", text, err)
		}
		end := time.Now().Add(11 * o.Debounce)
		for time.Now().Before(end) && s.led.progress("a").HookGeneration == 6 {
			s.rotate("main")
			time.Sleep(o.Debounce / 10)
		}
		if !time.Now().Before(end) {
			t.Error("changes that do not end put the commands off for ever")
		}
		s.stop()
	})
}

// A command that runs at the shutdown has a grace; what is cut is run again.
func TestHookShutdown(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		begun, ended := filepath.Join(dir, "begun"), filepath.Join(dir, "ended")
		o := headerFile(dir, "a")
		o.OnChange = []Command{shell("touch " + begun + "; sleep 0.3; touch " + ended)}
		s.start(o)
		waitFor(t, "the command", func() bool { _, err := os.Stat(begun); return err == nil })
		s.stop()
		if _, err := os.Stat(ended); err != nil || s.led.progress("a").HookGeneration != 1 {
			t.Errorf("%v, %+v", err, s.led.progress("a"))
		}
	})
}

// An output of commands alone.
func TestHookAlone(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		seen := filepath.Join(dir, "seen")
		s.start(Output{Name: "a", Account: "main", OnChange: []Command{shell("echo $BILIKEEPER_GENERATION >> " + seen)}})
		for g := range uint64(3) {
			if g > 0 {
				s.rotate("main")
			}
			waitFor(t, "the command", func() bool { return s.led.progress("a").HookGeneration == g+1 })
		}
		s.stop()
		if text, err := os.ReadFile(seen); err != nil || string(text) != "1\n2\n3\n" {
			t.Errorf("it ran for %q, %v", text, err)
		}
	})
}
