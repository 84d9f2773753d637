package vaulttest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/vault"
)

func journal(t *testing.T, p Place) {
	v := open(t, p, Options{})
	if list, err := entries(v, 0, 0); err != nil || len(list) != 0 || v.Newest() != 0 {
		t.Errorf("a new journal has %d entries, %v", len(list), err)
	}
	ids := appended(t, v, noon, "a", "b", "c")
	ids = append(ids, appended(t, v, noon.Add(time.Second), "d")...)
	for i := 1; i < len(ids); i++ {
		if ids[i] <= ids[i-1] {
			t.Errorf("ids %d", ids)
		}
	}
	if v.Newest() != ids[3] || v.Info().Events != 4 || v.Info().LastEvent != ids[3] || v.Info().FirstEvent != ids[0] {
		t.Errorf("newest %d, %+v", v.Newest(), v.Info())
	}
	list, err := entries(v, 0, 0)
	if err != nil || texts(list) != "a b c d " || !list[0].Time.Equal(noon) || list[2].ID != ids[2] {
		t.Errorf("%+v, %v", list, err)
	}
	for _, tt := range []struct {
		after uint64
		limit int
		want  string
	}{{ids[0], 0, "b c d "}, {ids[0], 2, "b c "}, {ids[3], 0, ""}, {0, 1, "a "}} {
		if list, err := entries(v, tt.after, tt.limit); err != nil || texts(list) != tt.want {
			t.Errorf("after %d: %q, %v", tt.after, texts(list), err)
		}
	}
	_, err = entries(v, ids[3]+1, 0)
	want(t, err, vault.ErrGap)
	// A transaction sees what it appended.
	update(t, v, func(tx vault.Tx) error {
		id, err := tx.Append(noon, []byte("e"))
		if err != nil {
			return err
		}
		list, err := tx.Events(ids[3], 0)
		if err != nil || texts(list) != "e " || tx.Newest() != id || tx.Oldest() != ids[0] {
			return fmt.Errorf("it sees %q, newest %d: %w", texts(list), tx.Newest(), err)
		}
		return nil
	})
	must(t, v.Verify())
}

// ring: the oldest go, in small steps, and whoever wants to keep them is shown each.
func ring(t *testing.T, p Place) {
	v := open(t, p, Options{JournalMax: 10})
	retired := func(n, keep int) (text string) {
		update(t, v, func(tx vault.Tx) error {
			text = ""
			tx.OnRetire(func(e vault.Entry) error {
				text += string(e.Value) + " "
				_, err := tx.Put("kept", fmt.Sprintf("%04d", e.ID), e.Value, 0)
				return err
			})
			if keep > 0 {
				tx.KeepJournal(keep)
			}
			for i := range n {
				if _, err := tx.Append(noon, fmt.Append(nil, tx.Newest()+1, "/", i)); err != nil {
					return err
				}
			}
			return nil
		})
		return text
	}
	if text := retired(10, 0); text != "" {
		t.Errorf("retired %s", text)
	}
	if text := retired(2, 0); text != "1/0 2/1 " {
		t.Errorf("retired %q", text)
	}
	_, err := entries(v, 1, 0)
	want(t, err, vault.ErrGap)
	if list, err := entries(v, 2, 0); err != nil || len(list) != 10 {
		t.Errorf("%d entries, %v", len(list), err)
	}
	if text := retired(1, 20); text != "" || v.Info().Events != 11 {
		t.Errorf("retired %q, %d are left", text, v.Info().Events)
	}
	if text := retired(1, 2); text == "" || len(text) > 4*8 || v.Info().Events > 11 || v.Info().Events < 8 {
		t.Errorf("retired %q, %d are left", text, v.Info().Events)
	}
	for range 5 {
		retired(1, 2)
	}
	list, err := entries(v, v.Info().FirstEvent-1, 0)
	if err != nil || len(list) != 2 || v.Info().Events != 2 {
		t.Errorf("%d entries, %v", len(list), err)
	}
	if got := v.Info().Records["kept"]; got != int(v.Newest())-2 {
		t.Errorf("%d were kept of %d", got, v.Newest())
	}
	want(t, v.Update(func(tx vault.Tx) error {
		tx.OnRetire(func(vault.Entry) error { return errOwn })
		tx.KeepJournal(1)
		_, err := tx.Append(noon, nil)
		return err
	}), errOwn)
	if v.Info().Events != 2 {
		t.Errorf("%d entries are left", v.Info().Events)
	}
	must(t, v.Verify())
}

func ringByAge(t *testing.T, p Place) {
	v := open(t, p, Options{JournalAge: time.Hour})
	appended(t, v, noon, "a", "b")
	appended(t, v, noon.Add(30*time.Minute), "c")
	appended(t, v, noon.Add(61*time.Minute), "d")
	list, err := entries(v, 2, 0)
	if err != nil || texts(list) != "c d " {
		t.Errorf("%s, %v", texts(list), err)
	}
	_, err = entries(v, 0, 0)
	want(t, err, vault.ErrGap)
	must(t, v.View(func(tx vault.Tx) error {
		if tx.JournalAge() != time.Hour || tx.Oldest() != 3 {
			t.Errorf("age %s, oldest %d", tx.JournalAge(), tx.Oldest())
		}
		return nil
	}))
}

// waking: whoever waits is woken by an entry, and can read it.
func waking(t *testing.T, p Place) {
	v := open(t, p, Options{})
	changed := v.Changed()
	put(t, v, "k", "a", "x", 0)
	select {
	case <-changed:
		t.Error("woken by a record alone")
	default:
	}
	done := make(chan string)
	go func() {
		<-changed
		list, err := entries(v, 0, 0)
		done <- fmt.Sprint(texts(list), err)
	}()
	appended(t, v, noon, "a")
	if got := <-done; got != "a <nil>" {
		t.Errorf("read %s", got)
	}
	changed = v.Changed()
	must(t, v.Close())
	<-changed
}

// onCommit: it is called for what is kept, once, before the caller is told.
func onCommit(t *testing.T, p Place) {
	v := open(t, p, Options{})
	calls := 0
	update(t, v, func(tx vault.Tx) error {
		tx.OnCommit(func() { calls++ })
		_, err := tx.Append(noon, nil)
		return err
	})
	if calls != 1 {
		t.Errorf("called %d times", calls)
	}
	want(t, v.Update(func(tx vault.Tx) error {
		tx.OnCommit(func() { t.Error("called for what is not kept") })
		if _, err := tx.Append(noon, nil); err != nil {
			return err
		}
		return errOwn
	}), errOwn)
}

// reopened: all is there, and nothing begins anew.
func reopened(t *testing.T, p Place) {
	v := open(t, p, Options{})
	first := put(t, v, "k", "a", "x", 0)
	gone := put(t, v, "k", "b", "y", 0)
	update(t, v, func(tx vault.Tx) error { return tx.Delete("k", "b", gone) })
	ids := appended(t, v, noon, "1", "2")
	before := v.Info()
	must(t, v.Close())
	v = open(t, p, Options{})
	if i := v.Info(); i.ID != before.ID || i.Events != 2 || i.Records["k"] != 1 || i.Schema != before.Schema || i.LastEvent != ids[1] || len(i.Slots) != 1 || !i.Slots[0].InUse || len(i.Damage) != 0 {
		t.Errorf("%+v, was %+v", i, before)
	}
	path, schema := v.Identity()
	if path != before.Path || schema != before.Schema {
		t.Errorf("%s, schema %d", path, schema)
	}
	holds(t, v, "k", "a", "x")
	holds(t, v, "k", "b", "")
	if list, err := entries(v, 0, 0); err != nil || texts(list) != "1 2 " || !list[0].Time.Equal(noon) {
		t.Errorf("%+v, %v", list, err)
	}
	if next := put(t, v, "k", "a", "z", first); next <= gone {
		t.Errorf("revision %d after %d", next, gone)
	}
	if again := put(t, v, "k", "b", "z", 0); again <= gone {
		t.Errorf("revision %d after %d", again, gone)
	}
	if id := appended(t, v, noon, "3"); id[0] <= ids[1] {
		t.Errorf("id %d after %d", id, ids)
	}
	must(t, v.Verify())
}

func closed(t *testing.T, p Place) {
	v := open(t, p, Options{})
	put(t, v, "k", "a", "x", 0)
	must(t, v.Close())
	must(t, v.Close())
	want(t, v.Update(func(tx vault.Tx) error { _, err := tx.Put("k", "b", nil, 0); return err }), vault.ErrClosed)
	if err := v.Writable(); !errors.Is(err, vault.ErrClosed) {
		t.Errorf("writable: %v", err)
	}
	want(t, v.View(func(vault.Tx) error { return nil }), vault.ErrClosed)
}
