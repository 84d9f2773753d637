//go:build packages || container

package packaging_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// output runs a program in a directory and returns what it prints.
func output(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	said, _ := outputs(t, dir, program, args...)
	return said
}

// outputs returns what a program says on stderr, too.
func outputs(t *testing.T, dir, program string, args ...string) (string, string) {
	t.Helper()
	// One of the repository's own is there, seen from the directory.
	if _, err := exec.LookPath(program); err != nil && !strings.ContainsRune(program, '/') {
		t.Skipf("%s is not installed here", program)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}
