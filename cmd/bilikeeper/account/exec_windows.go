package account

import (
	"os"
	"os/exec"
)

// passedOn are the signals that a command run by exec gets. A console's Ctrl-C
// reaches it by itself.
var passedOn = []os.Signal{os.Interrupt}

func exitCode(e *exec.ExitError) int { return e.ExitCode() }
