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

func chosen(opts []Option) (o options) {
	for _, opt := range opts {
		opt(&o)
	}
	return o
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
	dir, err := OpenDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Write(filepath.Base(path), mode, fill, opts...)
}

// TempName returns a fresh name beside path for a file that is going to take
// its place. [Sweep] finds files of that name again.
func TempName(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, tempPrefix(base)+rand.Text()+tempSuffix)
}

const tempSuffix = ".tmp"

func tempPrefix(base string) string { return "." + base + "." }

// Publish moves a finished file, already flushed, from temp to path, in the same
// directory, and flushes the directory. The temp is gone afterwards, also on failure. Of the
// options only [Exclusive] matters here.
func Publish(temp, path string, opts ...Option) error {
	dir, err := OpenDir(filepath.Dir(path))
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	defer dir.Close()
	move := dir.root.Rename
	if chosen(opts).exclusive {
		move = dir.renameNew
	}
	if err := move(filepath.Base(temp), filepath.Base(path)); err != nil {
		_ = os.Remove(temp)
		return withPath(err, path)
	}
	return dir.sync()
}

// renameNew is a rename that never replaces. A hard link is the one call for
// it that every system has. Where the file system has no hard links (FAT, some
// network mounts), it looks before it renames, which leaves a short moment in
// which two writers can miss each other.
func (d *Dir) renameNew(temp, name string) error {
	err := d.root.Link(temp, name)
	if err == nil {
		return d.root.Remove(temp)
	}
	if _, serr := d.root.Lstat(name); serr == nil {
		return &fs.PathError{Op: "write", Path: d.full(name), Err: fs.ErrExist}
	}
	if _, serr := d.root.Lstat(temp); serr != nil {
		return fmt.Errorf("the unfinished file disappeared: %w", err)
	}
	return d.root.Rename(temp, name)
}

// Sweep removes the unfinished files that a crash left beside path and returns
// their names. The caller makes sure that nobody is writing path just now.
func Sweep(path string) ([]string, error) {
	dir, err := OpenDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.list()
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
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
		if err := dir.root.Remove(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		removed = append(removed, dir.full(e.Name()))
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
