package parts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// PrepareState makes the state directory. One that was made beforehand, and
// holds no vault yet, is closed to others: nothing in it was ever exposed. With
// a vault in it, the vault refuses to open, because somebody may have looked.
func PrepareState(dir string) error {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	for _, name := range []string{VaultFile, CopyFile, KeyFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return os.Chmod(dir, 0o700)
}
