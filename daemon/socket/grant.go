package socket

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Grant lets those whom a policy names reach a socket that [Listen] made, keeps
// out those whom it does not name any more, and says in sentences what it could
// not do. It is called for the first policy and for each that replaces one. The
// policy decides about every request in any case; this is about who may connect
// to make one.
//
// Where the file system keeps access control lists, the socket gets one with
// exactly the users and groups of the rules, and so does its directory, so that
// they get through. Elsewhere the socket can be given to one group: to the only
// one that is named, or to that of the only user.
//
// Only a directory is changed that belongs to the keeper and holds nothing but
// the socket. That the ones above let everybody through is their owner's
// affair; one that does not is named in a sentence.
func Grant(path string, p Policy) []string {
	if !KernelNamesPeers {
		if len(p.Rules) == 0 {
			return nil
		}
		return []string{"the operating system does not say who connects, so [[control.allow]] lets nobody in: run the keeper as the user who needs it"}
	}
	d := NewDirectory()
	principals, troubles := p.principals(d)
	dir, err := filepath.Abs(filepath.Dir(path))
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return append(troubles, fmt.Sprintf("the directory of the socket cannot be looked at: %v", err))
	}
	path = filepath.Join(dir, filepath.Base(path))
	a := access{socket: path, dir: dir, principals: principals, directory: d, write: writeACL}
	// From the outside in, nobody is let in before the last step.
	troubles = append(troubles, a.above()...)
	troubles = append(troubles, a.through()...)
	return append(troubles, a.in()...)
}

// principal is a user or a group that a policy names.
type principal struct {
	group bool
	id    uint32
	name  string
}

func (g principal) String() string {
	if g.group {
		return fmt.Sprintf("group %q", g.name)
	}
	return fmt.Sprintf("user %q", g.name)
}

func (g principal) tag() uint16 {
	if g.group {
		return aclGroup
	}
	return aclUser
}

// principals are those whom the rules name beside the owner and root, each once.
func (p Policy) principals(d *Directory) (list []principal, troubles []string) {
	for _, r := range p.Rules {
		g, find := principal{group: true, name: r.Group}, d.groups.get
		if r.User != "" {
			g, find = principal{name: r.User}, d.users.get
		}
		if g.name == "" {
			continue
		}
		var ok bool
		if g.id, ok = find(g.name); !ok {
			troubles = append(troubles, fmt.Sprintf("[[control.allow]] names the %s, which does not exist", g))
			continue
		}
		if !g.group && (g.id == 0 || g.id == p.Owner) {
			continue
		}
		if !slices.ContainsFunc(list, func(other principal) bool { return other.group == g.group && other.id == g.id }) {
			list = append(list, g)
		}
	}
	return list, troubles
}

// access is the way of principals to a socket.
type access struct {
	socket, dir string
	principals  []principal
	directory   *Directory
	// write gives a file a list, or fails where there are none.
	write func(path string, list acl) error
}

// elsewhere is where a socket finds everybody let through to its directory.
const elsewhere = `socket = "/run/bilikeeper/control.sock"`

// above names the directories above the socket's own that shut principals out.
func (a access) above() (troubles []string) {
	for dir := a.dir; dir != filepath.Dir(dir); {
		dir = filepath.Dir(dir)
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		list, err := readACL(dir, info.Mode())
		if err != nil {
			continue
		}
		if shut := a.shutOut(info, list); len(shut) > 0 {
			troubles = append(troubles, fmt.Sprintf("%s may not go through %s, whose mode is %04o: name a socket elsewhere, as in %s, "+
				"or run the keeper as a system service", names(shut), dir, info.Mode().Perm(), elsewhere))
		}
	}
	return troubles
}

// through opens the socket's directory for the principals whom it shuts out, and
// closes it for those who were principals before.
func (a access) through() []string {
	info, err := os.Stat(a.dir)
	if err != nil {
		return []string{err.Error()}
	}
	list, err := readACL(a.dir, info.Mode())
	if err != nil {
		return []string{fmt.Sprintf("the access list of %s cannot be read: %v", a.dir, err)}
	}
	if !a.ours(info) {
		if shut := a.shutOut(info, list); len(shut) > 0 {
			return []string{fmt.Sprintf("%s may not go through %s, whose mode is %04o, and it is not opened, because it holds more than the socket "+
				"or belongs to somebody else: name a socket in a directory of its own, as in %s", names(shut), a.dir, info.Mode().Perm(), elsewhere)}
		}
		return nil
	}
	shut := a.shutOut(info, list.throughFor(nil))
	open := list.throughFor(shut)
	if bytes.Equal(open.encode(), list.encode()) {
		return nil
	}
	err = a.write(a.dir, open)
	if err == nil || len(shut) == 0 {
		return nil
	}
	if gid, ok := a.group(); ok && os.Chown(a.dir, -1, gid) == nil && os.Chmod(a.dir, info.Mode().Perm()|0o010) == nil {
		return nil
	}
	return []string{a.noLists(a.dir, err)}
}

// in opens the socket. It is closed first wherever a step in between would let
// others in than the ones that are meant.
func (a access) in() []string {
	if len(a.principals) == 0 {
		if err := a.close(); err != nil {
			return []string{fmt.Sprintf("the socket could not be closed to others: %v", err)}
		}
		return nil
	}
	err := a.write(a.socket, socketACL(a.principals))
	if err == nil {
		return nil
	}
	if closed := a.close(); closed != nil {
		return []string{fmt.Sprintf("the socket could not be opened to others: %v", closed)}
	}
	gid, ok := a.group()
	given := ok && os.Chown(a.socket, -1, gid) == nil
	if err := os.Chmod(a.socket, 0o660); err != nil {
		return []string{fmt.Sprintf("the socket could not be opened to others: %v", err)}
	}
	if given {
		return nil
	}
	return []string{a.noLists(a.socket, err)}
}

// close leaves the socket to its owner. Where it has a list, the change of the
// mode silences all of it at once, and what is left of it is cleared then.
func (a access) close() error {
	if err := os.Chmod(a.socket, 0o600); err != nil {
		return err
	}
	list, err := readACL(a.socket, 0o600)
	if err != nil || !slices.ContainsFunc(list, aclEntry.named) {
		return err
	}
	return a.write(a.socket, aclOf(0o600))
}

// group is the one that a socket without a list can be given to.
func (a access) group() (gid int, ok bool) {
	if len(a.principals) != 1 {
		return 0, false
	}
	g := a.principals[0]
	if g.group {
		return int(g.id), true
	}
	id, ok := a.directory.primary.get(g.id)
	return int(id), ok
}

func (a access) noLists(path string, err error) string {
	return fmt.Sprintf("%s cannot be let in: %s takes no access list (%v), and no one group can be given to it; allow a single group of which the "+
		"keeper's user is a member, or name a socket on a file system with access lists, as in %s",
		names(a.principals), path, err, elsewhere)
}

// ours reports whether the socket's directory is the keeper's and serves
// nothing else, so that nothing else is exposed by opening it.
func (a access) ours(info fs.FileInfo) bool {
	if owner, _, ok := owners(info); !ok || int(owner) != os.Geteuid() {
		return false
	}
	entries, err := os.ReadDir(a.dir)
	return err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != filepath.Base(a.socket) })
}

// shutOut returns the principals who cannot pass a directory with that list.
func (a access) shutOut(info fs.FileInfo, list acl) (shut []principal) {
	owner, group, ok := owners(info)
	if !ok {
		return nil
	}
	for _, g := range a.principals {
		var groups []uint32
		if !g.group {
			groups, _ = a.directory.members.get(g.id)
		}
		if !list.lets(g, groups, owner, group) {
			shut = append(shut, g)
		}
	}
	return shut
}

func names(principals []principal) string {
	var list []string
	for _, g := range principals {
		list = append(list, g.String())
	}
	return strings.Join(list, " and ")
}
