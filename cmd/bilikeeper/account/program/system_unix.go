//go:build unix

package program

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/bilikeeper/bilikeeper/internal/filelock"
	"golang.org/x/sys/unix"
)

// passedOn are the signals that a program gets.
var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// ends reports whether a signal asks a program to end.
func ends(s os.Signal) bool {
	return slices.Contains([]os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}, s)
}

// exitCode is the program's code, or 128 and the signal's number as a shell
// would have it.
func exitCode(e *exec.ExitError) int {
	if s, ok := e.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return e.ExitCode()
}

// hold makes the lock that says that the private file in a directory is in use.
func hold(dir string) (*os.File, error) {
	name := filepath.Join(dir, lockName)
	f, err := os.OpenFile(name+".new", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	// Nobody else knows of the file yet.
	if _, err = filelock.Try(f); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// share lets the program hold the lock too, so that its file is not removed from
// under it where this process is killed.
func (p *privateFile) share(cmd *exec.Cmd) { cmd.ExtraFiles = append(cmd.ExtraFiles, p.lock) }

// abandoned reports whether nobody holds the lock in a directory.
func abandoned(lock string) bool {
	f, err := os.OpenFile(lock, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	free, err := filelock.Try(f)
	return free && err == nil
}

// mine reports whether a directory is this user's and nobody else's.
func mine(info os.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && info.Mode().Perm() == 0o700 && int(s.Uid) == os.Getuid()
}
