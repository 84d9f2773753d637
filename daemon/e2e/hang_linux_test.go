package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The two requests are in linux/fs.h.
const (
	freeze = 0xC0045877
	thaw   = 0xC0045878
)

// TestDiskHangs freezes the disk under a keeper. It goes on handing credentials
// out at once, says within ten seconds that the disk does not answer, and takes
// that back.
func TestDiskHangs(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	mountSmall(t, s)
	s.configure(settings{schedule: "@every 1h"})
	s.start()
	s.login(mid)
	want := s.get()

	melt := freezeDisk(t, s)
	frozen := time.Now()
	if got := s.get("--format", "json"); !strings.Contains(got, "SESSDATA") {
		t.Error("there is no credential while the disk hangs")
	}
	if got := s.get(); got != want {
		t.Error("it is another credential while the disk hangs")
	}
	problem := func() bool {
		st, err := s.client.Status(t.Context())
		return err == nil && strings.Contains(strings.Join(st.Daemon.Problems, "\n"), "disk does not answer")
	}
	until(t, "the status says that the disk hangs", problem)
	if took := time.Since(frozen); took > 10*time.Second {
		t.Logf("it took %s until the status said so", took)
	}
	if r := s.cli("doctor"); !strings.Contains(r.stdout, "disk does not answer") {
		t.Errorf("the doctor does not say it: %s", r.stdout)
	}
	melt()
	until(t, "the status takes it back", func() bool { return !problem() })
	until(t, "the reading is in the journal", func() bool {
		for _, e := range s.events("credential.read") {
			if strings.Contains(string(e.Data), `"format":"json"`) {
				return true
			}
		}
		return false
	})
	s.stop()
}

// TestStopOnHungDisk stops a keeper whose disk is frozen. Nobody but the keeper itself
// ends it, without a service manager.
func TestStopOnHungDisk(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	mountSmall(t, s)
	s.configure(settings{schedule: "@every 1s"})
	s.start()
	s.login(mid)
	melt := freezeDisk(t, s)
	if err := s.keeper.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "it ends without the disk", func() bool { return strings.Contains(s.log.String(), "stopped without waiting any longer") })
	if !strings.Contains(s.log.String(), "has not answered for 10s") {
		t.Errorf("it does not say why: %s", s.log.tail(5))
	}
	// The system keeps a process for as long as a call of it is in the frozen disk,
	// a killed one as well.
	melt()
	<-s.keeper.done
	if code := s.keeper.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	s.start()
	if a := s.account(); a.State != "valid" {
		t.Errorf("after the stop it is %s", a.State)
	}
	s.stop()
	s.verifyVault()
}

// A keeper whose disk is frozen does not say that it works.
func TestHeartbeatOfAFrozenDisk(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	mountSmall(t, s)
	b := beating(t, s)
	s.start()
	b.tells(t, "a keeper that works")
	melt := freezeDisk(t, s)
	until(t, "the status says why", func() bool {
		st, err := s.client.Status(t.Context())
		return err == nil && strings.Contains(strings.Join(st.Daemon.Problems, "\n"), "heartbeat: held back: the vault")
	})
	b.silent(t, "a keeper whose disk is frozen")
	melt()
	b.tells(t, "a keeper whose disk answers again")
	s.stop()
}

// freezeDisk freezes the disk under a keeper until melt is called.
func freezeDisk(t *testing.T, s *stage) (melt func()) {
	t.Helper()
	dir, err := os.Open(s.state())
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(int(dir.Fd()), freeze, 0); err != nil {
		t.Skipf("SKIPPED: the disk cannot be frozen: %v", err)
	}
	melt = sync.OnceFunc(func() {
		_ = unix.IoctlSetInt(int(dir.Fd()), thaw, 0)
		_ = dir.Close()
	})
	t.Cleanup(melt)
	return melt
}

// mountSmall puts a file system of its own, on a file, where the state will be.
func mountSmall(t *testing.T, s *stage) {
	t.Helper()
	image := filepath.Join(s.dir, "disk.img")
	if err := os.Mkdir(s.state(), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	for _, args := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, s.state()}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: %s, which takes root and a loop device: %v: %s", args[0], err, out)
		}
	}
	t.Cleanup(func() {
		if s.keeper != nil {
			s.keeper.kill()
		}
		if err := unix.Unmount(s.state(), unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	if err := os.Remove(filepath.Join(s.state(), "lost+found")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.state(), 0o700); err != nil {
		t.Fatal(err)
	}
}
