package cli

import (
	"errors"
	"os"
	"os/exec"
)

// become runs a program to its end; here nothing takes another's place. What ends this
// one at a console ends both. Its exit code is the result.
func become(path string, args []string) error {
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return Exit(ended.ExitCode(), "")
	}
	if err != nil {
		return Fail(ExitFailed, "", "run %s: %w", path, err)
	}
	return Exit(ExitDone, "")
}
