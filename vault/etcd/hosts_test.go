//go:build etcd

package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/etcd"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, o etcd.Options) *etcd.Vault {
	t.Helper()
	v, err := etcd.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// join opens the vault on another host, to which the first one's key file was carried.
func join(t *testing.T, w *way, change ...func(*etcd.Options)) (*etcd.Vault, *way) {
	t.Helper()
	next := w.another(t)
	carry(t, w, next)
	o := next.options()
	for _, fn := range change {
		fn(&o)
	}
	return open(t, o), next
}

func carry(t *testing.T, from, to *way) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(from.dir, "vault.key"))
	must(t, err)
	must(t, os.MkdirAll(to.dir, 0o700))
	must(t, os.WriteFile(filepath.Join(to.dir, "vault.key"), key, 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, outcome error) {
	t.Helper()
	if !errors.Is(err, outcome) {
		t.Errorf("got %v, want %v", err, outcome)
	}
}

// eventually waits for what comes by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about", what)
		}
	}
}

// put writes over whatever is there.
func put(v vault.Vault, kind, key, value string) error {
	return v.Update(func(tx vault.Tx) error {
		r, err := tx.Get(kind, key)
		if err != nil && !errors.Is(err, vault.ErrNotFound) {
			return err
		}
		_, err = tx.Put(kind, key, []byte(value), r.Revision)
		return err
	})
}

func get(v vault.Vault, kind, key string) string {
	var value string
	err := v.View(func(tx vault.Tx) error {
		r, err := tx.Get(kind, key)
		value = string(r.Value)
		return err
	})
	if err != nil {
		return err.Error()
	}
	return value
}

// count adds one to a counter, and appends its value before.
func count(v vault.Vault) error {
	return v.Update(func(tx vault.Tx) error {
		r, err := tx.Get("k", "count")
		if errors.Is(err, vault.ErrNotFound) {
			r, err = vault.Record{Value: []byte("0")}, nil
		}
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(r.Value))
		if err != nil {
			return err
		}
		if _, err = tx.Append(noon, r.Value); err == nil {
			_, err = tx.Put("k", "count", strconv.AppendInt(nil, int64(n+1), 10), r.Revision)
		}
		return err
	})
}

// counted wants each count in the journal, in order, and nothing else.
func counted(t *testing.T, v vault.Vault, n int) {
	t.Helper()
	if got := get(v, "k", "count"); got != strconv.Itoa(n) {
		t.Errorf("counted %s, want %d", got, n)
	}
	must(t, v.View(func(tx vault.Tx) error {
		list, err := tx.Events(tx.Oldest()-1, 0)
		if err != nil || len(list) != n {
			return fmt.Errorf("%d entries, %w", len(list), err)
		}
		for i, e := range list {
			if string(e.Value) != strconv.Itoa(i) || i > 0 && e.ID <= list[i-1].ID {
				return fmt.Errorf("entry %d is %s", e.ID, e.Value)
			}
		}
		return nil
	}))
}

// reader reads the journal as it is woken, up to so many entries.
func reader(v vault.Vault, n int) error {
	last := uint64(0)
	for seen := 0; seen < n; {
		changed := v.Changed()
		var list []vault.Entry
		err := v.View(func(tx vault.Tx) (err error) {
			list, err = tx.Events(last, 7)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range list {
			if e.ID != last+1 || string(e.Value) != strconv.Itoa(seen) {
				return fmt.Errorf("entry %d (%s) after %d", e.ID, e.Value, last)
			}
			last = e.ID
			seen++
		}
		if len(list) == 0 {
			select {
			case <-changed:
			case <-time.After(time.Minute):
				return fmt.Errorf("nothing came after %d", last)
			}
		}
	}
	return nil
}

// TestTwoHosts: two hosts change the same record and the same journal at once. Nothing
// is lost, and everybody sees everything in order.
func TestTwoHosts(t *testing.T) {
	const each, writers = 40, 3
	w := newWay(t, etcdtest.Start(t, 3))
	a := open(t, w.options())
	b, _ := join(t, w)
	hosts := []*etcd.Vault{a, b}
	total := each * writers * len(hosts)
	read := make(chan error, 2*len(hosts))
	for _, v := range hosts {
		for range 2 {
			go func() { read <- reader(v, total) }()
		}
	}
	var all sync.WaitGroup
	for _, v := range hosts {
		for range writers {
			all.Go(func() {
				for range each {
					if err := count(v); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	for range cap(read) {
		must(t, <-read)
	}
	for _, v := range hosts {
		eventually(t, "the other host's last change", func() bool { return v.Newest() == uint64(total) })
		counted(t, v, total)
		must(t, v.Verify())
	}
}

// TestBothOrders: of two hosts that saw the same, the one that comes second runs again on
// what the first did, whichever it is, and a removal and a record made anew count as
// changes.
func TestBothOrders(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	a := open(t, w.options())
	b, _ := join(t, w)
	for i, hosts := range [][2]*etcd.Vault{{a, b}, {b, a}, {a, b}, {b, a}} {
		first, second := hosts[0], hosts[1]
		key := fmt.Sprint("key", i)
		must(t, put(first, "k", key, "old"))
		eventually(t, "the record", func() bool { return get(second, "k", key) == "old" })
		runs := 0
		var sum []string
		err := second.Update(func(tx vault.Tx) error {
			runs++
			r, err := tx.Get("k", key)
			if err != nil && !errors.Is(err, vault.ErrNotFound) {
				return err
			}
			sum = nil
			if err := tx.Each("k", func(key string, _ vault.Record) error { sum = append(sum, key); return nil }); err != nil {
				return err
			}
			if runs == 1 {
				done := make(chan error)
				go func() { done <- meddle(first, key, i) }()
				if err := <-done; err != nil {
					return err
				}
			}
			_, err = tx.Put("k", key, append(r.Value, "+second"...), r.Revision)
			return err
		})
		must(t, err)
		wanted := map[int]string{0: "first+second", 1: "+second", 2: "again+second", 3: "old+second"}[i]
		if got := get(second, "k", key); got != wanted || runs < 2 {
			t.Errorf("%d: %q after %d runs, want %q", i, got, runs, wanted)
		}
		if i == 3 && len(sum) != 5 {
			t.Errorf("a record that came meanwhile was not seen: %q", sum)
		}
	}
	must(t, a.Verify())
}

// TestNothingBetween: what was read in a row is the same at the commit: of many on two
// hosts who each make a record where they see none, one does.
func TestNothingBetween(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	a := open(t, w.options())
	b, _ := join(t, w)
	hosts := []*etcd.Vault{a, b}
	for round := range 30 {
		var made atomic.Int64
		var all sync.WaitGroup
		for i := range 6 {
			v := hosts[i%2]
			all.Go(func() {
				won := false
				err := v.Update(func(tx vault.Tx) error {
					won = true
					err := tx.Each("seat", func(string, vault.Record) error { won = false; return nil })
					if err == nil && won {
						_, err = tx.Put("seat", fmt.Sprint(round, i), nil, 0)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
				if won {
					made.Add(1)
				}
			})
		}
		all.Wait()
		if n := made.Load(); n != 1 {
			t.Fatalf("%d made a record in round %d", n, round)
		}
		next := hosts[round%2] // which may have yet to hear of it
		eventually(t, "the record", func() bool { return next.Info().Records["seat"] > 0 })
		must(t, next.Update(func(tx vault.Tx) error {
			n := 0
			err := tx.Each("seat", func(key string, r vault.Record) error { n++; return tx.Delete("seat", key, r.Revision) })
			if err == nil && n != 1 {
				err = fmt.Errorf("%d records are there", n)
			}
			return err
		}))
	}
	must(t, a.Verify())
}

// meddle is what the first host does while the second one's function runs.
func meddle(v vault.Vault, key string, how int) error {
	return v.Update(func(tx vault.Tx) error {
		r, err := tx.Get("k", key)
		if err != nil {
			return err
		}
		switch how {
		case 0:
			_, err = tx.Put("k", key, []byte("first"), r.Revision)
		case 1, 2:
			if err = tx.Delete("k", key, r.Revision); err == nil && how == 2 {
				_, err = tx.Put("k", key, []byte("again"), 0)
			}
		case 3:
			_, err = tx.Put("k", "came", nil, 0)
		}
		return err
	})
}

// TestCompacted: a host that was cut off so long that the history is gone reads
// everything anew, and misses nothing.
func TestCompacted(t *testing.T) {
	const n = 60
	w := newWay(t, etcdtest.Start(t, 1))
	a := open(t, w.options())
	must(t, put(a, "k", "gone", "x"))
	must(t, put(a, "k", "stays", "1"))
	b, of := join(t, w)
	read := make(chan error, 1)
	go func() { read <- reader(b, n) }()
	for range n / 3 {
		must(t, count(a))
	}
	of.proxy.Refuse()
	for range n / 3 {
		must(t, count(a))
	}
	must(t, put(a, "k", "stays", "2"))
	must(t, a.Update(func(tx vault.Tx) error {
		r, err := tx.Get("k", "gone")
		if err == nil {
			err = tx.Delete("k", "gone", r.Revision)
		}
		return err
	}))
	w.cluster.Compact(t, 0)
	of.proxy.Heal()
	eventually(t, "what came meanwhile", func() bool { return get(b, "k", "stays") == "2" })
	if got := get(b, "k", "gone"); got != "get k/gone: not found" {
		t.Errorf("the record that was removed is %q", got)
	}
	eventually(t, "etcd", func() bool { return b.Writable() == nil })
	for i := range n / 3 {
		must(t, count([]vault.Vault{a, b}[i%2]))
	}
	must(t, <-read)
	counted(t, b, n)
	if d := b.Info().Damage; len(d) > 0 {
		t.Errorf("%q", d)
	}
	must(t, b.Verify())
}

// TestAway: while etcd is away everything is read and nothing changed, and then it goes on;
// also for a host that is started meanwhile.
func TestAway(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	v := open(t, w.options())
	must(t, count(v))
	must(t, put(v, "local", "a", "1"))
	w.cluster.Member(0).Stop(t)
	check := func() {
		t.Helper()
		counted(t, v, 1)
		// What is sent while the connection dies is told of when etcd is back.
		eventually(t, "that etcd is away", func() bool { _, err := v.Reach(); return err != nil })
		begun := time.Now()
		want(t, count(v), vault.ErrUnavailable)
		want(t, v.Writable(), vault.ErrUnavailable)
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %s to say so", took)
		}
		if since, err := v.Reach(); err == nil || time.Since(since) > time.Minute {
			t.Errorf("away since %s, %v", since, err)
		}
		counted(t, v, 1)
	}
	check()
	must(t, put(v, "local", "a", "2"))
	want(t, v.Update(func(tx vault.Tx) error {
		if _, err := tx.Put("local", "b", nil, 0); err != nil {
			return err
		}
		_, err := tx.Append(noon, nil)
		return err
	}), vault.ErrUnavailable)
	must(t, v.Close())
	v = open(t, w.options())
	check()
	if a, b := get(v, "local", "a"), get(v, "local", "b"); a != "2" || b != "get local/b: not found" {
		t.Errorf("local records are %q and %q", a, b)
	}
	must(t, put(v, "local", "a", "3"))
	w.cluster.Member(0).Start(t)
	eventually(t, "etcd", func() bool { return v.Writable() == nil })
	must(t, count(v))
	counted(t, v, 2)
	if _, err := v.Reach(); err != nil {
		t.Error(err)
	}
	must(t, v.Verify())
	// Where there is no copy, there is nothing to open.
	w.cluster.Member(0).Stop(t)
	next := w.another(t)
	carry(t, w, next)
	_, err := etcd.Open(next.options())
	want(t, err, vault.ErrUnavailable)
}

// TestUnknownAnswer: the way is cut after the request was sent. What was asked is done
// once, and its caller told so when it is known.
func TestUnknownAnswer(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	v := open(t, w.options())
	must(t, count(v))
	must(t, put(v, "local", "a", "1"))
	for i, way := range []struct {
		name    string
		cut     func()
		arrives bool
	}{
		{"answers lost", w.proxy.DropAnswers, true}, {"cut", w.proxy.Cut, false}, {"answers lost again", w.proxy.DropAnswers, true},
	} {
		n := i + 1
		mark := v.Newest()
		way.cut()
		done := make(chan error, 1)
		go func() { done <- count(v) }()
		if way.arrives {
			entry := fmt.Sprintf("%s/j/%016x", w.prefix, n+1)
			eventually(t, "the change in etcd", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				answered, err := w.client.Get(ctx, entry)
				return err == nil && len(answered.Kvs) == 1
			})
		}
		eventually(t, "that etcd is away", func() bool { _, err := v.Reach(); return err != nil })
		// Others are told at once, and what needs nothing of etcd goes on.
		want(t, put(v, "k", "other", "x"), vault.ErrUnavailable)
		must(t, put(v, "local", "a", way.name))
		select {
		case err := <-done:
			t.Errorf("%s: told %v before it can be known", way.name, err)
		default:
		}
		w.proxy.Heal()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
		if v.Newest() <= mark {
			t.Errorf("%s: told before it can be read", way.name)
		}
		counted(t, v, n+1)
	}
	must(t, v.Verify())
}
