package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Why a directory is not opened. They arrive in an [fs.PathError].
var (
	ErrMovable = errors.New("is a symbolic link that somebody other than root can change; write the path that it stands for")
	errLinks   = errors.New("has too many symbolic links")
	errMoved   = errors.New("was replaced by something else just now")
)

// Dir is an open directory: what is done in it is done there, whatever its path
// names a moment later.
type Dir struct {
	root *os.Root
	path string
}

// OpenDir opens a directory. In root's process no link on the way to it is
// followed that another user could change: such a user could have a file
// written wherever root can write.
func OpenDir(path string) (*Dir, error) {
	if guarded() {
		root, err := walk(path)
		return newDir(root, path, err)
	}
	root, err := os.OpenRoot(path)
	return newDir(root, path, err)
}

func newDir(root *os.Root, path string, err error) (*Dir, error) {
	if err != nil {
		return nil, err
	}
	return &Dir{root, path}, nil
}

// walk opens a directory element by element.
func walk(path string) (*os.Root, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	const most = 40 // as the kernel
	rest := elements(path)
	for range most {
		root, again, err := descend(rest)
		if err != nil || root != nil {
			return root, err
		}
		rest = again
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: errLinks}
}

// descend opens the elements from / on. Where one is a link it returns none, and
// the elements to begin again with.
func descend(list []string) (root *os.Root, again []string, err error) {
	if root, err = os.OpenRoot(string(filepath.Separator)); err != nil {
		return nil, nil, err
	}
	at := string(filepath.Separator)
	for i, name := range list {
		if name == ".." {
			_ = root.Close()
			return nil, slices.Concat(elements(filepath.Dir(at)), list[i+1:]), nil
		}
		next, target, err := step(root, at, name)
		_ = root.Close()
		switch {
		case err != nil:
			return nil, nil, err
		case filepath.IsAbs(target):
			return nil, slices.Concat(elements(target), list[i+1:]), nil
		case target != "":
			return nil, slices.Concat(elements(at), elements(target), list[i+1:]), nil
		}
		root, at = next, filepath.Join(at, name)
	}
	return root, nil, nil
}

// step opens a directory inside another, or returns what a link says.
func step(root *os.Root, at, name string) (next *os.Root, target string, err error) {
	full := filepath.Join(at, name)
	info, err := root.Lstat(name)
	if err != nil {
		return nil, "", withPath(err, full)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		dir, err := root.Stat(".")
		if err == nil && !steady(dir, info) {
			err = &fs.PathError{Op: "open", Path: full, Err: ErrMovable}
		}
		if err == nil {
			target, err = root.Readlink(name)
		}
		return nil, target, withPath(err, full)
	}
	if next, err = root.OpenRoot(name); err != nil {
		return nil, "", withPath(err, full)
	}
	if opened, err := next.Stat("."); err != nil || !os.SameFile(info, opened) {
		_ = next.Close()
		return nil, "", &fs.PathError{Op: "open", Path: full, Err: errMoved}
	}
	return next, "", nil
}

// elements keeps "..", which behind a link is not what it is in the text.
func elements(path string) []string {
	return slices.DeleteFunc(strings.Split(path, string(filepath.Separator)), func(e string) bool { return e == "" || e == "." })
}

// withPath names the whole path in an error that names its last element.
func withPath(err error, full string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path != full {
		return &fs.PathError{Op: e.Op, Path: full, Err: e.Err}
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return &fs.PathError{Op: e.Op, Path: full, Err: e.Err}
	}
	return err
}

// Close lets the directory go.
func (d *Dir) Close() { _ = d.root.Close() }

// Stat describes the directory itself.
func (d *Dir) Stat() (fs.FileInfo, error) { return d.root.Stat(".") }

// Lstat describes what is in it under a name, without following a link.
func (d *Dir) Lstat(name string) (fs.FileInfo, error) {
	info, err := d.root.Lstat(name)
	return info, withPath(err, d.full(name))
}

// Open opens a regular file that is in the directory, and nothing else: no link
// that somebody put there, and no pipe, which would have to be waited for.
func (d *Dir) Open(name string, flag int) (*os.File, error) {
	info, err := d.Lstat(name)
	if err == nil {
		err = regular(info, d.full(name))
	}
	if err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, flag|noWait, 0)
	if err != nil {
		return nil, withPath(err, d.full(name))
	}
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		_ = f.Close()
		return nil, &fs.PathError{Op: "open", Path: d.full(name), Err: errMoved}
	}
	return f, nil
}

// list returns what is in the directory.
func (d *Dir) list() ([]fs.DirEntry, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, withPath(err, d.path)
	}
	defer f.Close()
	return f.ReadDir(-1)
}

func (d *Dir) full(name string) string { return filepath.Join(d.path, name) }

// Write puts what fill writes into the directory under a name. Where fill fails,
// the name stays as it was.
func (d *Dir) Write(name string, mode os.FileMode, fill func(io.Writer) error, opts ...Option) error {
	o := chosen(opts)
	if err := d.checkTarget(name, o.exclusive); err != nil {
		return err
	}
	temp := TempName(name)
	// Deferred, because fill may panic; the rename leaves nothing to remove.
	defer func() { _ = d.root.Remove(temp) }()
	if err := d.writeTemp(temp, mode, fill, o); err != nil {
		return withPath(err, d.full(name))
	}
	move := d.root.Rename
	if o.exclusive {
		move = d.renameNew
	}
	if err := move(temp, name); err != nil {
		return withPath(err, d.full(name))
	}
	return d.sync()
}

// checkTarget looks before anything is written. A rename would replace a link
// rather than follow it, but whoever made the link meant another file, and
// whoever made it in a shared directory may not mean well.
func (d *Dir) checkTarget(name string, exclusive bool) error {
	info, err := d.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case exclusive && info.Mode().IsRegular():
		return &fs.PathError{Op: "write", Path: d.full(name), Err: fs.ErrExist}
	}
	return regular(info, d.full(name))
}

func regular(info fs.FileInfo, path string) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return &fs.PathError{Op: "write", Path: path, Err: ErrSymlink}
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "write", Path: path, Err: ErrNotRegular}
	}
	return nil
}

func (d *Dir) writeTemp(temp string, mode os.FileMode, fill func(io.Writer) error, o options) (err error) {
	// Born without group and others when the owner is about to change: between
	// the two calls they would be the wrong group and the wrong others.
	birth := mode.Perm()
	if o.chown {
		birth &= 0o700
	}
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, birth|0o200)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	uid, gid := -1, -1
	if o.chown {
		uid, gid = o.uid, o.gid
	}
	// The umask may have taken bits away that the caller asked for.
	if err := Dress(f, mode.Perm(), uid, gid); err != nil {
		return err
	}
	if err := fill(f); err != nil {
		return err
	}
	return f.Sync()
}

// ErrNotKept says that a file system answered a change of a mode or an owner with
// success and did not make it, as some network mounts and FAT do.
var ErrNotKept = errors.New("the file system does not keep it")

// Dress gives a file to a user and a group, -1 for nobody else, and sets its mode.
// What was set is read back.
func Dress(f *os.File, mode fs.FileMode, uid, gid int) error {
	if uid >= 0 || gid >= 0 {
		if err := f.Chown(uid, gid); err != nil {
			return err
		}
	}
	if err := f.Chmod(mode.Perm()); err != nil {
		return err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !SameMode(info, mode):
		return &fs.PathError{Op: "chmod", Path: f.Name(), Err: fmt.Errorf("%w: the mode was to be %04o and is %04o", ErrNotKept, mode.Perm(), info.Mode().Perm())}
	case !Owned(info, uid, gid):
		return &fs.PathError{Op: "chown", Path: f.Name(), Err: fmt.Errorf("%w: the owner is another one than was set", ErrNotKept)}
	}
	return nil
}
