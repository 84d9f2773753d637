package socket

import (
	"context"
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// bind makes the socket with its mode: Linux gives it the one that the file
// descriptor has, so the mask that all goroutines share is left alone. A kernel
// that only looks like Linux may not; there the mask has to do.
func bind(path string) (net.Listener, error) {
	private := false
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		return errors.Join(raw.Control(func(fd uintptr) {
			var st unix.Stat_t
			err = errors.Join(unix.Fchmod(int(fd), 0o600), unix.Fstat(int(fd), &st))
			private = err == nil && st.Mode&0o777 == 0o600
			if !private {
				err = errors.Join(err, errors.ErrUnsupported)
			}
		}), err)
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil && !private {
		return bindMasked(path)
	}
	return l, err
}
