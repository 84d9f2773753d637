//go:build unix

package cli

import (
	"os"
	"syscall"
)

// become puts a program in the place of this one. It returns only where that fails.
func become(path string, args []string) error {
	err := syscall.Exec(path, append([]string{path}, args...), os.Environ())
	return Fail(ExitFailed, "", "run %s: %w", path, err)
}
