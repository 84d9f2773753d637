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

// host is a machine with both programs and a configuration.
type host struct {
	t    *testing.T
	dir  string
	site *passporttest.Site
	base string // the configuration without [store]
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), site: passporttest.New(passporttest.WithUser(mid, "example"))}
	for _, program := range []string{"bilikeeper", "bilikeeper-etcd"} {
		build := exec.Command("go", "build", "-o", h.path("bin", program), "github.com/bilikeeper/bilikeeper/cmd/"+program)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", program, err, out)
		}
	}
	server, err := h.site.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	h.write("site.pem", string(h.site.Refresh.CorrespondKeyPEM()))
	var b strings.Builder
	b.WriteString("[check]\njitter = \"0s\"\nconfirm_after = \"200ms\"\n[login]\npoll = \"50ms\"\n[limits]\nrequests_per_minute = 600\n[endpoints]\n")
	for _, role := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		fmt.Fprintf(&b, "%s = %q\n", role, server.URL)
	}
	fmt.Fprintf(&b, "correspond_key_file = %q\n", h.path("site.pem"))
	h.base = b.String()
	h.write("config.toml", h.base)
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
	cmd := exec.CommandContext(ctx, h.path("bin", "bilikeeper"), args...)
	cmd.Env = append(os.Environ(), "HOME="+h.dir, "NO_COLOR=1", "LANG=C.UTF-8",
		"BILIKEEPER_CONFIG="+h.path("config.toml"), "BILIKEEPER_STATE_DIR="+h.path("state"), "BILIKEEPER_SOCKET="+h.path("control.sock"))
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
		if h.t.Failed() {
			text, _ := os.ReadFile(h.path("log"))
			h.t.Logf("the keeper's log:\n%s", text)
		}
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

// TestKeptInEtcd: a login is moved into etcd, lives through what happens there, and
// comes back.
func TestKeptInEtcd(t *testing.T) {
	h, cluster := newHost(t), etcdtest.Start(t, 1)
	keeper := h.keep()
	h.login("main")
	before, _ := h.run(0, "get", "main")
	h.run(1, "vault", "migrate", "--to", "etcd") // it runs
	h.end(keeper, syscall.SIGTERM)

	recovery, _ := h.run(0, "vault", "slots", "add", "recovery")
	member := strings.TrimPrefix(cluster.Endpoints()[0], "http://")
	lines, said := h.run(0, "vault", "migrate", "--to", "etcd://"+member+"/keeper")
	if !strings.Contains(lines, "sha256 ") || !strings.Contains(lines, fmt.Sprintf("endpoints = [%q]\nprefix = %q\n", "http://"+member, "/keeper")) {
		t.Errorf("it printed %q and %q", lines, said)
	}
	if found, _ := filepath.Glob(h.path("state", "vault.db.moved-*")); len(found) != 1 {
		t.Errorf("the old vault: %v", found)
	}
	digest, _, _ := strings.Cut(lines, "\n")
	h.run(1, "daemon") // the configuration still names the file, which is not begun anew

	h.write("config.toml", h.base+lines[len(digest):])
	h.run(0, "config", "check")
	if out, _ := h.run(0, "vault", "info"); !strings.Contains(out, "etcd http://"+member+"/keeper") || !strings.Contains(out, "account 1") {
		t.Errorf("it is told of as %s", out)
	}
	keeper = h.keep()
	h.wantCredential(before)
	h.login("second")
	second, _ := h.run(0, "get", "second")
	h.run(0, "vault", "backup", h.path("copy.db"))
	h.end(keeper, syscall.SIGKILL)
	keeper = h.keep()
	h.wantCredential(before)
	if got, _ := h.run(0, "get", "second"); got != second {
		t.Errorf("after the kill second is %q, want %q", got, second)
	}

	cluster.Member(0).Stop(t)
	h.wantCredential(before)
	h.until("the keeper tells that etcd is away", func() error {
		if p := h.problems(); !strings.Contains(p, "not to be reached") {
			return fmt.Errorf("it tells %q", p)
		}
		return nil
	})
	h.end(keeper, syscall.SIGKILL)
	keeper = h.keep() // from the copy on this host's disk
	h.wantCredential(before)
	cluster.Member(0).Start(t)
	h.until("the keeper tells that etcd is back, and has its part there", func() error {
		if p := h.problems(); strings.Contains(p, "etcd") || strings.Contains(p, "cluster") {
			return errors.New(p)
		}
		return nil
	})
	h.end(keeper, syscall.SIGTERM)

	h.run(0, "vault", "backup", "--force", h.path("copy.db")) // and without a keeper
	h.write("recovery", recovery)
	h.run(0, "vault", "migrate", "--to", "bolt")
	h.run(1, "daemon") // nothing begins with what was left
	h.write("config.toml", h.base)
	h.run(0, "vault", "verify")
	if err := os.Rename(h.path("state", "vault.key"), h.path("vault.key")); err != nil {
		t.Fatal(err)
	}
	h.run(0, "vault", "verify", "--recovery-file", h.path("recovery"))
	if err := os.Rename(h.path("vault.key"), h.path("state", "vault.key")); err != nil {
		t.Fatal(err)
	}
	keeper = h.keep()
	h.wantCredential(before)
	h.end(keeper, syscall.SIGTERM)
	h.run(0, "vault", "restore", h.path("copy.db"))
	keeper = h.keep()
	h.wantCredential(before)
	h.end(keeper, syscall.SIGTERM)
}

func (h *host) wantCredential(want string) {
	h.t.Helper()
	if got, _ := h.run(0, "get", "main"); got != want {
		h.t.Errorf("got %q, want %q", got, want)
	}
}

// TestUserOfEtcd: a user whose role has the prefix is all that is needed, and who has
// none is told so.
func TestUserOfEtcd(t *testing.T) {
	h, cluster := newHost(t), etcdtest.Start(t, 1)
	keeper := h.keep()
	h.login("main")
	want, _ := h.run(0, "get", "main")
	h.end(keeper, syscall.SIGTERM)
	cluster.Users(t, etcdtest.User{Name: "keeper", Password: "of the keeper", Prefix: "/keeper/"})
	store := func(kind, prefix string) string {
		return h.base + fmt.Sprintf("\n[store]\ntype = %q\nendpoints = [\"http://%s\"]\nprefix = %q\nuser = \"keeper\"\npassword_file = \"password\"\n", kind, strings.TrimPrefix(cluster.Endpoints()[0], "http://"), prefix)
	}

	h.write("config.toml", store("bolt", "/keeper"))
	h.write("password", "of somebody else\n")
	_, said := h.run(1, "vault", "migrate", "--to", "etcd")
	if strings.Contains(said, "somebody") {
		t.Errorf("it tells the password: %s", said)
	}
	h.write("password", "of the keeper\n")
	h.write("config.toml", store("bolt", "/another"))
	_, said = h.run(1, "vault", "migrate", "--to", "etcd")
	if !strings.Contains(said, "permission denied") {
		t.Errorf("of another prefix it says %s", said)
	}
	h.write("config.toml", store("bolt", "/keeper"))
	h.run(0, "vault", "migrate", "--to", "etcd")
	h.write("config.toml", store("etcd", "/keeper"))
	keeper = h.keep()
	if got, _ := h.run(0, "get", "main"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	h.end(keeper, syscall.SIGTERM)
	h.write("password", "of somebody else\n")
	if _, said = h.run(1, "daemon"); !strings.Contains(said, "authentication failed") || strings.Contains(said, "somebody") {
		t.Errorf("with another password it says %s", said)
	}
}
