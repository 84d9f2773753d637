//go:build etcd

package etcd_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/etcd"
)

// TestManyRecords: a host that comes reads ten thousand accounts, and starts from its
// copy as well.
func TestManyRecords(t *testing.T) {
	const n, together = 10_000, 80
	w := newWay(t, etcdtest.Start(t, 1))
	v := open(t, w.options())
	value := []byte(strings.Repeat("v", 1500))
	begun := time.Now()
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for i := part * together; i < n; i += 4 * together {
				err := v.Update(func(tx vault.Tx) error {
					for j := i; j < min(i+together, n); j++ {
						if _, err := tx.Put("account", fmt.Sprintf("name%05d", j), value, 0); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d records were written in %s", n, time.Since(begun))
	begun = time.Now()
	b, of := join(t, w)
	t.Logf("a new host was open in %s", time.Since(begun))
	check := func(v vault.Vault) {
		t.Helper()
		got := 0
		must(t, v.View(func(tx vault.Tx) error {
			return tx.Each("account", func(_ string, r vault.Record) error { got += len(r.Value); return nil })
		}))
		if got != n*len(value) || len(v.Info().Damage) > 0 {
			t.Errorf("%d bytes were read, damage %q", got, v.Info().Damage)
		}
	}
	check(b)
	begun = time.Now()
	must(t, b.Verify())
	t.Logf("all was verified in %s", time.Since(begun))
	must(t, b.Close())
	begun = time.Now()
	b = open(t, of.options())
	t.Logf("with a copy it was open in %s", time.Since(begun))
	must(t, b.Close())
	of.proxy.Refuse()
	begun = time.Now()
	b = open(t, of.options())
	t.Logf("without etcd it was open in %s", time.Since(begun))
	check(b)
}

// TestTooMuch: what one transaction of etcd does not take is refused as a whole, and does
// not hold up what it takes.
func TestTooMuch(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	v := open(t, w.options())
	fill := func(kind string, n, size int) error {
		return v.Update(func(tx vault.Tx) error {
			for i := range n {
				if _, err := tx.Put(kind, fmt.Sprint(i), make([]byte, size), 0); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if err := fill(fmt.Sprint("ok", i), 15, 10); err != nil {
				t.Error(err)
			}
		})
	}
	want(t, fill("many", 150, 10), vault.ErrTooLarge)
	want(t, fill("large", 1, 4<<20), vault.ErrTooLarge)
	want(t, fill("together", 3, 600<<10), vault.ErrTooLarge)
	must(t, fill("most", 40, 10<<10))
	all.Wait()
	r := v.Info().Records
	if r["many"]+r["large"]+r["together"] != 0 || r["most"] != 40 || r["ok11"] != 15 || len(r) != 13 {
		t.Errorf("%v", r)
	}
	// To read many and change few.
	must(t, fill("more", 40, 10))
	must(t, v.Update(func(tx vault.Tx) error {
		for i := range 12 {
			if err := tx.Each(fmt.Sprint("ok", i), func(string, vault.Record) error { return nil }); err != nil {
				return err
			}
			break
		}
		return tx.Each("more", func(key string, r vault.Record) error {
			_, err := tx.Put("more", key, []byte("x"), r.Revision)
			return err
		})
	}))
	must(t, v.Verify())
}

// TestQuota: where etcd's space is used up, that is what is told, and it goes on once there
// is room.
func TestQuota(t *testing.T) {
	cluster := etcdtest.Start(t, 1, etcdtest.Quota(16<<20))
	w := newWay(t, cluster)
	v := open(t, w.options())
	must(t, count(v))
	cluster.Fill(t)
	err := count(v)
	want(t, err, vault.ErrNoSpace)
	if err == nil || !strings.Contains(err.Error(), "quota") {
		t.Errorf("it says %v", err)
	}
	want(t, v.Writable(), vault.ErrNoSpace)
	counted(t, v, 1)
	must(t, put(v, "local", "a", "x"))
	cluster.Free(t)
	eventually(t, "room", func() bool { return v.Writable() == nil })
	must(t, count(v))
	counted(t, v, 2)
	must(t, v.Verify())
}

// TestFence: a record that has an owner is written by that one alone, and one that was
// the owner finds out at the commit.
func TestFence(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	owner := w.prefix + "/owner/a"
	own := func() int64 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := w.client.Delete(ctx, owner)
		must(t, err)
		answered, err := w.client.Put(ctx, owner, "host")
		must(t, err)
		return answered.Header.Revision
	}
	var revision atomic.Int64
	o := w.options()
	o.Fence = func(kind, key string) (string, int64, bool) {
		return owner, revision.Load(), kind == "account" && key == "a"
	}
	v := open(t, o)
	want(t, put(v, "account", "a", "0"), vault.ErrNotOwner)
	must(t, put(v, "account", "b", "0"))
	revision.Store(own())
	must(t, put(v, "account", "a", "1"))
	later := own() // somebody else, or the same host later
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if err := put(v, "account", fmt.Sprint("free", i), "1"); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() { want(t, put(v, "account", "a", "2"), vault.ErrNotOwner) })
	}
	all.Wait()
	want(t, v.Update(func(tx vault.Tx) error {
		r, err := tx.Get("account", "a")
		if err == nil {
			err = tx.Delete("account", "a", r.Revision)
		}
		return err
	}), vault.ErrNotOwner)
	if got := get(v, "account", "a"); got != "1" {
		t.Errorf("it is %q", got)
	}
	revision.Store(later)
	must(t, put(v, "account", "a", "3"))
	must(t, v.Verify())
}

// TestOtherEtcd: a host whose copy is of another vault, or a newer state, says so and
// changes nothing.
func TestOtherEtcd(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	v := open(t, w.options())
	must(t, count(v))
	must(t, v.Close())
	other := newWay(t, etcdtest.Start(t, 1))
	o := w.options()
	o.Endpoints = other.proxy.Endpoints()
	_, err := etcd.Open(o)
	want(t, err, vault.ErrGone)
	must(t, open(t, func() etcd.Options {
		with := other.options()
		with.Prefix = w.prefix
		with.Copy = filepath.Join(other.dir, "cluster.db")
		return with
	}()).Close())
	_, err = etcd.Open(o)
	want(t, err, vault.ErrReplaced)
	counted(t, open(t, w.options()), 1)
	_, err = etcd.Open(w.options())
	want(t, err, vault.ErrInUse)
}
