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

// TestEtcdLost: an etcd that has lost everything is filled again from a copy that the
// keeper made by itself, as the documentation says.
func TestEtcdLost(t *testing.T) {
	h, cluster := newHost(t), etcdtest.Start(t, 1)
	store := func(kind string) {
		h.write("config.toml", h.base+fmt.Sprintf("\n[backup]\nevery = \"1s\"\nkeep = 3\n[store]\ntype = %q\nendpoints = [\"http://%s\"]\nhost = \"one\"\n", kind, cluster.Endpoints()[0]))
	}
	store("etcd")
	keeper := h.keep()
	h.login("main")
	want, _ := h.run(0, "get", "main")
	var before []string
	h.until("a copy is made after the login", func() error {
		list, err := filepath.Glob(h.path("state", "backups", "vault-*.db"))
		if err != nil || len(list) == 0 {
			return fmt.Errorf("there are %v, %v", list, err)
		}
		if before == nil {
			before = list
		}
		if newest := list[len(list)-1]; newest <= before[len(before)-1] {
			return errors.New("none of them is newer than the login")
		}
		return nil
	})
	if info, _ := h.run(0, "vault", "info", "--json"); strings.Contains(info, "null") || !strings.Contains(info, `"backed_up_at": "20`) || strings.Contains(info, "0001-01-01") {
		t.Errorf("of the vault and its copies it says %s", info)
	}
	if info, _ := h.run(0, "vault", "info"); strings.Contains(info, "made 0001") || strings.Contains(info, "never") || strings.Contains(info, "of it free") {
		t.Errorf("of the vault and its copies it says %s", info)
	}
	h.end(keeper, syscall.SIGTERM)
	cluster.Empty(t)
	_, said := h.run(1, "daemon")
	if !strings.Contains(said, "vault-") || !strings.Contains(said, "migrate --to etcd") {
		t.Errorf("of an etcd that has lost everything it says %s", said)
	}

	list, err := filepath.Glob(h.path("state", "backups", "vault-*.db"))
	if err != nil || len(list) == 0 || len(list) > 3 {
		t.Fatalf("the copies are %v, %v", list, err)
	}
	if err := os.Remove(h.path("state", "cluster.db")); err != nil {
		t.Fatal(err)
	}
	store("bolt")
	h.run(0, "vault", "restore", list[len(list)-1])
	h.run(0, "vault", "migrate", "--to", "etcd")
	store("etcd")
	keeper = h.keep()
	h.wantCredential(want)
	h.end(keeper, syscall.SIGTERM)
}
