// Package vaulttest is what every implementation of [vault.Vault] has to pass.
// It knows a vault by its interface alone; what only one of them has is tested there.
package vaulttest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Options are what a vault is opened with.
type Options struct {
	JournalMax int
	JournalAge time.Duration
	// KeyFile is the name of another key file than the place's own, "" for that.
	KeyFile string
	// Recovery is the recovery key that a person has, "" where nobody is asked.
	Recovery string
}

// Keys are the sources of secrets that the options say.
func (o Options) Keys() vault.Keys {
	if o.Recovery == "" {
		return vault.Keys{}
	}
	return vault.Keys{Recovery: func() (secret.String, error) { return secret.New(o.Recovery), nil }}
}

// Place is where a vault lies. There is none in it yet.
type Place struct {
	// Open opens the vault, and makes it the first time. Whoever opened it before has
	// closed it.
	Open func(t *testing.T, o Options) (vault.Vault, error)
	// Fail has everything fail that is to be kept from now on, until mend. The vault
	// may have to be opened again then.
	Fail func(t *testing.T) (mend func())
	// Swap has two records of a kind change places, by hand. Nobody has the vault open.
	// Nil is for a place of which only its holder has any.
	Swap func(t *testing.T, kind, a, b string)
}

// Run runs the suite; each test is given a place of its own.
func Run(t *testing.T, place func(t *testing.T) Place) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, Place)
	}{
		{"records", records}, {"deleted records", deleted}, {"undone", undone}, {"a panic", panics}, {"in order", inOrder},
		{"impossible", impossible}, {"reading alone", readOnly}, {"the journal", journal}, {"the ring", ring}, {"the ring by age", ringByAge},
		{"waking", waking}, {"once it is kept", onCommit}, {"followed", followed}, {"followed at once", followedTogether}, {"many at once", many}, {"one state", oneState}, {"readers", readers},
		{"reopened", reopened}, {"slots", slots}, {"writable", writable}, {"failing", failing}, {"swapped", swapped}, {"closed", closed},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, place(t)) })
	}
}

func open(t *testing.T, p Place, o Options) vault.Vault {
	t.Helper()
	v, err := p.Open(t, o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
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

// update is an update that has to arrive.
func update(t *testing.T, v vault.Vault, fn func(tx vault.Tx) error) {
	t.Helper()
	if err := v.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, v vault.Vault, kind, key, value string, was uint64) (revision uint64) {
	t.Helper()
	update(t, v, func(tx vault.Tx) (err error) {
		revision, err = tx.Put(kind, key, []byte(value), was)
		return err
	})
	return revision
}

func get(v vault.Vault, kind, key string) (r vault.Record, err error) {
	err = v.View(func(tx vault.Tx) (err error) {
		r, err = tx.Get(kind, key)
		return err
	})
	return r, err
}

// holds wants a record's value, "" for none.
func holds(t *testing.T, v vault.Vault, kind, key, value string) {
	t.Helper()
	r, err := get(v, kind, key)
	if value == "" {
		want(t, err, vault.ErrNotFound)
	} else if err != nil || string(r.Value) != value {
		t.Errorf("%s/%s is %q, %v; want %q", kind, key, r.Value, err, value)
	}
}

func appended(t *testing.T, v vault.Vault, at time.Time, values ...string) (ids []uint64) {
	t.Helper()
	update(t, v, func(tx vault.Tx) error {
		ids = nil
		for _, value := range values {
			id, err := tx.Append(at, []byte(value))
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids
}

// entries is what the journal has after an id.
func entries(v vault.Vault, after uint64, limit int) (list []vault.Entry, err error) {
	err = v.View(func(tx vault.Tx) (err error) {
		list, err = tx.Events(after, limit)
		return err
	})
	return list, err
}

func texts(list []vault.Entry) (text string) {
	for _, e := range list {
		text += fmt.Sprintf("%s ", e.Value)
	}
	return text
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456789, time.UTC)

// waitWritable waits until a place that was mended takes changes again.
func waitWritable(t *testing.T, v vault.Vault) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := v.Writable()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not writable again: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
