//go:build container

package packaging_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The image, built without the network and run as people run it: as another user, on
// a root that cannot be written to. Images and containers are in a directory that
// the test removes.

// engine runs buildah and podman.
type engine struct {
	t *testing.T
	// store says where images and containers are.
	store []string
}

const image = "localhost/bilikeeper-test"

func newEngine(t *testing.T) engine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("containers without a daemon need root here")
	}
	for _, program := range []string{"buildah", "podman", "runc"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed here", program)
		}
	}
	// A socket's path is short, so the directory of a test will not do.
	dir, err := os.MkdirTemp("", "bk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return engine{t, []string{"--storage-driver", "vfs", "--root", filepath.Join(dir, "store"), "--runroot", filepath.Join(dir, "run")}}
}

// build makes an image as a release does, of a binary that is there.
func (e engine) build(image, version string) {
	e.t.Helper()
	context := e.t.TempDir()
	binary := filepath.Join(e.t.TempDir(), "bilikeeper")
	e.t.Setenv("CGO_ENABLED", "0")
	output(e.t, "..", "go", "build", "-trimpath", "-ldflags", "-X main.version="+version, "-o", binary, "./cmd/bilikeeper")
	output(e.t, "..", "packaging/container/rootfs", binary, filepath.Join(context, "rootfs"))
	output(e.t, "..", "buildah", append(e.store, "bud", "--isolation", "chroot", "--format", "docker", "--target", "prebuilt",
		"--build-arg", "ROOTFS=rootfs", "--file", "packaging/container/Dockerfile", "--tag", image, context)...)
}

func (e engine) podman(args ...string) string {
	e.t.Helper()
	return output(e.t, ".", "podman", append(append(e.store, "--runtime", "runc"), args...)...)
}

// run is podman run with what is the same each time.
func (e engine) run(args ...string) string {
	e.t.Helper()
	return e.podman(append([]string{"run", "--read-only", "--network", "host", "--cap-drop", "all", "--security-opt", "no-new-privileges",
		"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"}, args...)...)
}

// start runs a keeper and waits until it answers.
func (e engine) start(name string, args ...string) {
	e.t.Helper()
	e.run(append([]string{"--detach", "--name", name}, args...)...)
	e.t.Cleanup(func() {
		if e.t.Failed() {
			e.t.Log(e.podman("logs", name))
		}
		e.podman("rm", "--force", "--volumes", name)
	})
	deadline := time.Now().Add(time.Minute)
	for exec.Command("podman", append(e.store, "--runtime", "runc", "exec", name, "bilikeeper", "status")...).Run() != nil {
		if time.Now().After(deadline) {
			e.t.Fatalf("%s does not answer", name)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestContainer(t *testing.T) {
	e := newEngine(t)
	e.build(image, "1.0.0")
	t.Run("demo", func(t *testing.T) {
		e := engine{t, e.store}
		n := 0
		for line := range strings.Lines(e.run("--rm", "--tmpfs", "/tmp", image, "demo", "--json")) {
			n++
			if !json.Valid([]byte(line)) {
				t.Errorf("no event: %s", line)
			}
		}
		if n < 5 {
			t.Errorf("%d events", n)
		}
	})
	t.Run("anyone", func(t *testing.T) { testAsAnyone(engine{t, e.store}) })
	t.Run("from nothing", func(t *testing.T) { testFromNothing(engine{t, e.store}) })
	t.Run("its own", func(t *testing.T) {
		e := engine{t, e.store}
		e.start("own", image)
		e.podman("stop", "--time", "60", "own")
		if code := e.podman("wait", "own"); code != "0\n" {
			t.Errorf("it ended with %s", code)
		}
	})
}

// testAsAnyone runs the keeper as a user of the machine, on a folder of that user.
func testAsAnyone(e engine) {
	t := e.t
	const uid, gid = 1026, 100
	data, config := t.TempDir(), t.TempDir()
	if err := os.Chown(data, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "config.toml"), []byte("[check]\nschedule = \"@every 12h\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e.start("anyone", "--user", "1026:100", "--volume", data+":/data", "--volume", config+":/etc/bilikeeper:ro", image)
	e.podman("healthcheck", "run", "anyone")
	if printed := e.podman("exec", "anyone", "bilikeeper", "config", "print"); !strings.Contains(printed, "@every 12h") {
		t.Errorf("the configuration is not read: %s", printed)
	}
	e.podman("kill", "--signal", "TERM", "anyone")
	if code := e.podman("wait", "anyone"); code != "0\n" {
		t.Errorf("it ended with %s", code)
	}
	for _, path := range []string{"state", "state/vault.db", "state/vault.key"} {
		info, err := os.Stat(filepath.Join(data, path))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != uid || owner.Gid != gid || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is of %d:%d, %s", path, owner.Uid, owner.Gid, info.Mode())
		}
	}
	if _, err := os.Stat(filepath.Join(data, "state/control.sock")); err == nil {
		t.Error("the socket was left behind")
	}
}
