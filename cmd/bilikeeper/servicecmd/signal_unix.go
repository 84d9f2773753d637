//go:build unix

package servicecmd

import (
	"os"
	"syscall"
)

// reloadSignals ask for the configuration to be read anew.
var reloadSignals = []os.Signal{syscall.SIGHUP}
