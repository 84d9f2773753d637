//go:build linux && systemd

package systemdtest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// built is what the systems get: the release of this source, and a program of an
// earlier one. Each is built when a test first needs it.
var built = builds{}

type builds struct {
	mu  sync.Mutex // guards what follows; one build at a time
	dir string     // "" until something is built

	released bool
	old      string // the earlier program
}

const (
	version = "1.2.3"
	commit  = "0123456789abcdef0123456789abcdef01234567"
	epoch   = "1796025315"
)

// program is the path of the program as it is released.
func (b *builds) program(t *testing.T) string {
	t.Helper()
	return filepath.Join(b.release(t), "bilikeeper_"+version+"_linux_"+runtime.GOARCH)
}

// deb is the path of the package as it is released.
func (b *builds) deb(t *testing.T) string {
	t.Helper()
	return filepath.Join(b.release(t), "bilikeeper_"+version+"-1_"+runtime.GOARCH+".deb")
}

func (b *builds) release(t *testing.T) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prepare(t)
	dist := filepath.Join(b.dir, "dist")
	if !b.released {
		must(t, "../..", "go", "run", "./packaging/build", "-o", dist, "-only", runtime.GOARCH, "-version", version, "-commit", commit)
		b.released = true
	}
	return dist
}

// earlier is a program of an earlier state of the source. Where that is not known,
// the test is skipped.
func (b *builds) earlier(t *testing.T) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prepare(t)
	if b.old != "" {
		return b.old
	}
	state, err := earlierState()
	if err != nil {
		t.Skipf("no earlier state of the source is known: %v", err)
	}
	source, archive := filepath.Join(b.dir, "source"), filepath.Join(b.dir, "source.tar")
	if err := os.Mkdir(source, 0o755); err != nil {
		t.Fatal(err)
	}
	must(t, "../..", "git", "archive", "--format=tar", "--output="+archive, state)
	must(t, source, "tar", "-xf", archive)
	old := filepath.Join(b.dir, "earlier")
	must(t, source, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version=1.0.0 -X main.commit="+state, "-o", old, "./cmd/bilikeeper")
	b.old = old
	return old
}

// earlierState is the newest release, and before the first one what was there some
// changes ago.
func earlierState() (string, error) {
	for _, args := range [][]string{{"describe", "--tags", "--abbrev=0", "HEAD^"}, {"rev-parse", "--verify", "--quiet", "HEAD~20^{commit}"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = "../.."
		if said, err := cmd.Output(); err == nil {
			return strings.TrimSpace(string(said)), nil
		}
	}
	return "", errors.New("the history is not here, or is too short")
}

// prepare needs mu.
func (b *builds) prepare(t *testing.T) {
	t.Helper()
	if b.dir != "" {
		return
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "bilikeeper-built-"); err != nil {
		t.Fatal(err)
	}
}

func (b *builds) remove() { _ = os.RemoveAll(b.dir) }

// must runs a program on this machine that has to succeed.
func must(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "SOURCE_DATE_EPOCH="+epoch)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", fmt.Sprint(program, args), err, said)
	}
}
