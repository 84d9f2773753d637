//go:build unix

package secretfile

import (
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// groups says who is in a group, as the files of this machine tell.
type groups struct{ passwd, group string }

func thisMachine() groups { return groups{"/etc/passwd", "/etc/group"} }

// ownGroup reports whether a file is one that root hands to a process by a group:
// Kubernetes mounts secrets that way, and packages give a service's files to root
// and the service's group. The group's bits then let in nobody but the reader. A
// group that the machine does not know, as in a container, has to be one that the
// process was started with.
func (g groups) ownGroup(info fs.FileInfo, reader int, held []int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid != 0 || st.Gid == 0 || info.Mode().Perm()&^0o740 != 0 {
		return false
	}
	users, known := g.users(strconv.Itoa(int(st.Gid)))
	if !known {
		return slices.Contains(held, int(st.Gid))
	}
	if reader == 0 {
		return len(users) <= 1 // root looks at what a service will read
	}
	return !slices.ContainsFunc(users, func(uid string) bool { return uid != strconv.Itoa(reader) })
}

// users are the numbers of those who are in a group by name or have it as their
// first; known is false where there is no such group.
func (g groups) users(gid string) (uids []string, known bool) {
	passwd := fields(g.passwd, 4)
	uidOf := map[string]string{}
	for _, f := range passwd {
		uidOf[f[0]] = f[2]
		if f[3] == gid {
			uids = append(uids, f[2])
		}
	}
	known = len(uids) > 0
	for _, f := range fields(g.group, 4) {
		if f[2] != gid {
			continue
		}
		known = true
		for name := range strings.SplitSeq(f[3], ",") {
			if name = strings.TrimSpace(name); name != "" {
				uids = append(uids, uidOf[name]) // "" for somebody unknown
			}
		}
	}
	slices.Sort(uids)
	return slices.Compact(uids), known
}

// fields are the lines of a file with colons in it that have enough of them.
func fields(path string, least int) [][]string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var list [][]string
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) >= least {
			list = append(list, f)
		}
	}
	return list
}

// heldGroups are the groups of this process.
func heldGroups() []int {
	held, _ := os.Getgroups()
	return append(held, os.Getegid())
}

func ownGroup(info fs.FileInfo, reader int) bool {
	return thisMachine().ownGroup(info, reader, heldGroups())
}
