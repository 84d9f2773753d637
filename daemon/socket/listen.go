package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The reasons for which a socket is not made.
var (
	// ErrInUse: somebody answers on the path.
	ErrInUse = errors.New("another program answers there")
	// ErrNotSocket: something that is no socket lies at the path.
	ErrNotSocket = errors.New("something that is no socket lies there")
	// ErrPathLength: the operating system takes no socket path that long.
	ErrPathLength = errors.New("the path is too long for a socket")
	// ErrExposed: everybody may replace what lies in the socket's directory.
	ErrExposed = errors.New("everybody may write to its directory")
)

// ListenError says which socket could not be made, and why.
type ListenError struct {
	Path string
	Err  error
}

func (e *ListenError) Error() string {
	err := e.Err
	// The operating system's errors repeat the path.
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		err = inner.Err
	}
	return fmt.Sprintf("control socket %s: %v", e.Path, err)
}

func (e *ListenError) Unwrap() error { return e.Err }

// Listen makes the keeper's socket, 0600 from its first moment, and its
// directory, 0700, where that does not exist yet. An existing directory keeps
// its mode. [Grant] lets others in; where that is going to happen, shared is
// true, and the directories above that have to be made let everybody through.
//
// The caller holds the vault's lock. A socket on which nobody answers is
// removed, and the lock is what proves that it is a dead keeper's and not one
// that another keeper is making at this moment.
//
// On Windows the directory's access list protects the socket.
func Listen(path string, shared bool) (*Listener, error) {
	l := &Listener{path: path, shared: shared}
	if err := l.put(); err != nil {
		return nil, err
	}
	return l, nil
}

func listen(path string, shared bool) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("%w: %d bytes, and %d is the most", ErrPathLength, len(path), maxSocketPath)
	}
	if err := makeDirectory(filepath.Dir(path), shared); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	return bind(path)
}

func makeDirectory(dir string, shared bool) error {
	above := fs.FileMode(0o700)
	if shared {
		above = 0o711
	}
	if err := os.MkdirAll(filepath.Dir(dir), above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if worldWritable(info) {
		return fmt.Errorf("%w: chmod o-w %s", ErrExposed, dir)
	}
	return nil
}

// removeStale clears the path of a dead keeper's socket, and of nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type()&socketTypes == 0 {
		return ErrNotSocket
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
		return ErrInUse
	}
	if !nobodyListens(err) {
		return fmt.Errorf("%w, or might: %w", ErrInUse, err)
	}
	return os.Remove(path)
}
