package vaulttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/vault"
)

// records: compare and swap.
func records(t *testing.T, p Place) {
	v := open(t, p, Options{})
	holds(t, v, "k", "a", "")
	first := put(t, v, "k", "a", "one", 0)
	holds(t, v, "k", "a", "one")
	if r, err := get(v, "k", "a"); err != nil || r.Revision != first || first == 0 {
		t.Errorf("revision %d, %v; want %d", r.Revision, err, first)
	}
	second := put(t, v, "k", "a", "two", first)
	if second <= first {
		t.Errorf("revision %d after %d", second, first)
	}
	for _, was := range []uint64{0, first, second + 1} {
		want(t, v.Update(func(tx vault.Tx) error { _, err := tx.Put("k", "a", []byte("x"), was); return err }), vault.ErrConflict)
		want(t, v.Update(func(tx vault.Tx) error { return tx.Delete("k", "a", was) }), vault.ErrConflict)
	}
	want(t, v.Update(func(tx vault.Tx) error { _, err := tx.Put("k", "b", nil, 7); return err }), vault.ErrConflict)
	holds(t, v, "k", "a", "two")
	holds(t, v, "other", "a", "")
	// Twice in one transaction, and read in between.
	update(t, v, func(tx vault.Tx) error {
		third, err := tx.Put("k", "a", []byte("three"), second)
		if err != nil {
			return err
		}
		r, err := tx.Get("k", "a")
		if err != nil || string(r.Value) != "three" || r.Revision != third {
			return fmt.Errorf("it reads %q %d, %w", r.Value, r.Revision, err)
		}
		fourth, err := tx.Put("k", "a", []byte("four"), third)
		if err == nil && fourth <= third {
			err = fmt.Errorf("revision %d after %d", fourth, third)
		}
		return err
	})
	holds(t, v, "k", "a", "four")
	put(t, v, "k", "empty", "", 0)
	if r, err := get(v, "k", "empty"); err != nil || len(r.Value) != 0 {
		t.Errorf("an empty record is %q, %v", r.Value, err)
	}
	if got := v.Info().Records["k"]; got != 2 {
		t.Errorf("%d records", got)
	}
	must(t, v.Verify())
}

// deleted: no revision comes again.
func deleted(t *testing.T, p Place) {
	v := open(t, p, Options{})
	want(t, v.Update(func(tx vault.Tx) error { return tx.Delete("k", "a", 0) }), vault.ErrNotFound)
	want(t, v.Update(func(tx vault.Tx) error { return tx.Delete("k", "a", 5) }), vault.ErrConflict)
	last := uint64(0)
	for round := range 3 {
		r := put(t, v, "k", "a", fmt.Sprint(round), 0)
		if r <= last {
			t.Errorf("revision %d after %d", r, last)
		}
		for range round {
			r = put(t, v, "k", "a", fmt.Sprint(round), r)
		}
		last = r
		update(t, v, func(tx vault.Tx) error { return tx.Delete("k", "a", r) })
		holds(t, v, "k", "a", "")
		want(t, v.Update(func(tx vault.Tx) error { _, err := tx.Put("k", "a", nil, r); return err }), vault.ErrConflict)
	}
	// Made, removed and made again in one.
	update(t, v, func(tx vault.Tx) error {
		r, err := tx.Put("k", "a", []byte("x"), 0)
		if err == nil {
			err = tx.Delete("k", "a", r)
		}
		if _, e := tx.Get("k", "a"); err == nil && !errors.Is(e, vault.ErrNotFound) {
			err = fmt.Errorf("it is there: %w", e)
		}
		if err == nil {
			_, err = tx.Put("k", "a", []byte("y"), 0)
		}
		return err
	})
	holds(t, v, "k", "a", "y")
	update(t, v, func(tx vault.Tx) error {
		r, err := tx.Put("k", "b", []byte("x"), 0)
		if err == nil {
			err = tx.Delete("k", "b", r)
		}
		return err
	})
	holds(t, v, "k", "b", "")
	must(t, v.Verify())
}

var errOwn = errors.New("my own error")

// undone: an error of the function undoes all of it, whatever it did.
func undone(t *testing.T, p Place) {
	v := open(t, p, Options{JournalMax: 3})
	was := put(t, v, "k", "a", "stays", 0)
	ids := appended(t, v, noon, "1", "2", "3")
	want(t, v.Update(func(tx vault.Tx) error {
		if _, err := tx.Put("k", "a", []byte("gone"), was); err != nil {
			return err
		}
		if _, err := tx.Put("k", "b", []byte("gone"), 0); err != nil {
			return err
		}
		if _, err := tx.Put("new", "b", []byte("gone"), 0); err != nil {
			return err
		}
		if _, err := tx.Append(noon, []byte("gone")); err != nil {
			return err
		}
		return errOwn
	}), errOwn)
	holds(t, v, "k", "a", "stays")
	holds(t, v, "k", "b", "")
	holds(t, v, "new", "b", "")
	if list, err := entries(v, 0, 0); err != nil || texts(list) != "1 2 3 " || v.Newest() != ids[2] {
		t.Errorf("the journal is %s, %v", texts(list), err)
	}
	// The two outcomes that callers live with leave the rest in place.
	update(t, v, func(tx vault.Tx) error {
		if _, err := tx.Put("k", "c", []byte("here"), 0); err != nil {
			return err
		}
		if _, err := tx.Put("k", "a", nil, was+1); !errors.Is(err, vault.ErrConflict) {
			return fmt.Errorf("no conflict: %w", err)
		}
		if err := tx.Delete("k", "none", 0); !errors.Is(err, vault.ErrNotFound) {
			return fmt.Errorf("it was found: %w", err)
		}
		return nil
	})
	holds(t, v, "k", "c", "here")
	holds(t, v, "k", "a", "stays")
	must(t, v.Verify())
}

// panics: a panic is the caller's own, and undoes all.
func panics(t *testing.T, p Place) {
	v := open(t, p, Options{})
	for name, run := range map[string]func(func(vault.Tx) error) error{"view": v.View, "update": v.Update} {
		func() {
			defer func() {
				if p := recover(); p != "mine" {
					t.Errorf("%s: recovered %v", name, p)
				}
			}()
			_ = run(func(tx vault.Tx) error {
				if name == "update" {
					if _, err := tx.Put("k", "a", nil, 0); err != nil {
						return err
					}
				}
				panic("mine")
			})
		}()
	}
	holds(t, v, "k", "a", "")
	put(t, v, "k", "a", "after", 0)
}

// inOrder: keys come in their order, and may be written meanwhile.
func inOrder(t *testing.T, p Place) {
	v := open(t, p, Options{})
	keys := []string{"a", "a/b", "a b", "aa", "b", "\u00e4", "Z", "reader x/1"}
	update(t, v, func(tx vault.Tx) error {
		for _, key := range keys {
			if _, err := tx.Put("k", key, []byte(key), 0); err != nil {
				return err
			}
		}
		_, err := tx.Put("l", "c", nil, 0)
		return err
	})
	for step := range 4 { // more than one transaction has to take
		numbered(t, v, "many", 50*step, 50*step+50)
	}
	list := func(tx vault.Tx, after string) (text string, err error) {
		err = tx.EachAfter("k", after, func(key string, r vault.Record) error {
			if string(r.Value) != key {
				return fmt.Errorf("%s holds %s", key, r.Value)
			}
			text += key + ","
			return nil
		})
		return text, err
	}
	all := "Z,a,a b,a/b,aa,b,reader x/1,\u00e4,"
	must(t, v.View(func(tx vault.Tx) error {
		for after, wanted := range map[string]string{"": all, "a": all[4:], "a/": all[8:], "zz": "\u00e4,", "\u00e4": ""} {
			if text, err := list(tx, after); err != nil || text != wanted {
				t.Errorf("after %q: %q, %v; want %q", after, text, err, wanted)
			}
		}
		if keys, err := tx.Keys("k"); err != nil || strings.Join(keys, ",")+"," != all {
			t.Errorf("the keys are %q, %v", keys, err)
		}
		many, err := tx.Keys("many")
		if err != nil || len(many) != 200 || !slices.IsSorted(many) {
			t.Errorf("the keys are %q, %v", many, err)
		}
		if err := tx.Each("many", func(key string, _ vault.Record) error {
			if many[0] != key {
				t.Errorf("%s comes before %s", key, many[0])
			}
			many = many[1:]
			return nil
		}); err != nil || len(many) > 0 {
			t.Errorf("%q do not come, %v", many, err)
		}
		if keys, err := tx.Keys("none"); err != nil || len(keys) > 0 {
			t.Errorf("there are keys of a kind that nothing is of: %q, %v", keys, err)
		}
		return tx.Each("none", func(string, vault.Record) error { return errOwn })
	}))
	want(t, v.View(func(tx vault.Tx) error { return tx.Each("k", func(string, vault.Record) error { return errOwn }) }), errOwn)
	update(t, v, func(tx vault.Tx) error {
		n := 0
		err := tx.Each("k", func(key string, r vault.Record) error {
			if n++; key == "b" {
				if err := tx.Delete("k", "\u00e4", mustRevision(tx, "k", "\u00e4")); err != nil {
					return err
				}
				_, err := tx.Put("k", "c", []byte("c"), 0)
				return err
			}
			_, err := tx.Put("k", key, []byte(key), r.Revision)
			return err
		})
		if err == nil && n != len(keys) { // one came, one went
			err = fmt.Errorf("%d records were seen", n)
		}
		if text, e := list(tx, "a/b"); err == nil && (e != nil || text != "aa,b,c,reader x/1,") {
			err = fmt.Errorf("then %q: %w", text, e)
		}
		return err
	})
	must(t, v.Verify())
}

// numbered writes records with numbers for keys.
func numbered(t *testing.T, v vault.Vault, kind string, from, to int) {
	t.Helper()
	update(t, v, func(tx vault.Tx) error {
		for i := from; i < to; i++ {
			if _, err := tx.Put(kind, fmt.Sprintf("%03d", i), nil, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func mustRevision(tx vault.Tx, kind, key string) uint64 {
	r, _ := tx.Get(kind, key)
	return r.Revision
}

func impossible(t *testing.T, p Place) {
	v := open(t, p, Options{})
	for _, name := range [][2]string{{"", "a"}, {"k", ""}, {strings.Repeat("k", 65), "a"}, {"k", strings.Repeat("a", 1025)}} {
		if err := v.Update(func(tx vault.Tx) error { _, err := tx.Put(name[0], name[1], nil, 0); return err }); err == nil {
			t.Errorf("%.10q was written", name)
		}
	}
	want(t, v.Update(func(tx vault.Tx) error { _, err := tx.Put("k", "a", make([]byte, 16<<20+1), 0); return err }), vault.ErrTooLarge)
	want(t, v.Update(func(tx vault.Tx) error { _, err := tx.Append(noon, make([]byte, 16<<20+1)); return err }), vault.ErrTooLarge)
	for _, year := range []int{1969, 2300} {
		if err := v.Update(func(tx vault.Tx) error { _, err := tx.Append(noon.AddDate(year-noon.Year(), 0, 0), nil); return err }); err == nil {
			t.Errorf("an entry of %d was written", year)
		}
	}
	must(t, v.Update(func(tx vault.Tx) error {
		_, err := tx.Put(strings.Repeat("k", 64), strings.Repeat("a", 1024), []byte("x"), 0)
		return err
	}))
}

func readOnly(t *testing.T, p Place) {
	v := open(t, p, Options{})
	put(t, v, "k", "a", "x", 0)
	for _, write := range []func(tx vault.Tx) error{
		func(tx vault.Tx) error { _, err := tx.Put("k", "b", nil, 0); return err },
		func(tx vault.Tx) error { return tx.Delete("k", "a", mustRevision(tx, "k", "a")) },
		func(tx vault.Tx) error { _, err := tx.Append(noon, nil); return err },
	} {
		want(t, v.View(write), vault.ErrReadOnly)
	}
	holds(t, v, "k", "a", "x")
	var kept vault.Tx
	must(t, v.Update(func(tx vault.Tx) error { kept = tx; return nil }))
	if _, err := kept.Get("k", "a"); err == nil {
		t.Error("a transaction that has ended reads")
	}
	if _, err := kept.Put("k", "b", nil, 0); err == nil {
		t.Error("a transaction that has ended writes")
	}
}
