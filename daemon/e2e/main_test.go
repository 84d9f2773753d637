//go:build unix

package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// binary is the program under test, built once for all tests. TestMain sets it
// before any of them runs.
var binary string

// stripped leaves out what debuggers alone read, which halves the work of a build.
const stripped = "-ldflags=-s -w"

func TestMain(m *testing.M) {
	// What the command line says comes after this and wins.
	_ = flag.Set("test.parallel", strconv.Itoa(testsAtOnce*runtime.GOMAXPROCS(0)))
	dir, err := os.MkdirTemp("", "bk-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "bilikeeper")
	// Without the race detector even when the tests run with it: what is
	// measured here is the program that people get.
	build := exec.Command("go", "build", stripped, "-o", binary, "github.com/bilikeeper/bilikeeper/cmd/bilikeeper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
