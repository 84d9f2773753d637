// Package ownfile knows the files that are the keeper's own: what they are, and
// whether a path that somebody wants to have written names one of them. Which
// files those are is for the program to say; nothing is read, written or opened
// here.
//
// Guarantees: a path names an own file when it leads to it, by whatever links, by
// ".." or as another name of the same file, and also when the own file is not
// there at the moment; a file beside it stays free.
package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrOwn is what an [Error] comes to.
var ErrOwn = errors.New("is the keeper's own file")

// File is an own file. The last element of Path may be a pattern of
// [filepath.Match].
type File struct{ What, Path string }

// Files are own files.
type Files []File

// Error says that a path is an own file's.
type Error struct {
	Path string
	File File
}

func (e *Error) Error() string { return e.Path + " is the keeper's own: " + e.File.What }

// Unwrap implements the errors package's.
func (*Error) Unwrap() error { return ErrOwn }

const mostLinks = 40

// Check returns an [*Error] where a path names one of the files.
func (l Files) Check(path string) error {
	at := path
	for range mostLinks {
		dir, err := os.Stat(filepath.Dir(at))
		if err != nil {
			return nil // nothing can be written there
		}
		info, _ := os.Stat(at)
		if err := l.CheckIn(path, dir, filepath.Base(at), info); err != nil {
			return err
		}
		// A link that leads nowhere yet: where it leads would be written.
		target, err := os.Readlink(at)
		if err != nil {
			return nil
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(at), target)
		}
		at = target
	}
	return nil
}

// CheckIn is Check for a name in a directory that is open already, and for the
// file that has the name, nil where there is none.
func (l Files) CheckIn(path string, dir fs.FileInfo, name string, file fs.FileInfo) error {
	for _, own := range l {
		if own.names(dir, name, file) {
			return &Error{path, own}
		}
	}
	return nil
}

func (f File) names(dir fs.FileInfo, name string, file fs.FileInfo) bool {
	if own, err := os.Stat(f.Path); err == nil && file != nil && os.SameFile(own, file) {
		return true
	}
	in, err := os.Stat(filepath.Dir(f.Path))
	if err != nil || !os.SameFile(in, dir) {
		return false
	}
	pattern := filepath.Base(f.Path)
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	}
	match, err := filepath.Match(pattern, name)
	return err == nil && match || pattern == name
}
