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
// earlier one. Each is built once, when a test first needs it.
var built builds

type builds struct{ release, old func() (string, error) }

func newBuilds(dir string) builds {
	return builds{
		release: sync.OnceValues(func() (string, error) { return buildRelease(filepath.Join(dir, "dist")) }),
		old:     sync.OnceValues(func() (string, error) { return buildEarlier(dir) }),
	}
}

const (
	version = "1.2.3"
	commit  = "0123456789abcdef0123456789abcdef01234567"
	epoch   = "1796025315"
)

// program is the path of the program as it is released.
func (b *builds) program(t *testing.T) string {
	t.Helper()
	return b.file(t, "bilikeeper_"+version+"_linux_"+runtime.GOARCH)
}

// deb is the path of the package as it is released.
func (b *builds) deb(t *testing.T) string {
	t.Helper()
	return b.file(t, "bilikeeper_"+version+"-1_"+runtime.GOARCH+".deb")
}

func (b *builds) file(t *testing.T, name string) string {
	t.Helper()
	dist, err := b.release()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dist, name)
}

// earlier is a program of an earlier state of the source. Where that is not known,
// the test is skipped.
func (b *builds) earlier(t *testing.T) string {
	t.Helper()
	path, err := b.old()
	if errors.Is(err, errNoHistory) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func buildRelease(dist string) (string, error) {
	return dist, command("../..", "go", "run", "./packaging/build", "-o", dist, "-only", runtime.GOARCH, "-version", version, "-commit", commit)
}

func buildEarlier(dir string) (string, error) {
	state, err := earlierState()
	if err != nil {
		return "", err
	}
	source, archive, program := filepath.Join(dir, "source"), filepath.Join(dir, "source.tar"), filepath.Join(dir, "earlier")
	if err := os.Mkdir(source, 0o755); err != nil {
		return "", err
	}
	if err := command("../..", "git", "archive", "--format=tar", "--output="+archive, state); err != nil {
		return "", err
	}
	if err := command(source, "tar", "-xf", archive); err != nil {
		return "", err
	}
	flags := "-s -w -X main.version=1.0.0 -X main.commit=" + state
	return program, command(source, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", program, "./cmd/bilikeeper")
}

var errNoHistory = errors.New("no earlier state of the source is known: the history is not here, or is too short")

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
	return "", errNoHistory
}

// command runs a program on this machine that has to succeed.
func command(dir, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "SOURCE_DATE_EPOCH="+epoch)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, args[0], err, said)
	}
	return nil
}
