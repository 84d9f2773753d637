//go:build unix

package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSocketIsPutBack: a socket whose path was removed comes back, at once on
// SIGHUP and by itself without.
func TestSocketIsPutBack(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.start()
	answers := func() bool { _, err := s.client.Health(t.Context()); return err == nil }
	for _, remind := range []bool{true, false} {
		if err := os.RemoveAll(filepath.Dir(s.socket())); err != nil {
			t.Fatal(err)
		}
		if answers() {
			t.Fatal("it answers without a socket")
		}
		if remind {
			s.hangup("the socket had been removed, and was put back")
		}
		until(t, "the keeper answers again", answers)
		if info, err := os.Stat(s.socket()); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	s.stop()
}

// TestVaultIsReplaced: a keeper whose vault was taken from under it says so and
// ends, before anything is written to a file that nobody can open again.
func TestVaultIsReplaced(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.start()
	s.login(mid)
	path := filepath.Join(s.state(), "vault.db")
	kept := filepath.Join(s.dir, "kept.db")
	if err := errors.Join(os.Link(path, kept), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	<-s.keeper.done
	if code := s.keeper.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("it ended with %d", code)
	}
	if log := s.log.tail(5); !strings.Contains(log, "removed or replaced while it was open") || !strings.Contains(log, "hint: put the vault's file back") {
		t.Errorf("it does not say why: %s", log)
	}
	if err := os.Rename(kept, path); err != nil {
		t.Fatal(err)
	}
	s.start()
	if a := s.account(); a.State != "valid" {
		t.Errorf("with its file it is %s", a.State)
	}
	s.stop()
}
