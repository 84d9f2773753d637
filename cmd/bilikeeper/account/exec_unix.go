//go:build unix

package account

import (
	"os"
	"os/exec"
	"syscall"
)

// passedOn are the signals that a command run by exec gets.
var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// exitCode is the command's code, or 128 and the signal's number as a shell
// would have it.
func exitCode(e *exec.ExitError) int {
	if s, ok := e.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return e.ExitCode()
}
