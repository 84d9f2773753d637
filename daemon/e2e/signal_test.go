//go:build unix

package e2e_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestReload: SIGHUP puts a new schedule into force; a file with a fault in it
// leaves the old one there.
func TestReload(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.start()
	s.login(mid)
	if a := s.account(); a.NextCheckAt == nil || time.Until(*a.NextCheckAt) < 30*time.Minute {
		t.Fatalf("the first schedule does not hold: %v", a.NextCheckAt)
	}
	s.configure(settings{schedule: "@every 1s"})
	s.hangup("configuration reloaded")
	if !strings.Contains(s.log.String(), `"changed":["check.schedule"]`) {
		t.Error("the log does not say what changed")
	}
	checks := func() int { return s.site.Requests("/x/passport-login/web/cookie/info") }
	until(t, "checks by the new schedule", func() bool { return checks() >= 2 })

	s.edit("@every 1s", "@every now and then")
	s.hangup("the configuration was not reloaded")
	if log := s.log.tail(100); !strings.Contains(log, "check.schedule") || !strings.Contains(log, "config.toml:") {
		t.Error("the log does not say where the fault is")
	}
	told := strings.Count(s.log.String(), "the configuration was not reloaded")
	s.wantCode(2, "reload")
	until(t, "the log tells of a reload by command", func() bool {
		return strings.Count(s.log.String(), "the configuration was not reloaded") > told
	})
	before := checks()
	until(t, "checks by the schedule from before", func() bool { return checks() >= before+2 })
	s.stop()
}

// hangup sends SIGHUP and waits for what the log says to it.
func (s *stage) hangup(want string) {
	s.t.Helper()
	before := strings.Count(s.log.String(), want)
	if err := s.keeper.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
	until(s.t, want, func() bool { return strings.Count(s.log.String(), want) > before })
}

func (s *stage) edit(old, replacement string) {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	if err == nil {
		err = os.WriteFile(s.config, []byte(strings.Replace(string(text), old, replacement, 1)), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestTerminate: SIGTERM ends the keeper cleanly and soon, at rest and with
// people waiting for it.
func TestTerminate(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{})
	s.start()
	login := s.startLogin()
	content := login.url(t)
	code, took := s.keeper.stop(t)
	if code != 0 || took > soon {
		t.Errorf("exit code %d after %s", code, took)
	}
	if _, err := os.Lstat(s.socket()); err == nil {
		t.Error("the socket was left behind")
	}
	s.verifyVault()
	s.start()
	s.answer(content, mid)
	if code := login.end(); code != 0 {
		t.Errorf("login over a restart: exit code %d, %s", code, login.stderr.String())
	}
	s.stop()
}

// TestSecondSignal: a stop that waits for the site's answer is ended at once by a
// second signal, and nothing is lost that was kept.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	asked, hold := make(chan struct{}, 1), make(chan struct{})
	s := newStage(t, func(b boundary) bool {
		if b.what == passporttest.PathGenerate && b.at == arrived {
			select {
			case asked <- struct{}{}:
			default:
			}
			<-hold
		}
		return false
	})
	defer close(hold)
	s.configure(settings{})
	s.start()
	s.startLogin()
	<-asked
	signal := func() {
		if err := s.keeper.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	signal()
	until(t, "it says that it stops", func() bool { return strings.Contains(s.log.String(), "a second signal ends it at once") })
	began := time.Now()
	signal()
	<-s.keeper.done
	if code, took := s.keeper.cmd.ProcessState.ExitCode(), time.Since(began); code != 1 || took > soon {
		t.Errorf("exit code %d after %s", code, took)
	}
	if !strings.Contains(s.log.tail(3), "told to stop a second time") {
		t.Errorf("it does not say why it ended: %s", s.log.tail(3))
	}
	s.verifyVault()
}

// TestSecondKeeper: a second one on the same vault ends by itself and touches
// nothing.
func TestSecondKeeper(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{})
	s.start()
	r := s.wantCode(1, "daemon")
	if !strings.Contains(r.stderr, "hint: another keeper runs already") {
		t.Errorf("it does not say why: %s", r.stderr)
	}
	s.login(mid)
	s.stop()
}

// TestReloadIsTold: a reload that failed stands in the status until one succeeds,
// and a key that waits for a restart until there was one.
func TestReloadIsTold(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.start()
	keeper := func() client.Daemon {
		t.Helper()
		st, err := s.client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.Daemon
	}
	if d := keeper(); len(d.Problems)+len(d.NeedsRestart) > 0 {
		t.Fatalf("at the start: %+v", d)
	}
	s.edit("@every 1h", "@every now and then")
	if r := s.wantCode(2, "reload"); !strings.Contains(r.stderr, "check.schedule") {
		t.Errorf("the fault is not named: %s", r.stderr)
	}
	s.hangup("the configuration was not reloaded")
	if d := keeper(); len(d.Problems) != 1 || !strings.HasPrefix(d.Problems[0], "configuration: ") || !strings.Contains(d.Problems[0], "check.schedule") {
		t.Errorf("after a fault: %q", d.Problems)
	}
	s.edit("@every now and then", "@every 2h")
	s.edit(`level = "trace"`, `level = "debug"`)
	for _, want := range []string{"In force now: check.schedule", "Waits for a restart of the keeper: log.level"} {
		if r := s.wantCode(0, "reload"); !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("it does not say %q: %s%s", want, r.stdout, r.stderr)
		}
	}
	if d := keeper(); len(d.Problems) > 0 || strings.Join(d.NeedsRestart, " ") != "log.level" {
		t.Errorf("after a good reload: %+v", d)
	}
	if r := s.wantCode(0, "status"); !strings.Contains(r.stderr, "waits for a restart of the keeper: log.level") {
		t.Errorf("status does not say what waits: %s", r.stderr)
	}
	// It is seen without a reload as well.
	s.edit(`level = "debug"`, `level = "trace"`)
	until(t, "nothing waits any more", func() bool { return len(keeper().NeedsRestart) == 0 })
	s.stop()
}
