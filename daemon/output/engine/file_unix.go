//go:build unix

package engine

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
)

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
