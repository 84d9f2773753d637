package etcdtest

import (
	"os/exec"
	"syscall"
)

// endWithParent has a member end with the test's process, should that be killed. The
// signal is bound to the thread that starts the member; the runtime's threads stay.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
