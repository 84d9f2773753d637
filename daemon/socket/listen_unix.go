//go:build !windows

package socket

import (
	"errors"
	"io/fs"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSocketPath is sun_path's size without the byte that ends it.
const maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1

const socketTypes = fs.ModeSocket

// bind makes the socket with its mode. A chmod afterwards would leave a moment
// in which others could connect.
func bind(path string) (net.Listener, error) {
	old := unix.Umask(0o177)
	defer unix.Umask(old)
	return net.Listen("unix", path)
}

func nobodyListens(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }

// worldWritable passes over directories like /tmp, where only owners may
// replace their files.
func worldWritable(info fs.FileInfo) bool {
	return info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0
}

// owners tells to whom a file belongs.
func owners(info fs.FileInfo) (user, group uint32, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return s.Uid, s.Gid, true
}
