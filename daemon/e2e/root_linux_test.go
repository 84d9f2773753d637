//go:build root

package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// somebody is another user of the machine, by number.
const somebody = 64004

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can give a file to somebody else")
	}
}

// TestRootSecrets: to root's keeper, a secret that belongs to somebody else is one
// that somebody else wrote. Where the keeper is that somebody's, root may look at it.
func TestRootSecrets(t *testing.T) {
	asRoot(t)
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	s.start()
	s.login(mid)
	s.stop()
	secret, key := filepath.Join(s.dir, "hook.secret"), filepath.Join(s.state(), "vault.key")
	belongs := fmt.Sprintf("belongs to user %d", somebody)

	give(t, somebody, secret)
	if r := s.wantCode(2, "config", "check"); !strings.Contains(r.stderr, belongs) || !strings.Contains(r.stderr, "give it to root or to the keeper's user") {
		t.Errorf("the check says %s", r.stderr)
	}
	s.start()
	status, err := s.client.Status(t.Context())
	if err != nil || len(status.Daemon.Problems) != 1 || !strings.Contains(status.Daemon.Problems[0], belongs) {
		t.Errorf("the channel's secret is taken: %q, %v", status.Daemon.Problems, err)
	}
	s.stop()

	give(t, somebody, key)
	p := s.spawn()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatal("it runs with somebody else's key")
	}
	if log := s.log.tail(3); p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(log, belongs) {
		t.Errorf("exit code %d: %s", p.cmd.ProcessState.ExitCode(), log)
	}
	if r := s.cli("vault", "verify"); r.code == 0 || !strings.Contains(r.stderr, belongs) {
		t.Errorf("verify: exit code %d, %s", r.code, r.stderr)
	}

	give(t, somebody, s.state())
	s.wantCode(0, "config", "check")
	s.wantCode(0, "vault", "verify")
	give(t, somebody+1, key)
	if r := s.cli("vault", "verify"); r.code == 0 {
		t.Error("a third user's key is taken")
	}
	give(t, 0, key, secret, s.state())
	s.start()
	s.stop()
}

// give makes files somebody's.
func give(t *testing.T, uid int, paths ...string) {
	t.Helper()
	var errs []error
	for _, path := range paths {
		errs = append(errs, os.Chown(path, uid, uid))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
