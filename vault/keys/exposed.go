package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bilikeeper/bilikeeper/internal/secretfile"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// CheckPrivate refuses a file or directory that anyone but its owner can use,
// or whose owner is neither root nor the keeper's user, to whom the directory of the
// vault belongs.
func CheckPrivate(op, vaultDir, path string, info fs.FileInfo) error {
	return exposed(op, path, secretfile.For(vaultDir, "").Judge(path, info))
}

// CheckDir allows a key in a directory that others can look into, /etc
// for example, but not where they could put another key in its place.
func CheckDir(vaultDir, keyFile string) error {
	dir := filepath.Dir(keyFile)
	info, err := os.Stat(dir)
	if err != nil {
		return nil // the key itself will be missing
	}
	err = secretfile.For(vaultDir, "").JudgeDir(dir, info)
	if errors.Is(err, secretfile.ErrExposed) {
		return fault.New("read key", dir, fmt.Errorf("%w: its mode is %04o, others can replace the key", fault.ErrExposed, info.Mode().Perm()))
	}
	return exposed("read key", dir, err)
}

// exposed is the error of a file or directory that breaks the rule for secrets.
// It is not mended: whoever could read it has read it, and a person should know.
func exposed(op, path string, err error) error {
	bad, ok := errors.AsType[*secretfile.Error](err)
	if !ok {
		return err
	}
	why := "it " + bad.What + "; " + bad.Mend
	if errors.Is(bad, secretfile.ErrExposed) {
		mend := "chmod 600 closes it"
		switch {
		case bad.FileSystem != "":
			mend = bad.Mend
		case bad.Mode.IsDir():
			mend = "chmod 700 closes it"
		}
		why = fmt.Sprintf("its mode is %04o, %s", bad.Mode.Perm(), mend)
	}
	return fault.New(op, path, fmt.Errorf("%w: %s", fault.ErrExposed, why))
}
