package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/floortest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// opened is a store with a vault of its own.
func opened(b *testing.B) (*store.Store, *vault.File) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "state")
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Close() })
	return store.New(v), v
}

// BenchmarkSave is a record with an event, durable, beside as many bytes put and
// appended by the vault alone.
func BenchmarkSave(b *testing.B) {
	s, _ := opened(b)
	_, v := opened(b)
	r, value, revision := full(), make([]byte, 2<<10), uint64(0)
	floortest.Beside(b, 1, func() {
		if err := s.Save(r, store.Of("main", client.CheckAlive{}), nil); err != nil {
			b.Fatal(err)
		}
	}, func() {
		err := v.Update(func(tx vault.Tx) (err error) {
			if revision, err = tx.Put("account", "main", value, revision); err == nil {
				_, err = tx.Append(time.Now(), value[:128])
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkTail reads the newest entries of a long journal, as one does who was woken,
// beside the same entries read from the vault and not decoded.
func BenchmarkTail(b *testing.B) {
	s, v := opened(b)
	for i := range 100 {
		var events []store.Event
		for j := range 100 {
			events = append(events, store.Event{Account: fmt.Sprint("account-", i*100+j), Data: client.CheckAlive{}})
		}
		if err := s.Tell(events...); err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			after := s.Newest() - uint64(n)
			floortest.Beside(b, 10, func() {
				if list, err := s.Events(after, n); err != nil || len(list) != n {
					b.Fatalf("%d entries, %v", len(list), err)
				}
			}, func() {
				err := v.View(func(tx vault.Tx) error {
					list, err := tx.Events(after, n)
					if err == nil && len(list) != n {
						err = fmt.Errorf("%d entries", len(list))
					}
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
