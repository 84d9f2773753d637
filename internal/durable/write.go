package durable

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What a target is refused for. Both arrive in an [fs.PathError].
var (
	ErrSymlink    = errors.New("is a symbolic link")
	ErrNotRegular = errors.New("is not a regular file")
)

// Option changes how one file is written.
type Option func(*options)

type options struct {
	chown     bool
	uid, gid  int
	exclusive bool
}

// Owner gives the file to a user and a group before it takes its place; -1
// leaves one of them as it is.
func Owner(uid, gid int) Option {
	return func(o *options) { o.chown, o.uid, o.gid = true, uid, gid }
}

// Exclusive refuses with [fs.ErrExist] where the path is taken already. Of
// several processes that write the same path at once, exactly one succeeds.
func Exclusive() Option {
	return func(o *options) { o.exclusive = true }
}

// WriteFile puts data at path.
func WriteFile(path string, data []byte, mode os.FileMode, opts ...Option) error {
	return Write(path, mode, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	}, opts...)
}

// Write puts what fill writes at path. Where fill fails, path stays as it was.
func Write(path string, mode os.FileMode, fill func(io.Writer) error, opts ...Option) error {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if err := checkTarget(path, o.exclusive); err != nil {
		return err
	}
	temp := TempName(path)
	// Deferred, because fill may panic; Publish leaves nothing to remove.
	defer func() { _ = os.Remove(temp) }()
	if err := writeTemp(temp, mode, fill, o); err != nil {
		return err
	}
	return Publish(temp, path, opts...)
}

// checkTarget looks before anything is written. A rename would replace a link
// rather than follow it, but whoever made the link meant another file, and
// whoever made it in a shared directory may not mean well.
func checkTarget(path string, exclusive bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return &fs.PathError{Op: "write", Path: path, Err: ErrSymlink}
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "write", Path: path, Err: ErrNotRegular}
	case exclusive:
		return &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
	}
	return nil
}

func writeTemp(temp string, mode os.FileMode, fill func(io.Writer) error, o options) (err error) {
	// Born without group and others when the owner is about to change: between
	// the two calls they would be the wrong group and the wrong others.
	birth := mode.Perm()
	if o.chown {
		birth &= 0o700
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, birth|0o200)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if o.chown {
		if err := f.Chown(o.uid, o.gid); err != nil {
			return err
		}
	}
	// The umask may have taken bits away that the caller asked for.
	if err := f.Chmod(mode.Perm()); err != nil {
		return err
	}
	if err := fill(f); err != nil {
		return err
	}
	return f.Sync()
}

// TempName returns a fresh name beside path for a file that is going to take
// its place. [Sweep] finds files of that name again.
func TempName(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, tempPrefix(base)+rand.Text()+tempSuffix)
}

const tempSuffix = ".tmp"

func tempPrefix(base string) string { return "." + base + "." }

// Publish moves a finished file, already flushed, from temp to path and
// flushes the directory. The temp is gone afterwards, also on failure. Of the
// options only [Exclusive] matters here.
func Publish(temp, path string, opts ...Option) error {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	move := os.Rename
	if o.exclusive {
		move = renameNew
	}
	if err := move(temp, path); err != nil {
		_ = os.Remove(temp)
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// renameNew is a rename that never replaces. A hard link is the one call for
// it that every system has. Where the file system has no hard links (FAT, some
// network mounts), it looks before it renames, which leaves a short moment in
// which two writers can miss each other.
func renameNew(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil {
		return os.Remove(temp)
	}
	if _, serr := os.Lstat(path); serr == nil {
		return &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
	}
	if _, serr := os.Lstat(temp); serr != nil {
		return fmt.Errorf("the unfinished file disappeared: %w", err)
	}
	return os.Rename(temp, path)
}

// Sweep removes the unfinished files that a crash left beside path and returns
// their names. The caller makes sure that nobody is writing path just now.
func Sweep(path string) ([]string, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, e := range entries {
		random, ok := strings.CutPrefix(e.Name(), tempPrefix(base))
		if !ok || !e.Type().IsRegular() {
			continue
		}
		// Exactly the shape of TempName: "a.b"'s leftovers begin like "a"'s.
		random, ok = strings.CutSuffix(random, tempSuffix)
		if !ok || random == "" || strings.Contains(random, ".") {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		removed = append(removed, name)
	}
	return removed, nil
}

// MkdirAll makes a directory and those above it that are missing, each with
// mode, and flushes the directory that each new one lies in.
func MkdirAll(path string, mode os.FileMode) error {
	info, err := os.Stat(path)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: path, Err: errors.New("is not a directory")}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(filepath.Clean(path))
	if parent != path {
		if err := MkdirAll(parent, mode); err != nil {
			return err
		}
	}
	// Another process may have made it meanwhile.
	if err := os.Mkdir(path, mode.Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}
