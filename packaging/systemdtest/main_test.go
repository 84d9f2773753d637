//go:build linux && systemd

package systemdtest_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
)

// The test's program is also the guard of a system, and what its first process is
// until it becomes systemd.
const (
	roleVariable = "BILIKEEPER_SYSTEMDTEST_ROLE"
	roleGuard    = "guard"
	roleInit     = "init"
)

func init() {
	if os.Getenv(roleVariable) != "" {
		// Namespaces, and the signal at a parent's death, belong to a thread.
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleGuard:
		guard()
		os.Exit(0)
	case roleInit:
		report := os.NewFile(3, "report")
		_, _ = fmt.Fprint(report, becomeSystemd())
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bilikeeper-built-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built = newBuilds(dir)
	return m.Run()
}
