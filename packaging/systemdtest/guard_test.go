//go:build linux && systemd

package systemdtest_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// raised is a system as its guard tells of it.
type raised struct {
	PID           int
	Place, Cgroup string
	// Missing is what this machine lacks for it, Fault what went wrong.
	Missing, Fault string
}

// guard starts a system, and ends it when its standard input ends, which is when
// the test does, whatever of. Whatever that was, it cannot be what ends the guard:
// it has a session of its own.
func guard() {
	r, cmd := raise()
	defer r.raze(cmd)
	if json.NewEncoder(os.Stdout).Encode(r) == nil && cmd != nil {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}

func raise() (r raised, cmd *exec.Cmd) {
	top, err := cgroups()
	if err != nil {
		r.Missing = err.Error()
		return r, nil
	}
	if r.Place, err = os.MkdirTemp("", "bilikeeper-systemd-"); err != nil {
		r.Fault = err.Error()
		return r, nil
	}
	r.Cgroup = filepath.Join(top, filepath.Base(r.Place))
	if err := os.Mkdir(r.Cgroup, 0o755); err != nil {
		r.Missing = err.Error()
		return r, nil
	}
	said, report, err := os.Pipe()
	if err != nil {
		r.Fault = err.Error()
		return r, nil
	}
	cmd = exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+roleInit, placeVariable+"="+r.Place, cgroupVariable+"="+r.Cgroup)
	cmd.ExtraFiles = []*os.File{report}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Pdeathsig: syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET,
	}
	err = cmd.Start()
	_ = report.Close()
	if err != nil {
		r.Missing = fmt.Sprintf("no namespaces can be had: %v", err)
		return r, nil
	}
	r.PID = cmd.Process.Pid
	fault, err := io.ReadAll(said)
	if r.Fault = string(fault); err != nil {
		r.Fault = err.Error()
	}
	return r, cmd
}

// raze ends every process of the system, with which its mounts go, and removes what
// was made for it outside.
func (r raised) raze(cmd *exec.Cmd) {
	if cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if r.Cgroup != "" {
		for end := time.Now().Add(10 * time.Second); removeCgroup(r.Cgroup) != nil && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if r.Place != "" {
		_ = os.Remove(r.Place)
	}
}

// removeCgroup removes a cgroup with those in it. The kernel counts a process that
// is gone for a moment more.
func removeCgroup(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeCgroup(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	return syscall.Rmdir(path)
}

// cgroups is where the second version of the cgroups is mounted.
func cgroups() (string, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer mounts.Close()
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		if before, after, _ := strings.Cut(lines.Text(), " - "); strings.HasPrefix(after, "cgroup2 ") {
			return strings.Fields(before)[4], nil
		}
	}
	return "", errors.New("cgroups of version 2 are mounted nowhere")
}
