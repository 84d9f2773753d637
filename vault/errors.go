package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	bolterrors "go.etcd.io/bbolt/errors"
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
)

// Error is the type of every error of this package. Its text holds no value.
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
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Path != "" {
		b.WriteByte(' ')
		b.WriteString(e.Path)
	}
	b.WriteString(": ")
	if e.PID != 0 && errors.Is(e.Err, ErrInUse) {
		fmt.Fprintf(&b, "in use by process %d", e.PID)
		return b.String()
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// corrupt says what is wrong with a file's content.
func corrupt(op, path, format string, args ...any) error {
	return &Error{Op: op, Path: path, Err: fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))}
}

// diskError sorts what a file operation returned.
func diskError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	// The path is in our own error already.
	cause := err
	if pe, ok := errors.AsType[*fs.PathError](err); ok && pe.Path == path {
		cause = pe.Err
	}
	switch {
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		cause = ErrClosed
	case isNoSpace(err):
		cause = fmt.Errorf("%w: %w", ErrNoSpace, cause)
	case isDiskFailure(err):
		cause = fmt.Errorf("%w: %w", ErrStorage, cause)
	}
	return &Error{Op: op, Path: path, Err: cause}
}

// isNoSpace counts quotas and file size limits in: the mend is the same. bbolt
// flattens some errors to text, so that the number has to be found in there.
func isNoSpace(err error) bool {
	return isErrno(err, noSpace)
}

func isDiskFailure(err error) bool {
	return isErrno(err, diskFailure) || errors.Is(err, bolterrors.ErrInvalidMapping)
}

func isErrno(err error, set []syscall.Errno) bool {
	text := err.Error()
	for _, no := range set {
		if errors.Is(err, no) || strings.HasSuffix(text, no.Error()) {
			return true
		}
	}
	return false
}

// joinCause says an outcome and why.
func joinCause(outcome, why error) error { return fmt.Errorf("%w: %w", outcome, why) }
