//go:build container

package packaging_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// compose.yaml, run as the page that names it says: in a folder of one's own, with
// the numbers of its owner in .env.

// composition is a folder with compose.yaml in it.
type composition struct {
	engine
	dir string
}

const composeOwner, composeGroup = 1026, 100

// composed makes the folder. The engine's own settings are in a script that is run in
// the place of podman; a second file has the limits that this machine may set.
func composed(e engine) composition {
	e.t.Helper()
	c := composition{e, e.t.TempDir()}
	file, err := os.ReadFile("container/compose.yaml")
	if err != nil {
		e.t.Fatal(err)
	}
	c.write("compose.yaml", string(file), 0o644)
	c.write("limits.yaml", "services: {keeper: {ulimits: {nofile: 1024, nproc: 1000}}}\n", 0o644)
	c.write(".env", fmt.Sprintf("PUID=%d\nPGID=%d\n", composeOwner, composeGroup), 0o644)
	c.write("podman", "#!/bin/sh\nexec podman "+strings.Join(e.store, " ")+" --runtime runc \"$@\"\n", 0o755)
	for _, folder := range []string{"data", "config", "secrets", "cookies"} {
		if err := os.Mkdir(filepath.Join(c.dir, folder), 0o755); err != nil {
			e.t.Fatal(err)
		}
		c.give(folder)
	}
	return c
}

func (c composition) write(name, text string, mode os.FileMode) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		c.t.Fatal(err)
	}
	c.give(name)
}

func (c composition) give(name string) {
	c.t.Helper()
	if err := os.Chown(filepath.Join(c.dir, name), composeOwner, composeGroup); err != nil {
		c.t.Fatal(err)
	}
}

func (c composition) command(args ...string) *exec.Cmd {
	cmd := exec.Command("podman-compose", append([]string{"--no-ansi", "--project-name", "bk", "--podman-path", filepath.Join(c.dir, "podman"),
		"-f", "compose.yaml", "-f", "limits.yaml"}, args...)...)
	cmd.Dir = c.dir
	return cmd
}

func (c composition) run(args ...string) string {
	c.t.Helper()
	said, err := c.command(args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("podman-compose %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// keeper runs the program in the container of the service.
func (c composition) keeper(args ...string) (string, error) {
	said, err := exec.Command(filepath.Join(c.dir, "podman"), append([]string{"exec", "bk_keeper_1", "bilikeeper"}, args...)...).CombinedOutput()
	return string(said), err
}

func (c composition) up() {
	c.t.Helper()
	c.run("up", "-d")
	deadline := time.Now().Add(time.Minute)
	for {
		said, err := c.keeper("status")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the keeper does not answer: %v, %s\n%s", err, said, c.podman("logs", "bk_keeper_1"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// networks skips the test where the machine lets nobody make a network.
func (c composition) networks() {
	c.t.Helper()
	script := filepath.Join(c.dir, "podman")
	if said, err := exec.Command(script, "network", "create", "bk-probe").CombinedOutput(); err != nil {
		c.t.Skipf("no network can be made here: %s", said)
	}
	defer exec.Command(script, "network", "rm", "bk-probe").Run()
	said, err := exec.Command(script, "run", "--rm", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--net", "bk-probe", composeImage, "version").CombinedOutput()
	if err != nil {
		c.t.Skipf("no container gets a network here: %s", said)
	}
}

const composeImage = "localhost/bilikeeper:latest"

func TestContainerComposed(t *testing.T) {
	e := newEngine(t)
	if _, err := exec.LookPath("podman-compose"); err != nil {
		t.Skip("podman-compose is not installed here")
	}
	e.build(composeImage, "1.0.0")
	c := composed(e)
	c.networks()
	c.write("secrets/page.password", "an invented password\n", 0o600)
	var site strings.Builder
	for _, host := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		fmt.Fprintf(&site, "%s = \"http://127.0.0.1:9\"\n", host) // nobody is there
	}
	c.write("config/config.toml", "[page]\nlisten = \"0.0.0.0:7331\"\npassword_file = \"/run/secrets/page.password\"\n\n[endpoints]\n"+site.String(), 0o644)
	t.Cleanup(func() {
		_ = c.command("down").Run()
		_ = exec.Command(filepath.Join(c.dir, "podman"), "network", "rm", "bk_default").Run()
	})

	c.up()
	c.podman("healthcheck", "run", "bk_keeper_1")
	if answer, err := http.Get("http://127.0.0.1:7331/"); err != nil || answer.StatusCode >= 500 || answer.Body.Close() != nil {
		t.Errorf("the page: %+v, %v", answer, err)
	}
	if said, err := c.keeper("vault", "backup", "/etc/copy"); err == nil || !strings.Contains(said, "read-only file system") {
		t.Errorf("the root can be written to: %v, %s", err, said)
	}
	if said, err := c.keeper("vault", "backup", "/cookies/copy"); err != nil {
		t.Errorf("an output's folder cannot be written to: %v, %s", err, said)
	} else if info, err := os.Stat(filepath.Join(c.dir, "cookies/copy")); err != nil || info.Sys().(*syscall.Stat_t).Uid != composeOwner {
		t.Errorf("what is written is %+v, %v", info, err)
	}
	if said, err := c.keeper("login", "main", "--timeout", "1s"); err == nil || !strings.Contains(said, "the site could not be asked") {
		t.Errorf("a login without the site: %v, %s", err, said)
	}
	c.podman("kill", "--signal", "HUP", "bk_keeper_1")
	c.run("stop")
	if code := c.podman("inspect", "--format", "{{.State.ExitCode}}", "bk_keeper_1"); code != "0\n" {
		t.Errorf("it ended with %s", code)
	}
	c.run("down")

	// The next version on the same folders.
	e.build(composeImage, "2.0.0")
	c.up()
	said, err := c.keeper("status", "--json")
	if err != nil || !strings.Contains(said, `"version": "2.0.0"`) || !strings.Contains(said, `"name": "main"`) {
		t.Errorf("after the upgrade: %v, %s", err, said)
	}
}
