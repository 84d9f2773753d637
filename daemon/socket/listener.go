package socket

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
)

// Listener is the keeper's socket. Whoever accepts from it goes on doing so when
// the socket was put back after something removed its path.
type Listener struct {
	path   string
	shared bool

	// putting lets one socket be made at a time. It comes before mu, which guards
	// what follows and is held for moments only.
	putting sync.Mutex
	mu      sync.Mutex
	inner   net.Listener
	made    fs.FileInfo // what lies at path where it is ours; nil where that is unknown
	closed  bool
}

// put makes the socket. The caller holds putting, or nobody else has l yet.
func (l *Listener) put() error {
	inner, err := listen(l.path, l.shared)
	if err != nil {
		return &ListenError{Path: l.path, Err: err}
	}
	if u, ok := inner.(*net.UnixListener); ok {
		// By then another's socket may lie there.
		u.SetUnlinkOnClose(false)
	}
	made, err := os.Lstat(l.path)
	if err != nil {
		made = nil // removed already; the next Restore finds out
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = inner.Close()
		return net.ErrClosed
	}
	old := l.inner
	l.inner, l.made = inner, made
	if old != nil {
		_ = old.Close()
	}
	return nil
}

// Restore looks whether the socket still lies at its path, and puts it back where
// it does not. again is true where it did; [Grant] has to follow then.
func (l *Listener) Restore() (again bool, err error) {
	l.putting.Lock()
	defer l.putting.Unlock()
	if l.inPlace() {
		return false, nil
	}
	if err := l.put(); err != nil {
		return false, err
	}
	return true, nil
}

func (l *Listener) inPlace() bool {
	here, err := os.Lstat(l.path)
	l.mu.Lock()
	defer l.mu.Unlock()
	return err == nil && l.made != nil && same(here, l.made)
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		inner := l.inner
		l.mu.Unlock()
		conn, err := inner.Accept()
		if err == nil || !errors.Is(err, net.ErrClosed) {
			return conn, err
		}
		l.mu.Lock()
		over := l.closed || l.inner == inner
		l.mu.Unlock()
		if over {
			return nil, err
		}
	}
}

// Close implements net.Listener. The path is left alone where something else
// lies there by now.
func (l *Listener) Close() error {
	ours := l.inPlace()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	if ours {
		_ = os.Remove(l.path)
	}
	return l.inner.Close()
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inner.Addr()
}
