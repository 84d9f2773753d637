//go:build etcd

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// patience is how long the test waits for what happens in another process. Nothing is
// slower because of it; it only ends what hangs.
const patience = 90 * time.Second

const mid = 100200300

// clockVariable names the file that says by how many seconds a keeper's clock is wrong, to
// one that was built to have such a clock.
const clockVariable = "BILIKEEPER_TEST_CLOCK"

// programs is where both programs are, once they were built.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bilikeeper-etcd-")
	if err != nil {
		return "", err
	}
	for _, program := range []string{"bilikeeper", "bilikeeper-etcd"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, program), "github.com/bilikeeper/bilikeeper/cmd/"+program)
		if out, err := build.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := programs(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// host is a machine with both programs and a configuration.
type host struct {
	t    *testing.T
	dir  string
	bin  string
	site *passporttest.Site
	base string // the configuration without [store]
	// place has the keeper run elsewhere than in the test's own network; nil has not.
	place *etcdtest.Host
}

// newHost makes a host that is alone with the site.
func newHost(t *testing.T) *host {
	t.Helper()
	site := passporttest.New(passporttest.WithUser(mid, "example"))
	server, err := site.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return newHostAt(t, site, server.URL, "8h")
}

// usualLimits are those that no test comes near.
const usualLimits = "[limits]\nmin_check_interval = \"1s\"\nrequests_per_minute = 600\nrefreshes_per_hour = 10000\n"

// newHostAt makes a host that reaches a site by an address, and checks so often.
func newHostAt(t *testing.T, site *passporttest.Site, address, every string) *host {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, dir: t.TempDir(), bin: bin, site: site}
	h.write("site.pem", string(h.site.Refresh.CorrespondKeyPEM()))
	var b strings.Builder
	fmt.Fprintf(&b, "[check]\nschedule = \"@every %s\"\njitter = \"0s\"\nconfirm_after = \"200ms\"\n[login]\npoll = \"100ms\"\ngather = \"2s\"\n", every)
	b.WriteString(usualLimits + "[endpoints]\n")
	for _, role := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		fmt.Fprintf(&b, "%s = %q\n", role, address)
	}
	fmt.Fprintf(&b, "correspond_key_file = %q\n", h.path("site.pem"))
	h.base = b.String()
	h.write("config.toml", h.base)
	t.Cleanup(func() {
		if text, err := os.ReadFile(h.path("log")); err == nil && t.Failed() {
			t.Logf("the keeper's log in %s:\n%s", h.dir, text)
		}
	})
	return h
}

func (h *host) path(parts ...string) string {
	return filepath.Join(append([]string{h.dir}, parts...)...)
}

func (h *host) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(h.bin, "bilikeeper"), args...)
	cmd.Env = append(os.Environ(), "HOME="+h.dir, "NO_COLOR=1", "LANG=C.UTF-8",
		"BILIKEEPER_CONFIG="+h.path("config.toml"), "BILIKEEPER_STATE_DIR="+h.path("state"), "BILIKEEPER_SOCKET="+h.path("control.sock"),
		clockVariable+"="+h.path("clock"))
	return cmd
}

// run runs bilikeeper to its end, which is to be a code, and returns what it said.
func (h *host) run(code int, args ...string) (out, said string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := h.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	got := 0
	if bad, ok := errors.AsType[*exec.ExitError](cmd.Run()); ok {
		got = bad.ExitCode()
	}
	if got != code {
		h.t.Fatalf("bilikeeper %s ended with %d, want %d:\n%s%s", strings.Join(args, " "), got, code, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

// keep starts the keeper and returns it when it answers.
func (h *host) keep() *exec.Cmd {
	h.t.Helper()
	cmd := h.command(context.Background(), "daemon")
	if h.place != nil {
		h.place.Run(cmd)
	}
	log, err := os.OpenFile(h.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	h.until("the keeper answers", func() error {
		_, err := h.client().Health(context.Background())
		return err
	})
	return cmd
}

func (h *host) client() *client.Client { return &client.Client{Socket: h.path("control.sock")} }

func (h *host) until(what string, try func() error) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for err := try(); err != nil; err = try() {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (h *host) end(cmd *exec.Cmd, s os.Signal) {
	h.t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil && s != syscall.SIGKILL {
		h.t.Fatalf("the keeper ended with %v", err)
	}
}

// login logs an account in, by a person who scans.
func (h *host) login(account string) {
	h.t.Helper()
	before := len(h.site.QR.Codes())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.run(0, "login", account, "--timeout", "60s")
	}()
	h.until("somebody scans", func() error {
		codes := h.site.QR.Codes()
		if len(codes) == before {
			return errors.New("there is no code yet")
		}
		code := codes[len(codes)-1]
		return errors.Join(h.site.QR.Scan(code, mid), h.site.QR.Confirm(code, mid))
	})
	<-done
}

// problems are what the keeper says is not well.
func (h *host) problems() string {
	h.t.Helper()
	s, err := h.client().Status(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Join(s.Daemon.Problems, "\n")
}
