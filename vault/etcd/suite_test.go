//go:build etcd

package etcd_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/etcd"
	"github.com/bilikeeper/bilikeeper/vault/vaulttest"
)

// TestVault: the vault in etcd is a vault.
func TestVault(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	vaulttest.Run(t, func(t *testing.T) vaulttest.Place {
		w := newWay(t, cluster)
		p := w.place(func(*etcd.Options) {})
		p.Swap = func(t *testing.T, kind, a, b string) {
			ofA, ofB := w.get(t, w.record(kind, a)), w.get(t, w.record(kind, b))
			w.put(t, w.record(kind, a), ofB)
			w.put(t, w.record(kind, b), ofA)
		}
		return p
	})
}

// TestLocalRecords: so it is with records that stay on the host, beside the journal of
// all.
func TestLocalRecords(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	vaulttest.Run(t, func(t *testing.T) vaulttest.Place {
		return newWay(t, cluster).place(func(o *etcd.Options) { o.Local = func(string) bool { return true } })
	})
}

// TestDamagedCopy: a copy that is damaged is begun anew and told of. What is in etcd is
// there.
func TestDamagedCopy(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	v := open(t, w.options())
	must(t, count(v))
	must(t, put(v, "local", "a", "x"))
	must(t, v.Close())
	path := filepath.Join(w.dir, "cluster.db")
	must(t, os.WriteFile(path, bytes.Repeat([]byte("rubbish"), 5000), 0o600))
	v = open(t, w.options())
	counted(t, v, 1)
	if d := v.Info().Damage; len(d) != 1 || !strings.Contains(d[0], "damaged-") || get(v, "local", "a") != "get local/a: not found" {
		t.Errorf("told of %q; the local record is %s", d, get(v, "local", "a"))
	}
	must(t, count(v))
	must(t, v.Close())
	if v = open(t, w.options()); len(v.Info().Damage) != 0 {
		t.Errorf("still told of %q", v.Info().Damage)
	}
	counted(t, v, 2)
}

// place is the way to a vault with other options.
func (w *way) place(change func(*etcd.Options)) vaulttest.Place {
	return vaulttest.Place{
		Open: func(t *testing.T, o vaulttest.Options) (vault.Vault, error) {
			with := w.options()
			change(&with)
			with.JournalMax, with.JournalAge, with.Keys = o.JournalMax, o.JournalAge, o.Keys()
			if o.KeyFile != "" {
				with.KeyFile = filepath.Join(w.dir, o.KeyFile)
			}
			v, err := etcd.Open(with)
			if err != nil {
				return nil, err
			}
			return v, nil
		},
		Fail: func(t *testing.T) func() {
			w.proxy.Refuse()
			return w.proxy.Heal
		},
	}
}

// way is a host's way to a vault of its own.
type way struct {
	cluster *etcdtest.Cluster
	proxy   *etcdtest.Proxy
	client  *clientv3.Client // past the proxy
	dir     string
	prefix  string
}

func newWay(t *testing.T, cluster *etcdtest.Cluster) *way {
	t.Helper()
	return &way{
		cluster: cluster, proxy: cluster.Proxy(t), client: cluster.Client(t),
		dir: filepath.Join(t.TempDir(), "state"), prefix: "/" + strings.ReplaceAll(t.Name(), "/", "."),
	}
}

// another is another host's way to the same vault. It has the first one's key file.
func (w *way) another(t *testing.T) *way {
	t.Helper()
	next := *w
	next.proxy, next.dir = w.cluster.Proxy(t), filepath.Join(t.TempDir(), "state")
	return &next
}

func (w *way) options() etcd.Options {
	return etcd.Options{
		Endpoints: w.proxy.Endpoints(), Prefix: w.prefix, Copy: filepath.Join(w.dir, "cluster.db"),
		Clear: func(string) bool { return true }, Local: func(kind string) bool { return kind == "local" },
	}
}

func (w *way) record(kind, key string) string { return w.prefix + "/r/" + kind + "/" + key }

func (w *way) get(t *testing.T, key string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	answered, err := w.client.Get(ctx, key)
	if err != nil || len(answered.Kvs) != 1 {
		t.Fatalf("%s: %v, %v", key, answered, err)
	}
	return string(answered.Kvs[0].Value)
}

func (w *way) put(t *testing.T, key, value string) {
	t.Helper()
	w.do(t, clientv3.OpPut(key, value))
}

func (w *way) do(t *testing.T, ops ...clientv3.Op) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, op := range ops {
		if _, err := w.client.Do(ctx, op); err != nil {
			t.Fatal(err)
		}
	}
}
