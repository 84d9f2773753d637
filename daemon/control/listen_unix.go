//go:build !windows

package control

import (
	"errors"
	"io/fs"
	"net"

	"golang.org/x/sys/unix"
)

// maxSocketPath is sun_path's size without the byte that ends it.
const maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1

const socketTypes = fs.ModeSocket

// bind makes the socket with its mode. A chmod afterwards would leave a moment
// in which others could connect.
func bind(path string, shared bool) (net.Listener, error) {
	mask := 0o177
	if shared {
		mask = 0o117
	}
	old := unix.Umask(mask)
	defer unix.Umask(old)
	return net.Listen("unix", path)
}

func nobodyListens(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }

// worldWritable passes over directories like /tmp, where only owners may
// replace their files.
func worldWritable(info fs.FileInfo) bool {
	return info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0
}
