//go:build unix

package e2e_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestNobodyReadsTheLog: the keeper goes on when what read its standard output
// and its standard error has gone away, whether its parent ignores SIGPIPE or
// not.
func TestNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"plain":   `exec "$0" "$@"`,
		"ignored": `trap "" PIPE; exec "$0" "$@"`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nil)
			s.configure(settings{})
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("/bin/sh", "-c", script, binary, "--config", s.config, "daemon")
			cmd.Env, cmd.Stdout, cmd.Stderr = environment(), w, w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = w.Close()
			s.keeper = &process{cmd: cmd, done: make(chan struct{})}
			go func() {
				defer close(s.keeper.done)
				_ = cmd.Wait()
			}()
			until(t, "the keeper answers", func() bool { _, err := s.client.Health(t.Context()); return err == nil })
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			// Each step of this is a line of the log.
			s.login(mid)
			before := s.account().CheckedAt
			until(t, "another check", func() bool { a := s.account().CheckedAt; return a != nil && (before == nil || a.After(*before)) })
			s.stop()
		})
	}
}
