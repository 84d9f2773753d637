// Package fault holds the outcomes that the vault's rooms end with, and sorts
// what an operating system answers into them. Nothing that reads or writes a
// file belongs here.
//
// Guarantee: the text of an error holds no value and no secret.
package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// The outcomes that a caller can tell apart, with errors.Is.
var (
	ErrInUse       = errors.New("in use by another process")
	ErrWrongKey    = errors.New("the key does not open this vault")
	ErrKeyMissing  = errors.New("the key file is missing, and without it the vault cannot be opened")
	ErrNewerSchema = errors.New("written by a newer version of this program")
	ErrCorrupt     = errors.New("damaged or tampered with")
	ErrExposed     = errors.New("open to other users")
	ErrNoSpace     = errors.New("no space left on the disk")
	ErrStorage     = errors.New("the disk failed")
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("changed by somebody else meanwhile")
	ErrGap         = errors.New("the journal does not go on from there")
	ErrReadOnly    = errors.New("not possible in a transaction that only reads")
	ErrTooLarge    = errors.New("too large to be kept")
	ErrClosed      = errors.New("the vault is closed")
	ErrReplaced    = errors.New("its file was removed or replaced while it was open, and what is written to it would be lost")
	ErrDenied      = errors.New("not permitted")
	ErrUnavailable = errors.New("not to be reached, and nothing was changed")
	ErrNotOwner    = errors.New("another host looks after it")
	ErrGone        = errors.New("it is missing, and its key file is there: a vault was here and is not begun anew")
)

// Error is the type of every error of the vault. Its text holds no value.
type Error struct {
	// Op is what was being done, "open" for example.
	Op string
	// Path is the file that the error is about, or kind/key of a record.
	Path string
	// PID is the process that holds the vault where Err is ErrInUse and the
	// process is known.
	PID int
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	text := e.Op
	if e.Path != "" {
		text += " " + e.Path
	}
	if e.PID != 0 && errors.Is(e.Err, ErrInUse) {
		return fmt.Sprintf("%s: in use by process %d", text, e.PID)
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New says what was done to what, and how it ended.
func New(op, path string, err error) error { return &Error{Op: op, Path: path, Err: err} }

// Corrupt says what is wrong with a file's content.
func Corrupt(op, path, format string, args ...any) error {
	return New(op, path, fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...)))
}

// Join says an outcome and why.
func Join(outcome, why error) error { return fmt.Errorf("%w: %w", outcome, why) }

// Wrap gives an error its operation and path where it has none yet.
func Wrap(op, path string, err error) error {
	if _, ok := errors.AsType[*Error](err); ok || err == nil {
		return err
	}
	return New(op, path, err)
}

// Disk is Wrap for what a file operation returned, sorted into the outcomes.
func Disk(op, path string, err error) error {
	if _, ok := errors.AsType[*Error](err); ok || err == nil {
		return err
	}
	// The path is in our own error already.
	if pe, ok := errors.AsType[*fs.PathError](err); ok && pe.Path == path {
		err = pe.Err
	}
	switch {
	case isErrno(err, noSpace): // quotas and file size limits, too: the mend is the same
		err = Join(ErrNoSpace, err)
	case isErrno(err, diskFailure):
		err = Join(ErrStorage, err)
	}
	return New(op, path, err)
}

// isErrno also looks for the number's text at the end: bbolt flattens some
// errors to text.
func isErrno(err error, set []syscall.Errno) bool {
	text := err.Error()
	for _, no := range set {
		if errors.Is(err, no) || strings.HasSuffix(text, no.Error()) {
			return true
		}
	}
	return false
}
