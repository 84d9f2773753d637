package vault

import (
	"fmt"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.UTC)

func appendOne(t testing.TB, v *File, at time.Time, value string) uint64 {
	t.Helper()
	var id uint64
	err := v.Update(func(tx Tx) (err error) {
		id, err = tx.Append(at, []byte(value))
		return err
	})
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return id
}

func events(v *File, after uint64, limit int) (es []Entry, err error) {
	err = v.View(func(tx Tx) (err error) {
		es, err = tx.Events(after, limit)
		return err
	})
	return es, err
}

func TestJournal(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	for i := range 5 {
		if id := appendOne(t, v, noon.Add(time.Duration(i)*time.Minute), fmt.Sprint(i)); id != uint64(i+1) {
			t.Fatalf("id %d", id)
		}
	}
	_ = v.Close()
	v = mustOpen(t, o)
	if v.Newest() != 5 {
		t.Fatalf("newest %d after a restart", v.Newest())
	}
	tests := []struct {
		after uint64
		limit int
		want  string
	}{{0, 0, "01234"}, {2, 2, "23"}, {4, 9, "4"}, {5, 0, ""}}
	for _, tt := range tests {
		es, err := events(v, tt.after, tt.limit)
		var got string
		for _, e := range es {
			got += string(e.Value)
		}
		if err != nil || got != tt.want {
			t.Errorf("events(%d, %d) = %q, %v; want %q", tt.after, tt.limit, got, err, tt.want)
		}
	}
	es, _ := events(v, 0, 1)
	if !es[0].Time.Equal(noon) || es[0].Time.Location() != time.UTC {
		t.Errorf("time %v, want %v", es[0].Time, noon)
	}
	_, err := events(v, 6, 0)
	wantErr(t, err, ErrGap)
	_, err = events(v, ^uint64(0), 0)
	wantErr(t, err, ErrGap)
	check(t, v)
}

func TestTheRing(t *testing.T) {
	o := options(t)
	o.JournalMax = 10
	v := mustOpen(t, o)
	for range 25 {
		appendOne(t, v, noon, "x")
	}
	if info := v.Info(); info.Events != 10 || info.FirstEvent != 16 || info.LastEvent != 25 {
		t.Errorf("info %+v", info)
	}
	_, err := events(v, 14, 0)
	wantErr(t, err, ErrGap)
	if es, err := events(v, 15, 0); err != nil || len(es) != 10 || es[0].ID != 16 {
		t.Errorf("events: %d, %v", len(es), err)
	}
	_ = v.Close()

	// A lower limit is reached in small steps, and ids go on over a restart.
	o.JournalMax = 2
	v = mustOpen(t, o)
	if id := appendOne(t, v, noon, "x"); id != 26 {
		t.Errorf("id %d after a restart", id)
	}
	if info := v.Info(); info.FirstEvent != 16+pruneStep {
		t.Errorf("first %d: more than %d entries went at once", info.FirstEvent, pruneStep)
	}
	for range 5 {
		appendOne(t, v, noon, "x")
	}
	if info := v.Info(); info.Events != 2 {
		t.Errorf("%d events", info.Events)
	}
	check(t, v)
}

func TestTheRingByAge(t *testing.T) {
	o := options(t)
	o.JournalAge = time.Hour
	v := mustOpen(t, o)
	for i := range 5 {
		appendOne(t, v, noon.Add(time.Duration(i)*30*time.Minute), "x")
	}
	if info := v.Info(); info.FirstEvent != 3 || info.LastEvent != 5 {
		t.Errorf("%d to %d", info.FirstEvent, info.LastEvent)
	}
	// A clock that jumped takes a few entries, and never the one just written.
	for range 3 {
		appendOne(t, v, noon.AddDate(50, 0, 0), "x")
	}
	if info := v.Info(); info.FirstEvent < 6 || info.LastEvent != 8 {
		t.Errorf("%d to %d", info.FirstEvent, info.LastEvent)
	}
	err := v.Update(func(tx Tx) error { _, err := tx.Append(time.Time{}, nil); return err })
	wantErr(t, err, errTime)
	check(t, v)
}

func TestOldestAndNewest(t *testing.T) {
	v := mustOpen(t, options(t))
	look := func(oldest, newest uint64) {
		t.Helper()
		_ = v.View(func(tx Tx) error {
			if tx.Oldest() != oldest || tx.Newest() != newest || v.Newest() != newest {
				t.Errorf("%d to %d, want %d to %d", tx.Oldest(), tx.Newest(), oldest, newest)
			}
			if es, err := tx.Events(tx.Oldest()-1, 0); err != nil || uint64(len(es)) != newest+1-oldest {
				t.Errorf("the whole journal: %d, %v", len(es), err)
			}
			return nil
		})
	}
	look(1, 0)
	appendOne(t, v, noon, "x")
	look(1, 1)
	_ = v.Update(func(tx Tx) error {
		_, _ = tx.Append(noon, nil)
		if tx.Newest() != 2 {
			t.Errorf("a transaction does not see its own entry")
		}
		if v.Newest() != 1 {
			t.Errorf("others see an entry before it is on disk")
		}
		return nil
	})
	look(1, 2)
}

func TestChanged(t *testing.T) {
	v := mustOpen(t, options(t))
	open := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return false
		default:
			return true
		}
	}
	c := v.Changed()
	put(t, v, "k", "a", "x", 0)
	_ = v.Update(func(tx Tx) error { _, _ = tx.Append(noon, nil); return ErrConflict })
	if !open(c) {
		t.Error("woken though nothing was appended")
	}
	_ = v.Update(func(tx Tx) error {
		_, err := tx.Append(noon, nil)
		if !open(c) {
			t.Error("woken before the commit")
		}
		return err
	})
	if open(c) || !open(v.Changed()) {
		t.Error("not woken by an entry, or woken for ever")
	}
}

// A reader that follows the signal misses nothing and gets everything in
// order, however many write.
func TestFollow(t *testing.T) {
	const n = 200
	v := mustOpen(t, options(t))
	done := make(chan error, 1)
	go func() {
		var cursor uint64
		for cursor < n {
			changed := v.Changed()
			es, err := events(v, cursor, 7)
			if err != nil {
				done <- err
				return
			}
			for _, e := range es {
				if e.ID != cursor+1 {
					done <- fmt.Errorf("entry %d after %d", e.ID, cursor)
					return
				}
				cursor = e.ID
			}
			if len(es) == 0 {
				<-changed
			}
		}
		done <- nil
	}()
	for range 4 {
		go func() {
			for range n / 4 {
				_ = v.Update(func(tx Tx) error { _, err := tx.Append(noon, nil); return err })
			}
		}()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
