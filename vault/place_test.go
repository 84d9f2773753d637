package vault

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestReplacedUnderTheHolder: a vault whose file was removed or replaced is used
// no more, and nothing is written to the file that nobody can open again.
func TestReplacedUnderTheHolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be removed")
	}
	for name, change := range map[string]func(path string) error{
		"removed": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "vault.db")
			v, err := Open(Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			put := func() error {
				return v.Update(func(tx Tx) error { _, err := tx.Put("k", "a", []byte("x"), 0); return err })
			}
			if err := v.Disk().CheckPlace(); err != nil {
				t.Fatal(err)
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if err := put(); !errors.Is(err, ErrReplaced) {
				t.Errorf("a write ends with %v", err)
			}
			if err := v.Disk().CheckPlace(); !errors.Is(err, ErrReplaced) {
				t.Errorf("the look ends with %v", err)
			}
			select {
			case <-v.Failed():
			default:
				t.Error("the holder is not told")
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
			// Whoever holds the new file may have written its name there.
			if _, err := os.Lstat(filepath.Join(dir, "keeper.pid")); err != nil {
				t.Error("the name of the holder of the new file was taken away")
			}
		})
	}
}
