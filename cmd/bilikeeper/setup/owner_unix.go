//go:build unix

package setup

import (
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// ownerOfService gives a file to the user that packages make for the service.
func ownerOfService() []durable.Option {
	u, err := user.Lookup("bilikeeper")
	if err != nil {
		return nil
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil
	}
	return []durable.Option{durable.Owner(uid, -1)}
}

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

// groupThatWrites is the group that may write into a directory, "" where none may.
// That of root is none: who is in it is let in everywhere.
func groupThatWrites(dir os.FileInfo) string {
	s, ok := dir.Sys().(*syscall.Stat_t)
	if !ok || s.Gid == 0 || dir.Mode()&0o020 == 0 {
		return ""
	}
	number := strconv.Itoa(int(s.Gid))
	if g, err := user.LookupGroupId(number); err == nil {
		return g.Name
	}
	return number
}
