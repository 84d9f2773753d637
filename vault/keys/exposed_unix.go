//go:build !windows

package keys

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// CheckPrivate refuses a file or directory that anyone but its owner can use,
// or whose owner is neither the caller nor root. It is not mended: whoever
// could read it has read it, and a person should know.
func CheckPrivate(op, path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		mend := "600"
		if info.IsDir() {
			mend = "700"
		}
		return fault.New(op, path, fmt.Errorf("%w: its mode is %04o, chmod %s closes it", fault.ErrExposed, mode, mend))
	}
	return checkOwner(op, path, info)
}

func checkOwner(op, path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if me := os.Geteuid(); ok && me != 0 && int(st.Uid) != me && st.Uid != 0 {
		return fault.New(op, path, fmt.Errorf("%w: it belongs to user %d", fault.ErrExposed, st.Uid))
	}
	return nil
}

// CheckDir allows a key in a directory that others can look into, /etc
// for example, but not where they could put another key in its place.
func CheckDir(keyFile string) error {
	dir := filepath.Dir(keyFile)
	info, err := os.Stat(dir)
	if err != nil {
		return nil // the key itself will be missing
	}
	if mode := info.Mode(); mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 {
		return fault.New("read key", dir, fmt.Errorf("%w: its mode is %04o, others can replace the key", fault.ErrExposed, mode.Perm()))
	}
	return checkOwner("read key", dir, info)
}

// checkClosed is CheckPrivate for a file that a group may be let in by name.
func checkClosed(op, path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return fault.New(op, path, fmt.Errorf("%w: its mode is %04o", fault.ErrExposed, mode))
	}
	return checkOwner(op, path, info)
}
