package processgroup

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// Group is a program and what it started.
type Group struct {
	cmd *exec.Cmd
	job windows.Handle
}

// New prepares a command, which has not been started, to be the first of a group.
func New(cmd *exec.Cmd) *Group {
	g := &Group{cmd: cmd}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	if job, err := windows.CreateJobObject(nil, nil); err == nil {
		g.job = job
	}
	return g
}

// Started comes when the command was started.
func (g *Group) Started() {
	if g.job == 0 {
		return
	}
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(g.cmd.Process.Pid))
	if err != nil {
		return
	}
	_ = windows.AssignProcessToJobObject(g.job, process)
	_ = windows.CloseHandle(process)
}

// Signal asks the members at this console to end: there is one signal here.
func (g *Group) Signal(os.Signal) error { return g.Terminate() }

// Terminate asks the members to end.
func (g *Group) Terminate() error {
	if g.cmd.Process == nil {
		return os.ErrInvalid
	}
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(g.cmd.Process.Pid))
}

// Kill ends all members.
func (g *Group) Kill() error {
	if g.job != 0 {
		if err := windows.TerminateJobObject(g.job, 1); err == nil {
			return nil
		}
	}
	if g.cmd.Process == nil {
		return os.ErrInvalid
	}
	return g.cmd.Process.Kill()
}

// Empty reports whether no member needs to be waited for once the first one has
// ended. What is left of a job is not asked for here; Kill ends it.
func (g *Group) Empty() bool { return true }

// Close frees what was taken; the members go on.
func (g *Group) Close() {
	if g.job != 0 {
		_ = windows.CloseHandle(g.job)
		g.job = 0
	}
}
