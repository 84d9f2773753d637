//go:build unix

package procgroup

import (
	"os/exec"
	"syscall"
)

// Members are a command and what it started.
type Members struct{}

// Group puts a command into a process group of its own, which is killed as a
// whole: a shell script that is killed alone leaves what it waits for behind.
func Group(cmd *exec.Cmd) Members {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return Members{}
}

// Started is called once the command runs.
func (Members) Started(*exec.Cmd) {}

// Done is called once it has ended, or could not be started.
func (Members) Done() {}
