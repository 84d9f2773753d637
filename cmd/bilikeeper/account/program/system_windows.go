package program

import (
	"os"
	"os/exec"
	"path/filepath"
)

// passedOn are the signals that a program gets. A console's Ctrl-C reaches it by
// itself, unless it has a process group of its own.
var passedOn = []os.Signal{os.Interrupt}

func ends(os.Signal) bool { return true }

func exitCode(e *exec.ExitError) int { return e.ExitCode() }

// hold makes the lock that says that the private file in a directory is in use:
// a file that is open cannot be removed here.
func hold(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// share does nothing: a program inherits no files here.
func (p *privateFile) share(*exec.Cmd) {}

func abandoned(lock string) bool { return os.Remove(lock) == nil }

func mine(info os.FileInfo) bool { return info.IsDir() }
