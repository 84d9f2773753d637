package e2e_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// TestFullDisk fills the disk under a keeper, and frees it again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	if err := os.Mkdir(s.state(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", s.state(), "tmpfs", 0, "size=2m,mode=0700"); err != nil {
		t.Skipf("SKIPPED: a small disk cannot be mounted, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if s.keeper != nil {
			s.keeper.kill()
		}
		// A program that another test starts at this moment has what is open here
		// until it runs, so the disk may be busy for no reason of ours.
		if err := unix.Unmount(s.state(), unix.MNT_DETACH); err != nil {
			t.Errorf("unmount the small disk: %v", err)
		}
	})
	s.configure(settings{schedule: "@every 1h", refresh: true})
	s.start()
	pair := s.takeOver(account, mid)

	filler := filepath.Join(s.state(), "filler")
	fill(t, filler)
	r := s.wantCode(1, "refresh", account, "--force")
	if !strings.Contains(r.stderr, "no space left") || !strings.Contains(r.stderr, "hint: make room on the disk") {
		t.Errorf("it does not say what is wrong: %s", r.stderr)
	}
	if n := s.site.Refresh.Rotations(mid); n != 0 || !s.site.Alive(pair.SESSDATA) {
		t.Errorf("%d refreshes were spent that could not be saved", n)
	}
	if a, err := s.client.Account(t.Context(), account); err != nil || a.State != client.StateValid || a.Generation != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.wantCode(0, "refresh", account, "--force")
	if got := s.session(); got == pair.SESSDATA || !s.site.Alive(got) || s.site.Refresh.Rotations(mid) != 1 {
		t.Error("it was not refreshed when there was room again")
	}
	s.stop()
	s.verifyVault()
}

// fill writes until there is no room for another byte.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(bytes.Repeat([]byte{1}, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
