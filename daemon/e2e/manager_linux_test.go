package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestServiceManager: what systemd is told from the start to the end.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	path := filepath.Join(s.dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var told logbook
	go func() {
		text := make([]byte, 4096)
		for {
			n, err := l.Read(text)
			if err != nil {
				return
			}
			_, _ = told.Write(append(text[:n:n], '\n'))
		}
	}()
	hears := func(want string) {
		t.Helper()
		until(t, "systemd is told "+want, func() bool { return strings.Contains(told.String(), want) })
	}
	cmd := exec.Command(binary, "--config", s.config, "daemon")
	cmd.Env = append(environment(), "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=2000000")
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.keeper = &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(s.keeper.done)
		_ = cmd.Wait()
	}()
	hears("READY=1\n")
	hears("STATUS=0 accounts\n")
	s.login(mid)
	hears("STATUS=1 account\n")
	hears("WATCHDOG=1\n")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	hears("RELOADING=1\nMONOTONIC_USEC=")
	ready := strings.Count(told.String(), "READY=1")
	until(t, "the reload is over", func() bool { return strings.Count(told.String(), "READY=1") >= max(ready, 2) })
	s.stop()
	hears("STOPPING=1\nEXTEND_TIMEOUT_USEC=")
}

// TestFaultsInTheJournal: where the journal reads standard error, what ends the
// keeper is an error there, and can be told from the rest.
func TestFaultsInTheJournal(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{})
	s.edit("[check]", "[nonsense]\n[check]")
	stream, err := os.Create(filepath.Join(s.dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	info, err := stream.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file := info.Sys().(*syscall.Stat_t)
	cmd := exec.Command(binary, "--config", s.config, "daemon")
	cmd.Env = append(environment(), fmt.Sprintf("JOURNAL_STREAM=%d:%d", file.Dev, file.Ino))
	cmd.Stderr = stream
	if _ = cmd.Run(); cmd.ProcessState.ExitCode() != 78 {
		t.Errorf("it ended with %d", cmd.ProcessState.ExitCode())
	}
	text, err := os.ReadFile(stream.Name())
	if err != nil || !strings.HasPrefix(string(text), "<3>bilikeeper: error: "+s.config+":") {
		t.Errorf("the journal gets %s, %v", text, err)
	}
}
