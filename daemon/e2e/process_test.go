//go:build unix

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds each single wait. It is far above what anything takes, on a
// machine with other work too.
const patience = 2 * time.Minute

// logbook collects what processes write, and tells those who wait for a line.
type logbook struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// tail is the end of the log, for the report of a failure.
func (b *logbook) tail(lines int) string {
	all := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	return strings.Join(all[max(len(all)-lines, 0):], "\n")
}

// process is a keeper that runs, or has run.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// spawn starts a keeper. It runs with an empty file mode mask, so that every
// mode that turns out right was asked for by the keeper itself.
func spawn(config string, log io.Writer) (*process, error) { return spawnProgram(binary, config, log) }

func spawnProgram(program, config string, log io.Writer) (*process, error) {
	cmd := exec.Command("/bin/sh", "-c", `umask 0; exec "$0" "$@"`, program, "--config", config, "daemon")
	cmd.Env = environment()
	cmd.Stderr = log
	cmd.Stdout = log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // the state tells the rest
	}()
	return p, nil
}

// environment has nothing of the tester's own in it.
func environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "TZ=UTC"}
	if root, ok := os.LookupEnv("SSL_CERT_FILE"); ok { // of a test's own site
		env = append(env, "SSL_CERT_FILE="+root)
	}
	return env
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the keeper at once, wherever it is, and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// service is what a service manager does: a keeper that has ended is started
// again.
type service struct {
	current atomic.Pointer[process]
}

// revive goes on until ctx ends. The first keeper is in place already.
func (v *service) revive(ctx context.Context, s *stage) {
	for {
		select {
		case <-v.current.Load().done:
			s.front.keepers.settle()
			p, err := spawn(s.config, &s.log)
			if err != nil {
				s.t.Errorf("the keeper cannot be started again: %v", err)
				return
			}
			v.current.Store(p)
		case <-ctx.Done():
			return
		}
	}
}

// stop asks the keeper to end, and returns its exit code and how long it took.
func (p *process) stop(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("the keeper cannot be stopped: %v", err)
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatal("the keeper does not end")
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(began)
}

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

// command runs the program as a person would, to its end.
func command(t testing.TB, config string, args ...string) result {
	t.Helper()
	return piped(t, config, "", args...)
}

// piped is command with something on standard input.
func piped(t testing.TB, config, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, append([]string{"--config", config}, args...)...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environment(), strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("bilikeeper %s: %v", strings.Join(args, " "), errors.Join(err, ctx.Err()))
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	over := time.After(patience)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-over:
			t.Fatalf("in vain: %s", what)
		}
	}
}
