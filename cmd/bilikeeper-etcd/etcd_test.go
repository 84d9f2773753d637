//go:build etcd

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
)

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
