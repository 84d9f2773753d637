package vaulttest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
)

// many: changes at once, some of which come to nothing. Each counts once.
func many(t *testing.T, p Place) {
	const writers, each = 8, 15
	v := open(t, p, Options{JournalMax: 1000})
	put(t, v, "k", "count", "0", 0)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				err := one(v, w, i)
				if i%5 == 4 && !errors.Is(err, errOwn) || i%5 != 4 && err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	all.Wait()
	n := writers * each * 4 / 5
	holds(t, v, "k", "count", strconv.Itoa(n))
	list, err := entries(v, 0, 0)
	if err != nil || len(list) != n {
		t.Errorf("%d entries, %v; want %d", len(list), err, n)
	}
	for i, e := range list {
		if i > 0 && e.ID <= list[i-1].ID || string(e.Value) != strconv.Itoa(i) {
			t.Errorf("entry %d is %s", e.ID, e.Value)
		}
	}
	must(t, v.Verify())
}

// one adds one to the count, with an entry and a record of its own, or fails in the end.
func one(v vault.Vault, w, i int) error {
	return v.Update(func(tx vault.Tx) error {
		r, err := tx.Get("k", "count")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(r.Value))
		if err != nil {
			return err
		}
		if _, err := tx.Append(noon, r.Value); err != nil {
			return err
		}
		if _, err := tx.Put("k", "count", strconv.AppendInt(nil, int64(n+1), 10), r.Revision); err != nil {
			return err
		}
		if _, err := tx.Put(fmt.Sprint("of", w), strconv.Itoa(i), nil, 0); err != nil {
			return err
		}
		if i%5 == 4 {
			return errOwn
		}
		return nil
	})
}

// oneState: who reads sees two records that change together as they belong together.
func oneState(t *testing.T, p Place) {
	v := open(t, p, Options{})
	a := put(t, v, "k", "a", "0", 0)
	put(t, v, "l", "b", "0", 0)
	over := make(chan struct{})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				err := v.View(func(tx vault.Tx) error {
					a, err := tx.Get("k", "a")
					if err != nil {
						return err
					}
					b, err := tx.Get("l", "b")
					if err == nil && string(a.Value) != string(b.Value) {
						err = fmt.Errorf("%s and %s", a.Value, b.Value)
					}
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 60 {
		// What was written is read by the writer as soon as it is told.
		holds(t, v, "k", "a", strconv.Itoa(i))
		update(t, v, func(tx vault.Tx) (err error) {
			value := []byte(strconv.Itoa(i + 1))
			next, err := tx.Put("k", "a", value, a)
			if err == nil {
				_, err = tx.Put("l", "b", value, mustRevision(tx, "l", "b"))
			}
			tx.OnCommit(func() { a = next })
			return err
		})
	}
	close(over)
	all.Wait()
}

// readers: each sees every entry in order, however it is woken.
func readers(t *testing.T, p Place) {
	const n = 60
	v := open(t, p, Options{})
	failed := make(chan error, 3)
	for range cap(failed) {
		go func() { failed <- readOn(v, n) }()
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range n / 4 {
				if err := v.Update(func(tx vault.Tx) error { _, err := tx.Append(noon, nil); return err }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

func readOn(v vault.Vault, n int) error {
	last := uint64(0)
	for seen := 0; seen < n; {
		changed := v.Changed()
		list, err := entries(v, last, 5)
		if err != nil {
			return err
		}
		for _, e := range list {
			if e.ID <= last {
				return fmt.Errorf("entry %d after %d", e.ID, last)
			}
			last = e.ID
		}
		if seen += len(list); len(list) == 0 {
			<-changed
		}
	}
	return nil
}

// slots: the data key is what opens it, and each slot has it.
func slots(t *testing.T, p Place) {
	v := open(t, p, Options{})
	put(t, v, "k", "a", "x", 0)
	want(t, v.RemoveSlot(v.Info().Slots[0].ID, ""), vault.ErrLastSlot)
	added, key, err := v.AddSlot(vault.NewSlot{Kind: vault.SlotRecovery, Label: "paper"})
	if err != nil || key.IsZero() || added.Kind != vault.SlotRecovery {
		t.Fatalf("%+v, %v", added, err)
	}
	if list := v.Info().Slots; len(list) != 2 || list[1].ID != added.ID && list[0].ID != added.ID {
		t.Errorf("%v", list)
	}
	want(t, v.RemoveSlot("NOTTHERE", ""), vault.ErrNotFound)
	must(t, v.Close())

	// Without the key file nothing opens it, with the recovery key it opens.
	const elsewhere = "elsewhere.key"
	if v, err := p.Open(t, Options{KeyFile: elsewhere}); !errors.Is(err, vault.ErrKeyMissing) {
		t.Fatalf("%v, %v", v, err)
	}
	if v, err := p.Open(t, Options{KeyFile: elsewhere, Recovery: secretOfAnother(key).Reveal()}); !errors.Is(err, vault.ErrWrongKey) {
		t.Fatalf("%v, %v", v, err)
	}
	v = open(t, p, Options{KeyFile: elsewhere, Recovery: key.Reveal()})
	holds(t, v, "k", "a", "x")
	own, _, err := v.AddSlot(vault.NewSlot{Kind: vault.SlotKeyFile})
	must(t, err)
	must(t, v.RemoveSlot(added.ID, own.ID))
	must(t, v.Close())
	v = open(t, p, Options{KeyFile: elsewhere})
	holds(t, v, "k", "a", "x")
	for _, s := range v.Info().Slots {
		if s.InUse != (s.ID == own.ID) {
			t.Errorf("%v is in use: %v", s, s.InUse)
		}
	}
	must(t, v.Verify())
}

// secretOfAnother is a text like a recovery key that opens nothing: one letter is
// another.
func secretOfAnother(key secret.String) secret.String {
	text := []byte(key.Reveal())
	if text[0]++; text[0] == 'd' {
		text[0] = 'b'
	}
	return secret.New(string(text))
}

func writable(t *testing.T, p Place) {
	v := open(t, p, Options{})
	for range 3 {
		must(t, v.Writable())
	}
	put(t, v, "k", "a", "x", 0)
	must(t, v.Writable())
	if i := v.Info(); i.Events != 0 || len(i.Records) != 1 {
		t.Errorf("a probe is left: %+v", i)
	}
	if err := v.Err(); err != nil {
		t.Error(err)
	}
	select {
	case <-v.Failed():
		t.Error("it failed")
	default:
	}
}

// failing: what could not be kept is told of, and is not there. Where it is not known
// what came of it, nothing is told before it is.
func failing(t *testing.T, p Place) {
	v := open(t, p, Options{})
	was := put(t, v, "k", "a", "before", 0)
	appended(t, v, noon, "1")
	mend := p.Fail(t)
	called, done := false, make(chan error, 1)
	go func() {
		done <- v.Update(func(tx vault.Tx) error {
			tx.OnCommit(func() { called = true })
			if _, err := tx.Append(noon, []byte("2")); err != nil {
				return err
			}
			_, err := tx.Put("k", "a", []byte("after"), was)
			return err
		})
	}()
	if v.Writable() == nil {
		t.Error("it is writable")
	}
	select {
	case err := <-done:
		if err == nil {
			t.Error("it was kept")
		}
		done <- err
	default:
	}
	mend()
	value, journal := "after", "1 2 "
	if err := <-done; err != nil {
		value, journal = "before", "1 "
	}
	if called != (value == "after") {
		t.Errorf("called %v where it is %s", called, value)
	}
	if v.Err() != nil {
		must(t, v.Close())
		v = open(t, p, Options{})
	}
	waitWritable(t, v)
	holds(t, v, "k", "a", value)
	if list, err := entries(v, 0, 0); err != nil || texts(list) != journal {
		t.Errorf("%s, %v", texts(list), err)
	}
	r, err := get(v, "k", "a")
	must(t, err)
	put(t, v, "k", "a", "later", r.Revision)
	must(t, v.Verify())
}

// swapped: what was moved by hand is never taken for what belongs there.
func swapped(t *testing.T, p Place) {
	if p.Swap == nil {
		t.Skip("nobody else gets at it")
	}
	v := open(t, p, Options{})
	put(t, v, "k", "a", "of a", 0)
	put(t, v, "k", "b", "of b", 0)
	must(t, v.Close())
	p.Swap(t, "k", "a", "b")
	v, err := p.Open(t, Options{})
	if err != nil {
		want(t, err, vault.ErrCorrupt)
		return
	}
	defer v.Close()
	want(t, v.Verify(), vault.ErrCorrupt)
	if len(v.Info().Damage) == 0 {
		t.Error("nothing is told of it")
	}
	for key, value := range map[string]string{"a": "of a", "b": "of b"} {
		if r, err := get(v, "k", key); err == nil && string(r.Value) != value || err != nil && !errors.Is(err, vault.ErrCorrupt) {
			t.Errorf("%s is %q, %v", key, r.Value, err)
		}
	}
}
