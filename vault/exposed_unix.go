//go:build !windows

package vault

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// checkPrivate refuses a file or directory that anyone but its owner can use,
// or whose owner is neither the caller nor root. It is not mended: whoever
// could read it has read it, and a person should know.
func checkPrivate(op, path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		mend := "600"
		if info.IsDir() {
			mend = "700"
		}
		return &Error{Op: op, Path: path, Err: fmt.Errorf("%w: its mode is %04o, chmod %s closes it", ErrExposed, mode, mend)}
	}
	return checkOwner(op, path, info)
}

func checkOwner(op, path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if me := os.Geteuid(); ok && me != 0 && int(st.Uid) != me && st.Uid != 0 {
		return &Error{Op: op, Path: path, Err: fmt.Errorf("%w: it belongs to user %d", ErrExposed, st.Uid)}
	}
	return nil
}

// checkKeyDir lets a key lie in a directory that others can look into, /etc
// for example, but not where they could put another key in its place.
func checkKeyDir(keyFile string) error {
	dir := filepath.Dir(keyFile)
	info, err := os.Stat(dir)
	if err != nil {
		return nil // the key itself will be missing
	}
	if mode := info.Mode(); mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 {
		return &Error{Op: "read key", Path: dir, Err: fmt.Errorf("%w: its mode is %04o, others can replace the key", ErrExposed, mode.Perm())}
	}
	return checkOwner("read key", dir, info)
}

// checkClosed is checkPrivate for a file that a group may be let in by name.
func checkClosed(op, path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return &Error{Op: op, Path: path, Err: fmt.Errorf("%w: its mode is %04o", ErrExposed, mode)}
	}
	return checkOwner(op, path, info)
}

// giveTo gives a file to the owner of another: what root makes beside a
// service's vault has to stay the service's.
func giveTo(path, like string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || st.Uid == 0 {
		return nil
	}
	return os.Lchown(path, int(st.Uid), int(st.Gid))
}

// replacesOpen tells whether a file that is open can be replaced.
const replacesOpen = true
