package vaulttest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/bilikeeper/bilikeeper/vault"
)

// log notes what one who follows is told.
type log struct {
	mu   sync.Mutex // guards list
	list []string
}

func (l *log) note(key string, revision uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, fmt.Sprintf("%s=%d", key, revision))
}

func (l *log) wants(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if fmt.Sprint(l.list) != fmt.Sprint(want) {
		t.Errorf("told %v, want %v", l.list, want)
	}
	l.list = nil
}

// followed: who follows a kind is told of each of its records that was changed and
// kept, before the change returns, and of nothing else.
func followed(t *testing.T, p Place) {
	v := open(t, p, Options{})
	before := put(t, v, "k", "a", "1", 0)
	var k, other log
	defer v.Follow("l", other.note)()
	stop := v.Follow("k", k.note)
	k.wants(t)
	first := put(t, v, "k", "a", "2", before)
	told := func(key string, revision uint64) string { return fmt.Sprintf("%s=%d", key, revision) }
	k.wants(t, told("a", first))

	var b, c uint64
	update(t, v, func(tx vault.Tx) (err error) {
		if b, err = tx.Put("k", "b", nil, 0); err != nil {
			return err
		}
		if _, err = tx.Put("m", "a", nil, 0); err != nil {
			return err
		}
		if c, err = tx.Put("k", "c", nil, 0); err != nil {
			return err
		}
		_, err = tx.Append(noon, nil)
		return err
	})
	k.wants(t, told("b", b), told("c", c))
	other.wants(t)
	update(t, v, func(tx vault.Tx) error { return tx.Delete("k", "b", b) })
	k.wants(t, "b=0")

	// Nothing is told of what was read, undone, or came to nothing.
	want(t, v.Update(func(tx vault.Tx) error {
		if _, err := tx.Put("k", "a", []byte("3"), first); err != nil {
			return err
		}
		return errOwn
	}), errOwn)
	want(t, v.Update(func(tx vault.Tx) error { _, err := tx.Put("k", "a", nil, before); return err }), vault.ErrConflict)
	update(t, v, func(tx vault.Tx) error { _, err := tx.Get("k", "a"); return err })
	appended(t, v, noon, "x")
	k.wants(t)

	again := put(t, v, "k", "b", "", 0)
	if again <= b {
		t.Errorf("revision %d after %d", again, b)
	}
	k.wants(t, told("b", again))
	stop()
	put(t, v, "k", "a", "4", first)
	k.wants(t)
	put(t, v, "l", "z", "", 0)
	if len(other.list) != 1 {
		t.Errorf("another who follows was told %v", other.list)
	}
}

// followedTogether: what is told of a record grows, and its last word is how the record
// is, however many write at once; what is told can be read.
func followedTogether(t *testing.T, p Place) {
	const writers, each = 6, 15
	v := open(t, p, Options{})
	var mu sync.Mutex // guards what follows
	last := map[string]uint64{}
	wake := make(chan struct{}, 1)
	defer v.Follow("k", func(key string, revision uint64) {
		mu.Lock()
		defer mu.Unlock()
		if revision != 0 && revision <= last[key] {
			t.Errorf("%s: %d is told after %d", key, revision, last[key])
		}
		last[key] = revision
		select {
		case wake <- struct{}{}:
		default:
		}
	})()
	over := make(chan struct{})
	var reader, all sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-wake:
			case <-over:
				return
			}
			mu.Lock()
			told := last["all"]
			mu.Unlock()
			if r, err := get(v, "k", "all"); told != 0 && (err != nil || r.Revision < told) {
				t.Errorf("revision %d is read where %d was told, %v", r.Revision, told, err)
			}
		}
	})
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := touch(v, strconv.Itoa(w), i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	close(over)
	reader.Wait()
	mu.Lock()
	defer mu.Unlock()
	for _, key := range []string{"all", "0", "1", "2", "3", "4", "5"} {
		if r, _ := get(v, "k", key); r.Revision != last[key] {
			t.Errorf("%s is at %d, and %d was told", key, r.Revision, last[key])
		}
	}
}

// touch changes a record that all change, and one of its own, which is gone in the end.
func touch(v vault.Vault, own string, i int) error {
	return v.Update(func(tx vault.Tx) error {
		if _, err := tx.Put("k", "all", []byte(own), mustRevision(tx, "k", "all")); err != nil {
			return err
		}
		if was := mustRevision(tx, "k", own); i%4 == 2 {
			return tx.Delete("k", own, was)
		} else if _, err := tx.Put("k", own, nil, was); err != nil {
			return err
		}
		return nil
	})
}
