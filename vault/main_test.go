package vault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
)

// childEnv makes the test binary play one of the children below.
const childEnv = "VAULT_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		child, ok := children()[role]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such child:", role)
			os.Exit(2)
		}
		if err := child(os.Getenv("VAULT_TEST_PATH")); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// options returns the options of a vault in a private directory of its own: the
// one that the test gives is readable by others.
func options(t testing.TB) Options {
	t.Helper()
	return Options{Path: filepath.Join(dirtest.Dir(t), "state", "vault.db"), LockTimeout: 50 * time.Millisecond}
}

func mustOpen(t testing.TB, o Options) *File {
	t.Helper()
	v, err := Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// check ends a test: whatever it did, the vault is whole.
func check(t testing.TB, v *File) {
	t.Helper()
	if err := v.Verify(); err != nil {
		t.Errorf("verify: %v", err)
	}
}

func put(t testing.TB, v *File, kind, key, value string, was uint64) uint64 {
	t.Helper()
	var rev uint64
	err := v.Update(func(tx Tx) (err error) {
		rev, err = tx.Put(kind, key, []byte(value), was)
		return err
	})
	if err != nil {
		t.Fatalf("put %s/%s: %v", kind, key, err)
	}
	return rev
}

func get(v *File, kind, key string) (r Record, err error) {
	err = v.View(func(tx Tx) (err error) {
		r, err = tx.Get(kind, key)
		return err
	})
	return r, err
}

func wantValue(t testing.TB, v *File, kind, key, value string) {
	t.Helper()
	r, err := get(v, kind, key)
	if err != nil || string(r.Value) != value {
		t.Errorf("%s/%s = %q, %v; want %q", kind, key, r.Value, err, value)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
	if _, ok := errors.AsType[*Error](err); err != nil && !ok {
		t.Errorf("error %v (%T) is no *Error", err, err)
	}
}

// tamper changes the closed vault's database past this package.
func tamper(t testing.TB, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
}

// stored is what the file of an open vault has under a key.
func stored(t testing.TB, v *File, b bolt.Bucket, key string) (value []byte) {
	t.Helper()
	err := v.file.View("test", func(tx *bolt.Tx) (err error) { value, err = tx.Get(b, []byte(key)); return err })
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func rawRecord(b *bbolt.Tx, kind, key string) []byte {
	return bytes.Clone(b.Bucket([]byte("records")).Bucket([]byte(kind)).Get([]byte(key)))
}

func rawPut(b *bbolt.Tx, kind, key string, env []byte) error {
	bk, err := b.Bucket([]byte("records")).CreateBucketIfNotExists([]byte(kind))
	if err != nil {
		return err
	}
	return bk.Put([]byte(key), env)
}
