package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/vaulttest"
)

// TestVault: the vault in one file is a vault.
func TestVault(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) vaulttest.Place {
		dir := filepath.Join(dirtest.Dir(t), "state")
		path := filepath.Join(dir, "vault.db")
		return vaulttest.Place{
			Open: func(_ *testing.T, o vaulttest.Options) (vault.Vault, error) {
				key := "vault.key"
				if o.KeyFile != "" {
					key = o.KeyFile
				}
				v, err := vault.Open(vault.Options{
					Path: path, KeyFile: filepath.Join(dir, key), JournalMax: o.JournalMax, JournalAge: o.JournalAge, Keys: o.Keys(),
				})
				if err != nil {
					return nil, err
				}
				return v, nil
			},
			Fail: func(t *testing.T) func() {
				// What is written to a file that is not at its path would be lost.
				move(t, path, path+".away")
				return func() { move(t, path+".away", path) }
			},
			Swap: func(t *testing.T, kind, a, b string) { swap(t, path, kind, a, b) },
		}
	})
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func swap(t *testing.T, path, kind, a, b string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte("records")).Bucket([]byte(kind))
		ofA, ofB := bytes.Clone(bucket.Get([]byte(a))), bytes.Clone(bucket.Get([]byte(b)))
		return errors.Join(bucket.Put([]byte(a), ofB), bucket.Put([]byte(b), ofA))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
