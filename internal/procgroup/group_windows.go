package procgroup

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// Members are a command and what it started, in a job.
type Members struct{ job windows.Handle }

// Group puts a command into a job, which is ended as a whole. The command runs
// for a moment before it is in the job; what it starts in that moment is not.
func Group(cmd *exec.Cmd) *Members {
	m := &Members{}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	cmd.Cancel = func() error {
		if m.job != 0 {
			if err := windows.TerminateJobObject(m.job, 1); err == nil {
				return nil
			}
		}
		return cmd.Process.Kill()
	}
	if job, err := windows.CreateJobObject(nil, nil); err == nil {
		m.job = job
	}
	return m
}

// Started is called once the command runs.
func (m *Members) Started(cmd *exec.Cmd) {
	if m.job == 0 {
		return
	}
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid))
	if err != nil {
		return
	}
	_ = windows.AssignProcessToJobObject(m.job, process)
	_ = windows.CloseHandle(process)
}

// Done is called once it has ended, or could not be started.
func (m *Members) Done() {
	if m.job != 0 {
		_ = windows.CloseHandle(m.job)
	}
}
