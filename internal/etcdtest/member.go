package etcdtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Member is one server of a cluster.
type Member struct {
	program, dir, endpoint string
	flags                  []string
	tls                    *tls.Config // nil where it is reached in the clear

	mu    sync.Mutex // guards all below
	cmd   *exec.Cmd  // nil while it does not run
	ended chan struct{}
}

// Endpoint is where the member listens.
func (m *Member) Endpoint() string { return m.endpoint }

// Stop kills the member: nothing of it is put in order first. One that does not run
// stays so.
func (m *Member) Stop(t testing.TB) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Kill() // it may have ended by itself
	<-m.ended
	m.cmd = nil
}

// Start starts the member again, on its data and its ports. It returns when the member
// answers, so there has to be a majority: several are brought back by [Cluster.Restart].
func (m *Member) Start(t testing.TB) {
	t.Helper()
	m.launch(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := m.wait(ctx); err != nil {
		t.Fatalf("etcd did not come back: %v\n%s", err, m.log())
	}
}

// Leader is the number of the member that leads the others at the moment.
func (c *Cluster) Leader(t testing.TB) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := c.Client(t)
	for ctx.Err() == nil {
		for i, m := range c.members {
			one, cancel := context.WithTimeout(ctx, time.Second)
			status, err := client.Status(one, m.endpoint)
			cancel()
			if err == nil && status.Leader == status.Header.MemberId {
				return i
			}
		}
	}
	t.Fatal("nobody leads")
	return 0
}

// Empty stops all members, and starts them again with nothing: as where etcd was put
// back to what it was earlier, its revisions begin anew.
func (c *Cluster) Empty(t testing.TB) {
	t.Helper()
	for _, m := range c.members {
		m.Stop(t)
	}
	for _, m := range c.members {
		if err := os.RemoveAll(filepath.Join(m.dir, "data")); err != nil {
			t.Fatal(err)
		}
	}
	c.Restart(t)
}

// Launch starts those members again that do not run, and waits for nothing.
func (c *Cluster) Launch(t testing.TB) {
	t.Helper()
	for _, m := range c.members {
		m.launch(t)
	}
}

// Restart starts those members again that do not run.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.Launch(t)
	if err := c.wait(); err != nil {
		t.Fatalf("etcd did not come back: %v\n%s", err, c.log())
	}
}

// Pause stops the member where it is (SIGSTOP): its connections stay, and nobody answers.
func (m *Member) Pause(t testing.TB) {
	t.Helper()
	m.signal(t, suspend)
}

// Resume lets a member that was paused go on.
func (m *Member) Resume(t testing.TB) {
	t.Helper()
	m.signal(t, resume)
}

func (m *Member) signal(t testing.TB, send func(*os.Process) error) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd == nil {
		t.Fatal("the member does not run")
	}
	if err := send(m.cmd.Process); err != nil {
		t.Fatal(err)
	}
}

// launch starts the program and does not wait for it.
func (m *Member) launch(t testing.TB) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd != nil {
		return
	}
	log, err := os.OpenFile(m.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(m.program, m.flags...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, m.dir
	// etcd takes its flags from the environment, too. It wants to be told to run
	// where its makers do not test it.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + m.dir, "ETCD_UNSUPPORTED_ARCH=" + runtime.GOARCH}
	if runtime.GOOS == "windows" {
		cmd.Env = append(cmd.Env, "SystemRoot="+os.Getenv("SystemRoot"))
	}
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	m.cmd, m.ended = cmd, ended
	go func() {
		_ = cmd.Wait() // killed, as a rule
		close(ended)
	}()
}

// wait returns when the member answers a read that needs the majority. That it is not
// allowed to is an answer, too.
func (m *Member) wait(ctx context.Context) error {
	config := quiet(m.endpoint)
	config.TLS = m.tls
	client, err := clientv3.New(config)
	if err != nil {
		return err
	}
	defer client.Close()
	m.mu.Lock()
	ended := m.ended
	m.mu.Unlock()
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := client.Get(try, "etcdtest")
		cancel()
		if err == nil || denied(err) {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-ended:
			return fmt.Errorf("the program has ended: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (m *Member) logFile() string { return filepath.Join(m.dir, "log") }

// log returns the end of what the member logged.
func (m *Member) log() string {
	const enough = 4 << 10
	text, err := os.ReadFile(m.logFile())
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-enough):]))
}
