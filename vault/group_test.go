package vault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

var errOwn = errors.New("of its own")

// TestUpdatesAtOnce: of many changes that wait for the disk at once each ends for
// itself: what returned nil is there, what failed or panicked left nothing, and the
// vault is whole.
func TestUpdatesAtOnce(t *testing.T) {
	const writers, each = 24, 40
	o := options(t)
	v := mustOpen(t, o)
	put(t, v, "shared", "all", "0", 0)
	want := make([]map[string]string, writers)
	entries := make([]int, writers)
	var all sync.WaitGroup
	for w := range writers {
		want[w] = map[string]string{}
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 7))
			for i := range each {
				key, value := fmt.Sprint(w, "/", r.IntN(5)), fmt.Sprint(i)
				switch err := oneOfMany(v, r.IntN(6), w, key, value); {
				case err == nil && value != "":
					want[w][key] = value
					entries[w]++
				case errors.Is(err, errOwn), errors.Is(err, ErrConflict):
				default:
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	all.Wait()
	check(t, v)
	_ = v.Close()
	v = mustOpen(t, o)
	total, records := 0, 0
	for w := range writers {
		total += entries[w]
		records += len(want[w])
		for key, value := range want[w] {
			wantValue(t, v, fmt.Sprint("kind", w%7), key, value)
		}
	}
	got := 0
	for kind, n := range v.Info().Records {
		if kind != "shared" {
			got += n
		}
	}
	if int(v.Newest()) != total || got != records {
		t.Errorf("%d entries and %d records, want %d and %d", v.Newest(), got, total, records)
	}
}

// oneOfMany writes a record and an entry, or ends in one of the ways that a change can
// end in half-way.
func oneOfMany(v *File, how, w int, key, value string) (err error) {
	kind := fmt.Sprint("kind", w%7)
	defer func() {
		if p := recover(); p != nil && p != any(value) {
			err = fmt.Errorf("the panic of another: %v", p)
		} else if p != nil {
			err = errOwn
		}
	}()
	return v.Update(func(tx Tx) error {
		r, err := tx.Get(kind, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if how == 3 { // nothing was changed yet
			_, err := tx.Put(kind, key, nil, r.Revision+1)
			return err
		}
		if _, err := tx.Append(noon, []byte(value)); err != nil {
			return err
		}
		if _, err := tx.Put(kind, key, []byte(value), r.Revision); err != nil {
			return err
		}
		switch how {
		case 0:
			return errOwn
		case 1:
			panic(value)
		case 2: // a bucket that is new with it
			if _, err := tx.Put(fmt.Sprint("new", w, value), key, []byte(value), 0); err != nil {
				return err
			}
			return errOwn
		}
		return nil
	})
}

// TestSeenInOrder: whoever shares a transaction sees what those before it did, and all
// see it as done when the first is told so.
func TestSeenInOrder(t *testing.T) {
	const n = 200
	v := mustOpen(t, options(t))
	put(t, v, "k", "count", "", 0)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			var mine uint64
			err := v.Update(func(tx Tx) error {
				r, err := tx.Get("k", "count")
				if err != nil {
					return err
				}
				if mine, err = tx.Append(noon, r.Value); err != nil {
					return err
				}
				_, err = tx.Put("k", "count", append(r.Value, 'x'), r.Revision)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			if v.Newest() < mine {
				t.Errorf("entry %d is told of before it is seen", mine)
			}
		})
	}
	all.Wait()
	es, err := events(v, 0, 0)
	if err != nil || len(es) != n {
		t.Fatalf("%d entries, %v", len(es), err)
	}
	for i, e := range es {
		if len(e.Value) != i {
			t.Fatalf("entry %d saw %d before it", i, len(e.Value))
		}
	}
	check(t, v)
}
