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
)

// maxFile is more than any rendered credential; a longer file is another one.
const maxFile = 1 << 20

// file is a target on the disk.
type file struct {
	path    string
	mode    fs.FileMode
	owner   string
	inPlace bool
}

func newFile(o Output) (*file, error) {
	f := &file{path: filepath.Clean(o.Path), mode: o.Mode, owner: o.Owner, inPlace: o.InPlace}
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
	return info.Mode().IsRegular() && (!modes || info.Mode().Perm() == f.mode) && owned(info, uid, gid)
}

func (f *file) deliver(_ context.Context, r output.Rendered) (bool, error) {
	uid, gid, err := f.ids()
	if err != nil {
		return false, f.failed(err)
	}
	if err := f.checkDirectory(); err != nil {
		return false, err
	}
	same, err := f.same(r.Body, uid, gid)
	if err != nil || same {
		return false, f.failed(err)
	}
	if f.inPlace {
		err = f.rewrite(r.Body, uid, gid)
		if !errors.Is(err, fs.ErrNotExist) {
			return err == nil, f.failed(err)
		}
	}
	var opts []durable.Option
	if uid >= 0 || gid >= 0 {
		opts = append(opts, durable.Owner(uid, gid))
	}
	err = durable.WriteFile(f.path, r.Body, f.mode, opts...)
	return err == nil, f.failed(err)
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
func (f *file) same(body []byte, uid, gid int) (bool, error) {
	info, err := os.Lstat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Mode()&fs.ModeSymlink != 0:
		return false, &fs.PathError{Op: "write", Path: f.path, Err: durable.ErrSymlink}
	case !info.Mode().IsRegular():
		return false, &fs.PathError{Op: "write", Path: f.path, Err: durable.ErrNotRegular}
	case !f.dressed(info, uid, gid) || info.Size() != int64(len(body)):
		return false, nil
	}
	in, err := openExisting(f.path, os.O_RDONLY)
	if err != nil {
		// A file that cannot be read is replaced; where it cannot be, that says so.
		return false, nil
	}
	defer in.Close()
	got, err := io.ReadAll(io.LimitReader(in, maxFile))
	return err == nil && bytes.Equal(got, body), nil
}

// rewrite puts new bytes into the file that is there. Owner and mode come
// first, so that nobody who could read the old content reads the new; the file
// is cut last, so that it is never seen empty.
func (f *file) rewrite(body []byte, uid, gid int) (err error) {
	out, err := openExisting(f.path, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	info, err := out.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "write", Path: f.path, Err: durable.ErrNotRegular}
	}
	if !f.dressed(info, uid, gid) {
		if uid >= 0 || gid >= 0 {
			if err := out.Chown(uid, gid); err != nil {
				return err
			}
		}
		if err := out.Chmod(f.mode); err != nil {
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
	case errors.Is(err, fs.ErrPermission) && f.owner != "":
		reason += "; only root gives files away"
	}
	return &Error{Stage: StageFile, Reason: reason, err: err}
}
