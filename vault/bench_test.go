package vault

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

const benchAccounts, benchSize = 100, 4 << 10

// BenchmarkUpdate is one record of 4 KiB replaced durably, sealed and entered
// in the manifest, beside the same write by bbolt alone.
func BenchmarkUpdate(b *testing.B) {
	value := make([]byte, benchSize)
	b.Run("bare", func(b *testing.B) {
		db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoStatistics: true})
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		put := func(i int) error {
			return db.Update(func(tx *bbolt.Tx) error {
				bk, err := tx.CreateBucketIfNotExists([]byte("k"))
				if err != nil {
					return err
				}
				return bk.Put(fmt.Append(nil, i%benchAccounts), value)
			})
		}
		for i := range benchAccounts {
			_ = put(i)
		}
		for i := 0; b.Loop(); i++ {
			if err := put(i); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("vault", func(b *testing.B) {
		v := filled(b, benchAccounts, benchSize)
		for i := 0; b.Loop(); i++ {
			err := v.Update(func(tx *Tx) error {
				key := fmt.Sprint(i % benchAccounts)
				r, err := tx.Get("k", key)
				if err != nil {
					return err
				}
				_, err = tx.Put("k", key, value, r.Revision)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func filled(b *testing.B, n, size int) *Vault {
	b.Helper()
	v := mustOpen(b, options(b))
	err := v.Update(func(tx *Tx) error {
		for i := range n {
			if _, err := tx.Put("k", fmt.Sprint(i), make([]byte, size), 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return v
}

func BenchmarkGet(b *testing.B) {
	v := filled(b, benchAccounts, 2<<10)
	for b.Loop() {
		if _, err := get(v, "k", "7"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := filled(b, n, 2<<10)
			o := Options{Path: v.path, LockTimeout: time.Second}
			_ = v.Close()
			for b.Loop() {
				v, err := Open(o)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				_ = v.Close()
				b.StartTimer()
			}
		})
	}
}
