//go:build root

package e2e_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rounds are the writes of root's keeper into a directory that somebody swaps.
const rounds = 1000

// swapperEnv makes the test binary somebody who swaps what is in a directory of
// theirs for links to what is not, as fast as can be.
const swapperEnv = "BILIKEEPER_TEST_SWAPPER"

func init() {
	home := os.Getenv(swapperEnv)
	if home == "" {
		return
	}
	in := func(name string) string { return filepath.Join(home, name) }
	victim := os.Args[1]
	for turn := 0; ; turn++ {
		// The directory itself, the one above it, the file by a link and by a second
		// name.
		switch turn % 4 {
		case 0:
			_ = os.Rename(in("a/b"), in("a/away"))
			_ = os.Symlink(victim, in("a/b"))
			_ = os.Remove(in("a/b"))
			_ = os.Rename(in("a/away"), in("a/b"))
		case 1:
			_ = os.Rename(in("a"), in("away"))
			_ = os.Symlink(filepath.Dir(victim), in("a"))
			_ = os.Remove(in("a"))
			_ = os.Rename(in("away"), in("a"))
		case 2:
			for _, name := range []string{"file", "inplace"} {
				_ = os.Remove(in("a/b/" + name))
				_ = os.Symlink(filepath.Join(victim, "precious"), in("a/b/"+name))
				_ = os.Remove(in("a/b/" + name))
			}
		case 3:
			for _, name := range []string{"file", "inplace"} {
				_ = os.Remove(in("a/b/" + name))
				_ = os.Link(filepath.Join(victim, "precious"), in("a/b/"+name))
				_ = os.Remove(in("a/b/" + name))
				_ = os.WriteFile(in("a/b/"+name), []byte("mine"), 0o600)
			}
		}
	}
}

// TestRootOutputRace: whatever another user does in the directory of an output, root's
// keeper writes nothing outside of it.
func TestRootOutputRace(t *testing.T) {
	asRoot(t)
	s := newStage(t, nil)
	home, victim := filepath.Join(s.dir, "home"), filepath.Join(s.dir, "victim", "b")
	precious := filepath.Join(victim, "precious")
	for _, err := range []error{
		os.Chmod(s.dir, 0o755), os.MkdirAll(filepath.Join(home, "a", "b"), 0o755), os.MkdirAll(victim, 0o755),
		os.WriteFile(precious, []byte("precious"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	give(t, somebody, home, filepath.Join(home, "a"), filepath.Join(home, "a", "b"))
	s.configure(settings{schedule: "@every 1h"})
	s.append(fmt.Sprintf(`[[output]]
name = "file"
account = "main"
format = "header"
path = %[1]q
mode = "0600"

[[output]]
name = "inplace"
account = "main"
format = "header"
path = %[2]q
in_place = true
owner = "%[3]d"
`, filepath.Join(home, "a/b/file"), filepath.Join(home, "a/b/inplace"), somebody))
	s.start()
	s.login(mid)

	// The program is where the other user can run it.
	program := filepath.Join(s.dir, "swapper")
	if out, err := exec.Command("cp", os.Args[0], program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	swapper := exec.Command(program, victim)
	swapper.Env = append(environment(), swapperEnv+"="+home)
	swapper.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}, Pdeathsig: syscall.SIGKILL}
	if err := swapper.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	written, refused := 0, 0
	for n := range rounds {
		name := []string{"file", "inplace"}[n%2]
		if _, err := s.client.RunOutput(t.Context(), name); err == nil {
			written++
		} else {
			refused++
		}
	}
	_ = swapper.Process.Kill()
	_ = swapper.Wait()
	t.Logf("%d rounds in %s: %d written, %d refused", rounds, time.Since(began), written, refused)
	if written == 0 || refused == 0 {
		t.Error("there was no race")
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != "precious" {
		t.Errorf("the file outside was written: %d bytes, %v", len(text), err)
	}
	if info, err := os.Stat(precious); err != nil || info.Mode().Perm() != 0o644 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the file outside was changed: %v, %v", info.Mode(), err)
	}
	err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || e.IsDir():
			return err
		case strings.HasPrefix(path, filepath.Dir(victim)+"/") && path != precious:
			t.Errorf("something was written outside: %s", path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	s.stop()
}
