//go:build unix

package engine

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// modes is true where a file has the permissions that it was given.
const modes = true

// openExisting opens a file that is there, without following a link that
// somebody put in its place since it was looked at, and without waiting where
// that is a pipe.
func openExisting(path string, flag int) (*os.File, error) {
	return os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// owned reports whether a file is the user's and the group's; -1 is anybody.
func owned(info fs.FileInfo, uid, gid int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (uid < 0 || int(st.Uid) == uid) && (gid < 0 || int(st.Gid) == gid)
}

// lookup finds the numbers of "user", "user:group" and ":group".
func lookup(owner string) (uid, gid int, err error) {
	name, group, _ := strings.Cut(owner, ":")
	uid, gid = -1, -1
	if name != "" {
		if uid, err = number(name, func(name string) (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", fmt.Errorf("there is no user %s", name)
			}
			return u.Uid, nil
		}); err != nil {
			return -1, -1, err
		}
	}
	if group != "" {
		if gid, err = number(group, func(name string) (string, error) {
			g, err := user.LookupGroup(name)
			if err != nil {
				return "", fmt.Errorf("there is no group %s", name)
			}
			return g.Gid, nil
		}); err != nil {
			return -1, -1, err
		}
	}
	return uid, gid, nil
}

func number(name string, find func(string) (string, error)) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	text, err := find(name)
	if err != nil {
		return -1, err
	}
	return strconv.Atoi(text)
}
