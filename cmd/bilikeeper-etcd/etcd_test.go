//go:build etcd

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	t.Parallel()
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
	h.wantFigures()
	h.wantFindings("store.member", "store.version", "store.space", "store.clock", "store.leader", "store.members", "store.user", "store.key")
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

// wantFigures asks the keeper for its metrics.
func (h *host) wantFigures() {
	h.t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", h.path("control.sock"))
	}
	answer, err := (&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}).Get("http://bilikeeper/metrics")
	if err != nil {
		h.t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		h.t.Fatal(err)
	}
	for _, want := range []string{"bilikeeper_store_reachable 1\n", "bilikeeper_store_lag_seconds 0\n", "bilikeeper_store_refused_total 0\n"} {
		if !strings.Contains(string(text), "\n"+want) {
			h.t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// wantFindings wants the doctor to have looked, and to find nothing wrong.
func (h *host) wantFindings(checks ...string) {
	h.t.Helper()
	var report struct {
		Findings []struct{ Check, Level, Subject, Detail string }
	}
	text, _ := h.run(0, "doctor", "--json")
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		h.t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range report.Findings {
		found[f.Check] = true
		if strings.HasPrefix(f.Check, "store.") && f.Level == "not_checked" {
			h.t.Errorf("%+v", f)
		}
	}
	for _, check := range checks {
		if !found[check] {
			h.t.Errorf("the doctor did not look at %s", check)
		}
	}
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
	t.Parallel()
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
	cluster.Member(0).Stop(t)
	h.end(keeper, syscall.SIGTERM)
	keeper = h.keep() // nobody is there who could ask for the password
	if got, _ := h.run(0, "get", "main"); got != want {
		t.Errorf("without etcd got %q, want %q", got, want)
	}
	cluster.Member(0).Start(t)
	h.end(keeper, syscall.SIGTERM)
	h.write("password", "of somebody else\n")
	if _, said = h.run(1, "daemon"); !strings.Contains(said, "authentication failed") || strings.Contains(said, "somebody") {
		t.Errorf("with another password it says %s", said)
	}
}
