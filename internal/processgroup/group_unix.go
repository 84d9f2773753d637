//go:build unix

package processgroup

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// Group is a program and what it started.
type Group struct{ cmd *exec.Cmd }

// New prepares a command, which has not been started, to be the first of a group.
func New(cmd *exec.Cmd) *Group {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return &Group{cmd}
}

// Started comes when the command was started.
func (g *Group) Started() {}

// Signal sends a signal to all members.
func (g *Group) Signal(s os.Signal) error {
	number, ok := s.(syscall.Signal)
	if !ok || g.cmd.Process == nil {
		return os.ErrInvalid
	}
	return syscall.Kill(-g.cmd.Process.Pid, number)
}

// Terminate asks all members to end.
func (g *Group) Terminate() error { return g.Signal(syscall.SIGTERM) }

// Kill ends all members.
func (g *Group) Kill() error { return g.Signal(syscall.SIGKILL) }

// Empty reports whether no member is left once the first one has ended.
func (g *Group) Empty() bool { return errors.Is(g.Signal(syscall.Signal(0)), syscall.ESRCH) }

// Close frees what was taken; the members go on.
func (g *Group) Close() {}
