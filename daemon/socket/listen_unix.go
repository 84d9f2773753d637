//go:build !windows

package socket

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSocketPath is sun_path's size without the byte that ends it.
const maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1

const socketTypes = fs.ModeSocket

// masking guards the process's file mode mask, which is shared as the process
// itself is: two sockets made at once would restore each other's masks.
var masking sync.Mutex

// bindMasked makes the socket with its mode, which comes from the process's mask
// and is changed for a moment: what another goroutine creates meanwhile is more
// private than it was to be. A chmod afterwards would leave a moment in which
// others could connect.
func bindMasked(path string) (net.Listener, error) {
	masking.Lock()
	defer masking.Unlock()
	old := unix.Umask(0o177)
	defer unix.Umask(old)
	return net.Listen("unix", path)
}

func same(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

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
