//go:build unix

package engine

import (
	"os/exec"
	"syscall"
)

// members are a command and what it started.
type members struct{}

// group puts a command into a process group of its own, which is killed as a
// whole: a shell script that is killed alone leaves what it waits for behind.
func group(cmd *exec.Cmd) members {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return members{}
}

func (members) started(*exec.Cmd) {}
func (members) done()             {}
