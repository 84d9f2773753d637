package secretfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// MaxSize is how much of a file is read; it is far more than a few secrets need.
const MaxSize = 64 << 10

// Why a file is not taken.
var (
	ErrExposed    = errors.New("open to others than its owner")
	ErrOwner      = errors.New("belongs to another user")
	ErrNotRegular = errors.New("not a regular file")
	ErrTooLong    = errors.New("too long for a secret")
)

// Error is a file that breaks the rule.
type Error struct {
	Path string
	Mode fs.FileMode
	// FileSystem is the kind of the file system where it is one that keeps no
	// permissions, so that chmod does not help.
	FileSystem string
	// What is wrong, after the path, and Mend how to mend it.
	What, Mend string
	// Err is a sentinel of this package.
	Err error
}

func (e *Error) Error() string { return e.Path + " " + e.What + "; " + e.Mend }
func (e *Error) Unwrap() error { return e.Err }

// Credentials is the directory in which the service manager hands credentials to
// this process, "" where it hands over none.
func Credentials() string { return os.Getenv("CREDENTIALS_DIRECTORY") }

// Reader is who reads secrets.
type Reader struct {
	// Credentials is the directory in which the service manager handed this process
	// credentials, "" where it handed over none.
	Credentials string
	// Keeper is the user of the keeper that the files are for. Root looks at them
	// for it, and takes what belongs to it; of no other reader it changes anything.
	Keeper int
}

// This is the keeper itself.
func This() Reader { return Reader{Credentials: Credentials(), Keeper: os.Geteuid()} }

// For is who reads for the keeper whose state directory is dir: the user to whom
// it belongs, or this process where there is none.
func For(dir, credentials string) Reader {
	r := Reader{Credentials: credentials, Keeper: os.Geteuid()}
	if info, err := os.Stat(dir); err == nil {
		if uid := owner(info); uid >= 0 {
			r.Keeper = uid
		}
	}
	return r
}

// Read returns the bytes of the file at path. What lies in the directory of
// credentials is taken as handed over by the service manager. The error is an
// *Error, or the file system's.
func (r Reader) Read(path string) ([]byte, error) {
	// To open a device can have an effect, so the kind is looked at first.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(path, info)
	}
	file, err := os.OpenFile(path, openFlags, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(path, info)
	}
	forbidden := fs.FileMode(0o077)
	if within(path, r.Credentials) {
		forbidden = 0o007
	}
	if err := judge(path, info, forbidden, os.Geteuid(), r.Keeper); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, &Error{path, info.Mode(), "", "is far too long for a secret", "put nothing else into it", ErrTooLong}
	}
	return data, nil
}

// Text is Read for a file that people edit: a byte-order mark and one line end
// at the end, which editors add, are not part of it.
func (r Reader) Text(path string) (string, error) {
	data, err := r.Read(path)
	text := strings.TrimPrefix(string(data), "\ufeff")
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), err
}

func notRegular(path string, info fs.FileInfo) error {
	return &Error{path, info.Mode(), "", "is not a regular file", "name a file", ErrNotRegular}
}

func within(path, dir string) bool {
	if dir == "" {
		return false
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// Judge applies the rule to a file or a directory, without looking at its kind.
func (r Reader) Judge(path string, info fs.FileInfo) error {
	return judge(path, info, 0o077, os.Geteuid(), r.Keeper)
}

// JudgeShared is Judge for what a group may be let in to by name.
func (r Reader) JudgeShared(path string, info fs.FileInfo) error {
	return judge(path, info, 0o007, os.Geteuid(), r.Keeper)
}

// JudgeDir is Judge for a directory that others may look into, but not where they
// could put another file in the place of one.
func (r Reader) JudgeDir(path string, info fs.FileInfo) error {
	forbidden := fs.FileMode(0o022)
	if info.Mode()&fs.ModeSticky != 0 {
		forbidden = 0
	}
	return judge(path, info, forbidden, os.Geteuid(), r.Keeper)
}

func judge(path string, info fs.FileInfo, forbidden fs.FileMode, reader, keeper int) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	mode := info.Mode()
	if perm := mode.Perm(); perm&forbidden != 0 && !(mode.IsRegular() && ownGroup(info, reader)) {
		name, option := withoutModes(path, perm)
		e := &Error{path, mode, name, "is open to others than its owner", "run chmod 600 on it", ErrExposed}
		if perm&0o004 != 0 {
			e.What = "is a world-readable secret"
		}
		e.What += fmt.Sprintf(" (mode %04o)", perm)
		if mode.IsDir() {
			e.Mend = "run chmod 700 on it"
		}
		if e.FileSystem != "" {
			e.Mend = "chmod has no effect on a " + e.FileSystem + " file system: move it to one that keeps permissions, or mount this one with " + option
		}
		return e
	}
	if uid := owner(info); uid > 0 && uid != reader && (reader != 0 || uid != keeper) {
		return &Error{path, mode, "", fmt.Sprintf("belongs to user %d", uid), "give it to root or to the keeper's user", ErrOwner}
	}
	return nil
}
