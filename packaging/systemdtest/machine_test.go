//go:build linux && systemd

package systemdtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds each single wait. It is far above what anything takes, on a
// machine with other work too, and more than the minute that cron may take.
const patience = 2 * time.Minute

// machine is a system that runs.
type machine struct {
	t        *testing.T
	raised   raised
	visitors *os.File // the cgroup of the commands that come from outside
}

// in is the machine for a test inside of a test.
func (m machine) in(t *testing.T) machine {
	m.t = t
	return m
}

// boot starts a system and waits until it is up.
func boot(t *testing.T) machine {
	t.Helper()
	lower := tree(t)
	if _, err := exec.LookPath("nsenter"); err != nil {
		t.Skip("nsenter is not installed here")
	}
	life, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+roleGuard, treeVariable+"="+lower)
	cmd.Stdin = life
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = life.Close()
	m := machine{t: t}
	err = json.NewDecoder(said).Decode(&m.raised)
	t.Cleanup(func() {
		_ = hold.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the guard: %v", err)
		}
		m.nothingLeft()
	})
	switch {
	case err != nil:
		t.Fatalf("the guard says nothing: %v", err)
	case m.raised.Missing != "":
		t.Skip(m.raised.Missing)
	case m.raised.Fault != "":
		t.Fatal(m.raised.Fault)
	}
	m.comeUp()
	return m
}

// comeUp waits for the end of the boot.
func (m *machine) comeUp() {
	m.t.Helper()
	path := filepath.Join(m.raised.Cgroup, "visitors")
	if err := os.Mkdir(path, 0o755); err != nil {
		m.t.Fatal(err)
	}
	var err error
	if m.visitors, err = os.Open(path); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = m.visitors.Close() })
	// In some Debians a service fails that has to do with the kernel's modules.
	m.until("the system is up", func() bool {
		said := m.run("systemctl", "is-system-running", "--wait").stdout
		return said == "running\n" || said == "degraded\n"
	})
}

// nothingLeft wants the end of the guard to have been the end of everything.
func (m machine) nothingLeft() {
	for _, path := range []string{m.raised.Cgroup, m.raised.Place} {
		if _, err := os.Stat(path); path != "" && err == nil {
			m.t.Errorf("%s was left behind", path)
		}
	}
	if err := syscall.Kill(m.raised.PID, 0); m.raised.PID != 0 && err == nil {
		m.t.Errorf("process %d was left behind", m.raised.PID)
	}
}

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string { return fmt.Sprintf("exit code %d\n%s%s", r.code, r.stdout, r.stderr) }

// run runs a command in the system, as root, with nothing of the tester's own in
// its environment.
func (m machine) run(args ...string) result {
	m.t.Helper()
	return m.feed("", args...)
}

// feed is run with something on standard input.
func (m machine) feed(stdin string, args ...string) result {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // also after the test
	defer cancel()
	enter := []string{"--target", fmt.Sprint(m.raised.PID), "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--",
		"/usr/bin/env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root"}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = []string{}, strings.NewReader(stdin), &stdout, &stderr
	cmd.WaitDelay = time.Second
	// Without it nobody could be logged in: a session is moved into its cgroup.
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(m.visitors.Fd())}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		m.t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), errors.Join(err, ctx.Err()), &stdout, &stderr)
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// want runs a command and wants an exit code.
func (m machine) want(code int, args ...string) result {
	m.t.Helper()
	r := m.run(args...)
	if r.code != code {
		m.t.Fatalf("%s: want %d, got %s", strings.Join(args, " "), code, r)
	}
	return r
}

// must runs a command that has to succeed and returns what it prints.
func (m machine) must(args ...string) string {
	m.t.Helper()
	return m.want(0, args...).stdout
}

// path is a file of the system, seen from outside.
func (m machine) path(name string) string { return fmt.Sprintf("/proc/%d/root%s", m.raised.PID, name) }

func (m machine) write(name, text string, mode os.FileMode) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) read(name string) string {
	m.t.Helper()
	data, err := os.ReadFile(m.path(name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data)
}

func (m machine) there(name string) bool {
	_, err := os.Lstat(m.path(name))
	return err == nil
}

// copyIn puts a program of this machine into the system.
func (m machine) copyIn(from, to string) {
	m.t.Helper()
	in, err := os.Open(from)
	if err != nil {
		m.t.Fatal(err)
	}
	defer in.Close()
	// It may be there, and running.
	_ = os.Remove(m.path(to))
	out, err := os.OpenFile(m.path(to), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		m.t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		m.t.Fatal(err)
	}
}

// listen listens on a port in the system's own network.
func (m machine) listen() net.Listener {
	m.t.Helper()
	var l net.Listener
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var network *os.File
		if network, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", m.raised.PID)); err != nil {
			return
		}
		defer network.Close()
		if err = unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err == nil {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
	}()
	<-done
	if err != nil {
		m.t.Fatal(err)
	}
	return l
}

// until waits for a condition.
func (m machine) until(what string, ok func() bool) {
	m.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("in vain: %s", what)
		}
	}
}
