//go:build unix

package setup

import (
	"os"
	"syscall"

	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// ownerOf keeps a file with those to whom it belongs.
func ownerOf(path string) []durable.Option {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(s.Uid) == os.Geteuid() && int(s.Gid) == os.Getegid() {
		return nil
	}
	return []durable.Option{durable.Owner(int(s.Uid), int(s.Gid))}
}
