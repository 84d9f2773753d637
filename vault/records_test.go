package vault

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bilikeeper/bilikeeper/vault/seal"
)

func TestRecordsOutliveARestart(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	r1 := put(t, v, "account", "main", "one", 0)
	r2 := put(t, v, "account", "main", "two", r1)
	put(t, v, "account", "empty", "", 0)
	if r2 <= r1 {
		t.Errorf("revisions %d, %d do not grow", r1, r2)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = mustOpen(t, o)
	wantValue(t, v, "account", "main", "two")
	wantValue(t, v, "account", "empty", "")
	if r, _ := get(v, "account", "main"); r.Revision != r2 {
		t.Errorf("revision %d, want %d", r.Revision, r2)
	}
	info := v.Info()
	if info.Records["account"] != 2 || info.Schema != Schema || len(info.ID) != 2*seal.IDSize || len(info.Slots) != 1 || info.Slots[0].Kind != SlotKeyFile {
		t.Errorf("info %+v", info)
	}
	check(t, v)
}

func TestCompareAndSwap(t *testing.T) {
	v := mustOpen(t, options(t))
	rev := put(t, v, "k", "there", "x", 0)
	tests := []struct {
		name string
		fn   func(Tx) error
		want error
	}{
		{"new over existing", func(tx Tx) error { _, err := tx.Put("k", "there", nil, 0); return err }, ErrConflict},
		{"old revision", func(tx Tx) error { _, err := tx.Put("k", "there", nil, rev+1); return err }, ErrConflict},
		{"replace what is not there", func(tx Tx) error { _, err := tx.Put("k", "gone", nil, 7); return err }, ErrConflict},
		{"delete with an old revision", func(tx Tx) error { return tx.Delete("k", "there", rev+1) }, ErrConflict},
		{"delete unseen", func(tx Tx) error { return tx.Delete("k", "there", 0) }, ErrConflict},
		{"delete what is not there", func(tx Tx) error { return tx.Delete("k", "gone", 0) }, ErrNotFound},
		{"delete what has gone", func(tx Tx) error { return tx.Delete("k", "gone", 7) }, ErrConflict},
		{"get what is not there", func(tx Tx) error { _, err := tx.Get("k", "gone"); return err }, ErrNotFound},
		{"get of no kind", func(tx Tx) error { _, err := tx.Get("z", "gone"); return err }, ErrNotFound},
		{"too large", func(tx Tx) error { _, err := tx.Put("k", "b", make([]byte, maxValue+1), 0); return err }, ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantErr(t, v.Update(tt.fn), tt.want)
			wantValue(t, v, "k", "there", "x")
		})
	}
	check(t, v)
}

func TestImpossibleNames(t *testing.T) {
	v := mustOpen(t, options(t))
	for _, name := range [][2]string{{"", "k"}, {"k", ""}, {strings.Repeat("k", maxKind+1), "k"}, {"k", strings.Repeat("k", maxKey+1)}} {
		err := v.Update(func(tx Tx) error { _, err := tx.Put(name[0], name[1], nil, 0); return err })
		if err == nil {
			t.Errorf("%.20q was taken", name)
		}
	}
	put(t, v, strings.Repeat("k", maxKind), strings.Repeat("k", maxKey), "x", 0)
	check(t, v)
}

func TestARevisionIsNeverUsedTwice(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	seen := map[uint64]bool{}
	for range 3 {
		rev := put(t, v, "k", "a", "x", 0)
		if seen[rev] {
			t.Fatalf("revision %d again", rev)
		}
		seen[rev] = true
		if err := v.Update(func(tx Tx) error { return tx.Delete("k", "a", rev) }); err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		v = mustOpen(t, o)
	}
	if n := v.Info().Records["k"]; n != 0 {
		t.Errorf("%d records are left", n)
	}
	check(t, v)
}

func TestAnErrorUndoesEverything(t *testing.T) {
	v := mustOpen(t, options(t))
	put(t, v, "k", "a", "old", 0)
	mine := errors.New("mine")
	before := v.Info()
	err := v.Update(func(tx Tx) error {
		r, _ := tx.Get("k", "a")
		if _, err := tx.Put("k", "a", []byte("new"), r.Revision); err != nil {
			return err
		}
		if _, err := tx.Append(noon, []byte("x")); err != nil {
			return err
		}
		return mine
	})
	if err != mine {
		t.Errorf("got %v, want the function's own error", err)
	}
	wantValue(t, v, "k", "a", "old")
	if after := v.Info(); after.LastEvent != before.LastEvent {
		t.Errorf("an event stayed: %+v", after)
	}
	check(t, v)
}

func TestTheCallersPanicPasses(t *testing.T) {
	v := mustOpen(t, options(t))
	for name, run := range map[string]func(func(Tx) error) error{"view": v.View, "update": v.Update} {
		t.Run(name, func(t *testing.T) {
			func() {
				defer func() {
					if p := recover(); p != "mine" {
						t.Errorf("recovered %v", p)
					}
				}()
				_ = run(func(tx Tx) error {
					if name == "update" {
						if _, err := tx.Put("k", "a", nil, 0); err != nil {
							return err
						}
					}
					panic("mine")
				})
			}()
			if _, err := get(v, "k", "a"); !errors.Is(err, ErrNotFound) {
				t.Errorf("the record stayed: %v", err)
			}
		})
	}
	put(t, v, "k", "a", "after", 0)
	check(t, v)
}

func TestATransactionEnds(t *testing.T) {
	v := mustOpen(t, options(t))
	var kept Tx
	_ = v.Update(func(tx Tx) error { kept = tx; return nil })
	if _, err := kept.Get("k", "a"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("get after the end: %v", err)
	}
	if _, err := kept.Put("k", "a", nil, 0); err == nil {
		t.Error("put after the end succeeded")
	}
	err := v.View(func(tx Tx) error { _, err := tx.Put("k", "a", nil, 0); return err })
	wantErr(t, err, ErrReadOnly)
	err = v.View(func(tx Tx) error { _, err := tx.Append(noon, nil); return err })
	wantErr(t, err, ErrReadOnly)
}

func TestAfterClose(t *testing.T) {
	v := mustOpen(t, options(t))
	changed := v.Changed()
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	select {
	case <-changed:
	default:
		t.Error("a watcher was left waiting")
	}
	<-v.Changed()
	nothing := func(Tx) error { return nil }
	for name, err := range map[string]error{
		"view": v.View(nothing), "update": v.Update(nothing), "writable": v.Writable(), "verify": v.Verify(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEachWhileWriting(t *testing.T) {
	v := mustOpen(t, options(t))
	var want []string
	for i := range 300 {
		key := fmt.Sprintf("%03d", i)
		want = append(want, key)
		put(t, v, "k", key, strings.Repeat(key, 30), 0)
	}
	put(t, v, "other", "x", "y", 0)
	var got []string
	err := v.Update(func(tx Tx) error {
		return tx.Each("k", func(key string, r Record) error {
			got = append(got, key)
			if len(got)%2 == 0 {
				return tx.Delete("k", key, r.Revision)
			}
			_, err := tx.Put("k", key, []byte("new"), r.Revision)
			return err
		})
	})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("each: %v, %d keys", err, len(got))
	}
	if n := v.Info().Records["k"]; n != 150 {
		t.Errorf("%d records are left", n)
	}
	stop := errors.New("stop")
	if err := v.View(func(tx Tx) error { return tx.Each("k", func(string, Record) error { return stop }) }); err != stop {
		t.Errorf("each: %v", err)
	}
	if err := v.View(func(tx Tx) error { return tx.Each("none", func(string, Record) error { return stop }) }); err != nil {
		t.Errorf("each of no kind: %v", err)
	}
	check(t, v)
}

// Of writers that saw the same revision exactly one goes through.
func TestRacingWriters(t *testing.T) {
	v := mustOpen(t, options(t))
	rev := put(t, v, "k", "a", "0", 0)
	for range 20 {
		var wg sync.WaitGroup
		results := make([]error, 2)
		for i := range results {
			wg.Go(func() {
				results[i] = v.Update(func(tx Tx) error {
					_, err := tx.Put("k", "a", fmt.Append(nil, i), rev)
					return err
				})
			})
		}
		wg.Wait()
		if n := len(slices.DeleteFunc(results, func(err error) bool { return !errors.Is(err, ErrConflict) })); n != 1 {
			t.Fatalf("%d conflicts, want 1", n)
		}
		r, err := get(v, "k", "a")
		if err != nil {
			t.Fatal(err)
		}
		rev = r.Revision
	}
	check(t, v)
}

func TestNothingChangedWritesNothing(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	put(t, v, "k", "a", "x", 0)
	before := mustRead(t, o.Path)
	_ = v.Update(func(tx Tx) error { _, err := tx.Get("k", "a"); return err })
	_ = v.Update(func(tx Tx) error { _, err := tx.Put("k", "a", nil, 0); return err })
	if !bytes.Equal(mustRead(t, o.Path), before) {
		t.Error("something was written")
	}
}

func TestWritable(t *testing.T) {
	v := mustOpen(t, options(t))
	for range 20 {
		if err := v.Writable(); err != nil {
			t.Fatal(err)
		}
	}
	if size := v.Info().Size; size > 128<<10 {
		t.Errorf("the probes left a file of %d bytes", size)
	}
	check(t, v)
}
