package vault

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// Every change from outside is found when the vault is opened.
func TestTampering(t *testing.T) {
	tests := []struct {
		name string
		fn   func(b *bbolt.Tx, old map[string][]byte) error
	}{
		{"a record changed", func(b *bbolt.Tx, _ map[string][]byte) error {
			env := rawRecord(b, "k", "a")
			env[len(env)-1] ^= 1
			return rawPut(b, "k", "a", env)
		}},
		{"a revision changed", func(b *bbolt.Tx, _ map[string][]byte) error {
			env := rawRecord(b, "k", "a")
			env[8]++
			return rawPut(b, "k", "a", env)
		}},
		{"a record copied to another key", func(b *bbolt.Tx, _ map[string][]byte) error {
			return rawPut(b, "k", "c", rawRecord(b, "k", "a"))
		}},
		{"two records swapped", func(b *bbolt.Tx, _ map[string][]byte) error {
			x, y := rawRecord(b, "k", "a"), rawRecord(b, "k", "b")
			_ = rawPut(b, "k", "a", y)
			return rawPut(b, "k", "b", x)
		}},
		{"a record moved to another kind", func(b *bbolt.Tx, _ map[string][]byte) error {
			env := rawRecord(b, "k", "a")
			_ = b.Bucket([]byte("records")).Bucket([]byte("k")).Delete([]byte("a"))
			return rawPut(b, "other", "a", env)
		}},
		{"kind and key cut elsewhere", func(b *bbolt.Tx, _ map[string][]byte) error {
			env := rawRecord(b, "k", "ab")
			_ = b.Bucket([]byte("records")).Bucket([]byte("k")).Delete([]byte("ab"))
			return rawPut(b, "ka", "b", env)
		}},
		{"an older state put back", func(b *bbolt.Tx, old map[string][]byte) error { return rawPut(b, "k", "a", old["a"]) }},
		{"a value of a transaction that was undone", func(b *bbolt.Tx, old map[string][]byte) error {
			return rawPut(b, "k", "a", old["undone"])
		}},
		{"a deleted record put back", func(b *bbolt.Tx, old map[string][]byte) error { return rawPut(b, "k", "gone", old["gone"]) }},
		{"a record removed", func(b *bbolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte("records")).Bucket([]byte("k")).Delete([]byte("a"))
		}},
		{"all records removed", func(b *bbolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte("records")).DeleteBucket([]byte("k"))
		}},
		{"records gone", func(b *bbolt.Tx, _ map[string][]byte) error { return b.DeleteBucket([]byte("records")) }},
		{"an older manifest", func(b *bbolt.Tx, old map[string][]byte) error {
			return b.Bucket([]byte("meta")).Put([]byte(metaManifest), old["manifest"])
		}},
		{"no manifest", func(b *bbolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte("meta")).Delete([]byte(metaManifest))
		}},
		{"a record as manifest", func(b *bbolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte("meta")).Put([]byte(metaManifest), rawRecord(b, "k", "a"))
		}},
		{"the first event removed", func(b *bbolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte("journal")).Delete(seal.Uint64(1))
		}},
		{"the last event removed", func(b *bbolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte("journal")).Delete(seal.Uint64(3))
		}},
		{"an event moved", func(b *bbolt.Tx, _ map[string][]byte) error {
			j := b.Bucket([]byte("journal"))
			return j.Put(seal.Uint64(2), bytes.Clone(j.Get(seal.Uint64(1))))
		}},
		{"an event's time changed", func(b *bbolt.Tx, _ map[string][]byte) error {
			j := b.Bucket([]byte("journal"))
			env := bytes.Clone(j.Get(seal.Uint64(2)))
			env[5]++
			return j.Put(seal.Uint64(2), env)
		}},
		{"an event invented", func(b *bbolt.Tx, _ map[string][]byte) error {
			j := b.Bucket([]byte("journal"))
			return j.Put(seal.Uint64(4), bytes.Clone(j.Get(seal.Uint64(3))))
		}},
		{"no id", func(b *bbolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte("meta")).Delete([]byte(metaID))
		}},
		{"no schema", func(b *bbolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte("meta")).Delete([]byte(metaSchema))
		}},
		{"a value among the kinds", func(b *bbolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte("records")).Put([]byte("v"), []byte("v"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, old := tampered(t)
			tamper(t, o.Path, func(b *bbolt.Tx) error { return tt.fn(b, old) })
			_, err := Open(o)
			wantErr(t, err, ErrCorrupt)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		o, _ := tampered(t)
		tamper(t, o.Path, func(*bbolt.Tx) error { return nil })
		check(t, mustOpen(t, o))
	})
}

// tampered returns a closed vault and envelopes of earlier states of it.
func tampered(t *testing.T) (Options, map[string][]byte) {
	o := options(t)
	v := mustOpen(t, o)
	rev := put(t, v, "k", "a", "old", 0)
	put(t, v, "k", "b", "b", 0)
	put(t, v, "k", "ab", "ab", 0)
	gone := put(t, v, "k", "gone", "gone", 0)
	for range 3 {
		appendOne(t, v, noon, "x")
	}
	old := map[string][]byte{}
	old["a"], old["gone"] = stored(t, v, recordsBucket("k"), "a"), stored(t, v, recordsBucket("k"), "gone")
	old["manifest"] = stored(t, v, metaBucket, metaManifest)
	rev = put(t, v, "k", "a", "new", rev)
	// The same position and the same revision: such a page may still be in the file.
	old["undone"] = v.seal.Seal(rev, []byte("other"), seal.Record([]byte("k"), []byte("a")))
	if err := v.Update(func(tx Tx) error { return tx.Delete("k", "gone", gone) }); err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	return o, old
}

// Verify and Get find it too while the vault is open.
func TestTamperingWhileOpen(t *testing.T) {
	v := mustOpen(t, options(t))
	put(t, v, "k", "a", "a", 0)
	put(t, v, "k", "b", "b", 0)
	appendOne(t, v, noon, "x")
	err := v.file.Update("test", func(tx *bolt.Tx) error {
		env, err := tx.Get(journalBucket, seal.Uint64(1))
		if err != nil {
			return err
		}
		env[len(env)-1] ^= 1
		_ = tx.Put(journalBucket, seal.Uint64(1), env)
		a, _ := tx.Get(recordsBucket("k"), []byte("a"))
		return tx.Put(recordsBucket("k"), []byte("b"), a)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, v.Verify(), ErrCorrupt)
	_, err = get(v, "k", "b")
	wantErr(t, err, ErrCorrupt)
	wantErr(t, v.View(func(tx Tx) error { return tx.Each("k", func(string, Record) error { return nil }) }), ErrCorrupt)
	_, err = events(v, 0, 0)
	wantErr(t, err, ErrCorrupt)
	// The rest goes on.
	wantValue(t, v, "k", "a", "a")
	put(t, v, "k", "c", "c", 0)
}

// A change that failed half-way undoes the transaction, even where the caller
// does not look at the error.
func TestAHalfChangeIsUndone(t *testing.T) {
	o := options(t)
	o.JournalMax = 1
	v := mustOpen(t, o)
	appendOne(t, v, noon, "x")
	err := v.file.Update("test", func(tx *bolt.Tx) error { return tx.Put(journalBucket, seal.Uint64(1), []byte("x")) })
	if err != nil {
		t.Fatal(err)
	}
	err = v.Update(func(tx Tx) error {
		_, _ = tx.Put("k", "a", nil, 0)
		_, _ = tx.Append(noon, nil) // drops the damaged one
		return nil
	})
	wantErr(t, err, ErrCorrupt)
	if _, err := get(v, "k", "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the record stayed: %v", err)
	}
}

// A record of another vault with the same key file is none of this one's.
func TestRecordsOfAnotherVault(t *testing.T) {
	o, other := options(t), options(t)
	v := mustOpen(t, o)
	other.KeyFile = o.KeyFile
	if other.KeyFile == "" {
		other.KeyFile = strings.TrimSuffix(o.Path, "vault.db") + defaultKeyName
	}
	w := mustOpen(t, other)
	put(t, v, "k", "a", "mine", 0)
	put(t, w, "k", "a", "theirs", 0)
	env := stored(t, w, recordsBucket("k"), "a")
	_ = v.Close()
	tamper(t, o.Path, func(b *bbolt.Tx) error { return rawPut(b, "k", "a", env) })
	_, err := Open(o)
	wantErr(t, err, ErrCorrupt)
}

// The file alone tells no value, replaced and deleted ones included, and not
// the key either; nor does an error's text.
func TestNoPlaintext(t *testing.T) {
	const canary = "CANARY-SESSDATA-0123456789"
	o := options(t)
	v := mustOpen(t, o)
	rev := put(t, v, "k", "a", canary, 0)
	rev = put(t, v, "k", "a", canary+"2", rev)
	gone := put(t, v, "k", "b", strings.Repeat(canary, 1000), 0)
	_ = v.Update(func(tx Tx) error {
		_, _ = tx.Append(noon, []byte(canary))
		return tx.Delete("k", "b", gone)
	})
	_ = v.Update(func(tx Tx) error { _, _ = tx.Put("k", "never", []byte(canary), 0); return ErrConflict })
	err := v.Update(func(tx Tx) error { _, err := tx.Put("k", "a", []byte(canary), rev+9); return err })
	if strings.Contains(err.Error(), canary) {
		t.Errorf("an error tells a value: %v", err)
	}
	if err := v.file.Backup(o.Path + ".copy"); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSpace(strings.TrimPrefix(string(mustRead(t, keyPath(o))), "bilikeeper-key-1 "))
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != seal.KeySize {
		t.Fatal(err, len(key))
	}
	for _, path := range []string{o.Path, o.Path + ".copy"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, secret := range map[string][]byte{"a value": []byte(canary), "the key": key, "the key's text": []byte(text)[:33]} {
			if bytes.Contains(data, secret) {
				t.Errorf("%s holds %s", path, name)
			}
		}
	}
}
