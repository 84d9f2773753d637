//go:build etcd

package etcd_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/etcd"
)

func benched(b *testing.B) *etcd.Vault {
	b.Helper()
	cluster := etcdtest.Start(b, 1)
	v, err := etcd.Open(etcd.Options{Endpoints: cluster.Endpoints(), Copy: filepath.Join(b.TempDir(), "state", "cluster.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Close() })
	return v
}

// BenchmarkUpdate is a change as a check makes it: a record and an entry.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			v := benched(b)
			b.SetParallelism(writers)
			value := make([]byte, 1500)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for n := 0; pb.Next(); n++ {
					key := fmt.Sprint(n)
					err := v.Update(func(tx vault.Tx) error {
						r, _ := tx.Get("account", key)
						if _, err := tx.Put("account", key, value, r.Revision); err != nil {
							return err
						}
						_, err := tx.Append(noon, value[:200])
						return err
					})
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkGet reads a record, which asks nobody.
func BenchmarkGet(b *testing.B) {
	v := benched(b)
	if err := put(v, "account", "a", string(make([]byte, 1500))); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := v.View(func(tx vault.Tx) error { _, err := tx.Get("account", "a"); return err }); err != nil {
			b.Fatal(err)
		}
	}
}
