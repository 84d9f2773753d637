package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/internal/ownfile"
)

// maxFile is more than any rendered credential; a longer file is another one.
const maxFile = 1 << 20

// file is a target on the disk.
type file struct {
	path    string
	mode    fs.FileMode
	owner   string
	inPlace bool
	own     ownfile.Files
}

func newFile(o Output) (*file, error) {
	f := &file{path: filepath.Clean(o.Path), mode: o.Mode, owner: o.Owner, inPlace: o.InPlace, own: o.Own}
	if f.owner == "" {
		return f, nil
	}
	// A user may be made later, by the package that brings the recorder; a
	// system without owners never has one.
	_, _, err := f.ids()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	return f, nil
}

// ids looks the owner up; -1 leaves the user or the group as it is.
func (f *file) ids() (uid, gid int, err error) {
	if f.owner == "" {
		return -1, -1, nil
	}
	return lookup(f.owner)
}

// settled looks at the file from outside. What is in it is not compared:
// yt-dlp rewrites the file that it is given, and rewriting it back while yt-dlp
// runs would help nobody.
func (f *file) settled() bool {
	info, err := os.Lstat(f.path)
	if err != nil {
		return false
	}
	uid, gid, err := f.ids()
	return err == nil && f.dressed(info, uid, gid)
}

// dressed reports whether a file is one, with the right mode and owner.
func (f *file) dressed(info fs.FileInfo, uid, gid int) bool {
	return info.Mode().IsRegular() && durable.SameMode(info, f.mode) && durable.Owned(info, uid, gid)
}

func (f *file) deliver(_ context.Context, r output.Rendered) (bool, error) {
	uid, gid, err := f.ids()
	if err != nil {
		return false, f.failed(err)
	}
	if err := f.checkDirectory(); err != nil {
		return false, err
	}
	dir, err := durable.OpenDir(filepath.Dir(f.path))
	if err != nil {
		return false, f.failed(err)
	}
	defer dir.Close()
	changed, err := f.write(dir, r.Body, uid, gid)
	return changed, f.failed(err)
}

// write writes the file in a directory that is held open.
func (f *file) write(dir *durable.Dir, body []byte, uid, gid int) (bool, error) {
	name := filepath.Base(f.path)
	if err := f.checkOwn(dir, name); err != nil {
		return false, err
	}
	if same, err := f.same(dir, name, body, uid, gid); err != nil || same {
		return false, err
	}
	if f.inPlace {
		err := f.rewrite(dir, name, body, uid, gid)
		if !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	var opts []durable.Option
	if uid >= 0 || gid >= 0 {
		opts = append(opts, durable.Owner(uid, gid))
	}
	err := dir.Write(name, f.mode, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	}, opts...)
	return err == nil, err
}

// checkOwn looks each time: the path may have come to lead to an own file.
func (f *file) checkOwn(dir *durable.Dir, name string) error {
	here, err := dir.Stat()
	if err != nil {
		return err
	}
	info, _ := dir.Lstat(name)
	return f.own.CheckIn(f.path, here, name, info)
}

// checkDirectory does not make a directory that is missing: the one with the
// right owner is not mounted yet, perhaps, and a new one would hide that.
func (f *file) checkDirectory() error {
	dir := filepath.Dir(f.path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Stage: StageFile, Reason: fmt.Sprintf("the directory %s does not exist; make it with mkdir -p, for the user that reads the file", dir), err: fs.ErrNotExist}
	case err != nil:
		return f.failed(err)
	case !info.IsDir():
		return &Error{Stage: StageFile, Reason: dir + " is not a directory", err: syscall.ENOTDIR}
	}
	return nil
}

// same reports whether there is nothing to do.
func (f *file) same(dir *durable.Dir, name string, body []byte, uid, gid int) (bool, error) {
	info, err := dir.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Mode()&fs.ModeSymlink != 0:
		return false, &fs.PathError{Op: "write", Path: f.path, Err: durable.ErrSymlink}
	case !info.Mode().IsRegular():
		return false, &fs.PathError{Op: "write", Path: f.path, Err: durable.ErrNotRegular}
	case f.inPlace && durable.Names(info) > 1:
		return false, &fs.PathError{Op: "write", Path: f.path, Err: errNames}
	case !f.dressed(info, uid, gid) || info.Size() != int64(len(body)):
		return false, nil
	}
	in, err := dir.Open(name, os.O_RDONLY)
	if err != nil {
		// A file that cannot be read is replaced; where it cannot be, that says so.
		return false, nil
	}
	defer in.Close()
	got, err := io.ReadAll(io.LimitReader(in, maxFile))
	return err == nil && bytes.Equal(got, body), nil
}

// errNames keeps an output out of a file that others know by another name, and
// perhaps for another purpose.
var errNames = errors.New("has several names (hard links), and written in place all of them would change; remove the others, or in_place")

// rewrite puts new bytes into the file that is there. Owner and mode come
// first, so that nobody who could read the old content reads the new; the file
// is cut last, so that it is never seen empty.
func (f *file) rewrite(dir *durable.Dir, name string, body []byte, uid, gid int) (err error) {
	out, err := dir.Open(name, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	info, err := out.Stat()
	if err == nil && durable.Names(info) > 1 {
		err = &fs.PathError{Op: "write", Path: f.path, Err: errNames} // it got another one just now
	}
	if err != nil {
		return err
	}
	if !f.dressed(info, uid, gid) {
		if err := durable.Dress(out, f.mode, uid, gid); err != nil {
			return err
		}
	}
	if _, err := out.WriteAt(body, 0); err != nil {
		return err
	}
	if err := out.Truncate(int64(len(body))); err != nil {
		return err
	}
	return out.Sync()
}

// sweep removes what a crash left of earlier writes.
func (f *file) sweep() ([]string, error) { return durable.Sweep(f.path) }

// failed gives an error of the file system its place. Paths are no secret.
func (f *file) failed(err error) error {
	if err == nil {
		return nil
	}
	reason := err.Error()
	switch {
	case errors.Is(err, syscall.EROFS):
		reason += "; a service of systemd writes only below what ReadWritePaths= names"
	case errors.Is(err, durable.ErrNotKept):
		reason += "; choose a place on a file system that keeps permissions, or mount this one with umask=077"
	case errors.Is(err, fs.ErrPermission) && f.owner != "":
		reason += "; only root gives files away"
	}
	return &Error{Stage: StageFile, Reason: reason, permanent: errors.Is(err, ownfile.ErrOwn), err: err}
}
