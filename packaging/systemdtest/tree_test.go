//go:build linux && systemd

package systemdtest_test

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const (
	mirror   = "http://deb.debian.org/debian"
	hosts    = "127.0.0.1 localhost " + hostname + "\n"
	hostname = "keeper"
	packages = "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,libnss-systemd,acl,sudo,cron,ca-certificates"
)

// debian makes the tree once, whichever test comes first.
var debian = sync.OnceValues(makeTree)

// tree is a Debian that no test changes.
func tree(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a system of its own")
	}
	go built.release() // every test needs it, and the tree may take its time
	path, err := debian()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("debootstrap is not installed here, and no tree was made before")
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// makeTree takes about a minute, for once. What is kept is as good as it was when it was made:
// nothing in it is reached from outside.
func makeTree() (string, error) {
	suite := cmp.Or(os.Getenv("BILIKEEPER_DEBIAN"), "bookworm")
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	recipe := sha256.Sum256([]byte(suite + packages + hosts))
	path := filepath.Join(cache, "bilikeeper", fmt.Sprintf("debian-%s-%x", suite, recipe[:6]))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return "", exec.ErrNotFound
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	// It has the name only when it is whole.
	half, err := os.MkdirTemp(filepath.Dir(path), "half-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(half)
	cmd := exec.Command("debootstrap", "--variant=minbase", "--include="+packages, suite, half, mirror)
	// What it mounts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if said, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		return "", fmt.Errorf("debootstrap: %w: %s", err, strings.Join(lines[max(0, len(lines)-5):], "\n"))
	}
	if err := errors.Join(
		os.RemoveAll(filepath.Join(half, "var/cache/apt/archives")),
		os.WriteFile(filepath.Join(half, "etc/hostname"), []byte(hostname+"\n"), 0o644),
		os.WriteFile(filepath.Join(half, "etc/hosts"), []byte(hosts), 0o644),
		os.Chmod(half, 0o755),
	); err != nil {
		return "", err
	}
	if err := os.Rename(half, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return path, nil
}
