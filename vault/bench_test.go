package vault

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// benchSize is what an account's record measures.
const benchAccounts, benchSize = 100, 2 << 10

// bare is bbolt with the same bytes, and nothing of the vault's.
func bare(b *testing.B) *bbolt.DB {
	b.Helper()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoStatistics: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	for i := range benchAccounts {
		bareChange(b, db, i, 1)
	}
	return db
}

// bareChange puts so many values in one transaction.
func bareChange(b *testing.B, db *bbolt.DB, i, n int) {
	b.Helper()
	err := db.Update(func(tx *bbolt.Tx) error {
		bk, err := tx.CreateBucketIfNotExists([]byte("k"))
		for j := range n {
			if err == nil {
				err = bk.Put(fmt.Append(nil, (i+j)%benchAccounts), make([]byte, benchSize))
			}
		}
		return err
	})
	if err != nil {
		b.Error(err)
	}
}

func change(b *testing.B, v *File, i int) {
	value := make([]byte, benchSize)
	err := v.Update(func(tx Tx) error {
		key := fmt.Sprint(i % benchAccounts)
		r, err := tx.Get("k", key)
		if err != nil {
			return err
		}
		_, err = tx.Put("k", key, value, r.Revision)
		return err
	})
	if err != nil {
		b.Error(err)
	}
}

// BenchmarkChange is one record replaced durably, sealed and entered in the manifest,
// beside the same write by bbolt alone; and the changes of 64 callers who do not wait
// for each other, four of each, beside 64 writes by bbolt in one transaction. Each takes its turn,
// so that whatever else the disk does comes to all: medians, and their ratios.
func BenchmarkChange(b *testing.B) {
	const callers, each = 64, 4
	v, db := filled(b, benchAccounts, benchSize), bare(b)
	var one, bareOne, many, bareMany []float64
	took := func(list *[]float64, fn func()) {
		begun := time.Now()
		fn()
		*list = append(*list, float64(time.Since(begun).Microseconds()))
	}
	var i int
	for i = 0; b.Loop(); i++ {
		took(&bareOne, func() { bareChange(b, db, i, 1) })
		took(&one, func() { change(b, v, i) })
		took(&bareMany, func() { bareChange(b, db, i, callers) })
		took(&many, func() {
			var all sync.WaitGroup
			for j := range callers {
				all.Go(func() {
					for range each {
						change(b, v, i+j)
					}
				})
			}
			all.Wait()
		})
	}
	median := func(list []float64) float64 {
		slices.Sort(list)
		return list[len(list)/2]
	}
	b.ReportMetric(median(one), "µs/change")
	b.ReportMetric(median(one)/median(bareOne), "÷bare")
	b.ReportMetric(median(one)*callers*each/median(many), "×serial")
	b.ReportMetric(median(many)/each/median(bareMany), "64÷bare")
}

func filled(b *testing.B, n, size int) *File {
	b.Helper()
	v := mustOpen(b, options(b))
	err := v.Update(func(tx Tx) error {
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
