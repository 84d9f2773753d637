package control

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Admit lets those whom a policy names reach a socket that [Listen] made, keeps
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
func Admit(path string, p Policy) []string {
	if !kernelNamesPeers {
		if len(p.Rules) == 0 {
			return nil
		}
		return []string{"the operating system does not say who connects, so [[control.allow]] lets nobody in: run the keeper as the user who needs it"}
	}
	d := newDirectory()
	guests, troubles := p.guests(d)
	dir, err := filepath.Abs(filepath.Dir(path))
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return append(troubles, fmt.Sprintf("the directory of the socket cannot be looked at: %v", err))
	}
	path = filepath.Join(dir, filepath.Base(path))
	way := way{socket: path, dir: dir, guests: guests, directory: d, write: writeACL}
	// From the outside in, nobody is let in before the last step.
	troubles = append(troubles, way.above()...)
	troubles = append(troubles, way.through()...)
	return append(troubles, way.in()...)
}

// guest is a user or a group that a policy names.
type guest struct {
	group bool
	id    uint32
	name  string
}

func (g guest) String() string {
	if g.group {
		return fmt.Sprintf("group %q", g.name)
	}
	return fmt.Sprintf("user %q", g.name)
}

func (g guest) tag() uint16 {
	if g.group {
		return aclGroup
	}
	return aclUser
}

// guests are those whom the rules name beside the owner and root, each once.
func (p Policy) guests(d *directory) (list []guest, troubles []string) {
	for _, r := range p.Rules {
		g, find := guest{group: true, name: r.Group}, d.groups.get
		if r.User != "" {
			g, find = guest{name: r.User}, d.users.get
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
		if !slices.ContainsFunc(list, func(other guest) bool { return other.group == g.group && other.id == g.id }) {
			list = append(list, g)
		}
	}
	return list, troubles
}

// way leads guests to a socket.
type way struct {
	socket, dir string
	guests      []guest
	directory   *directory
	// write gives a file a list, or fails where there are none.
	write func(path string, list acl) error
}

// elsewhere is where a socket finds everybody let through to its directory.
const elsewhere = `socket = "/run/bilikeeper/control.sock"`

// above names the directories above the socket's own that shut guests out.
func (w way) above() (troubles []string) {
	for dir := w.dir; dir != filepath.Dir(dir); {
		dir = filepath.Dir(dir)
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		list, err := readACL(dir, info.Mode())
		if err != nil {
			continue
		}
		if shut := w.shutOut(info, list); len(shut) > 0 {
			troubles = append(troubles, fmt.Sprintf("%s may not go through %s, whose mode is %04o: name a socket elsewhere, as in %s, "+
				"or run the keeper as a system service", names(shut), dir, info.Mode().Perm(), elsewhere))
		}
	}
	return troubles
}

// through opens the socket's directory for the guests whom it shuts out, and
// closes it for those who were guests before.
func (w way) through() []string {
	info, err := os.Stat(w.dir)
	if err != nil {
		return []string{err.Error()}
	}
	list, err := readACL(w.dir, info.Mode())
	if err != nil {
		return []string{fmt.Sprintf("the access list of %s cannot be read: %v", w.dir, err)}
	}
	if !w.ours(info) {
		if shut := w.shutOut(info, list); len(shut) > 0 {
			return []string{fmt.Sprintf("%s may not go through %s, whose mode is %04o, and it is not opened, because it holds more than the socket "+
				"or belongs to somebody else: name a socket in a directory of its own, as in %s", names(shut), w.dir, info.Mode().Perm(), elsewhere)}
		}
		return nil
	}
	shut := w.shutOut(info, list.throughFor(nil))
	open := list.throughFor(shut)
	if bytes.Equal(open.encode(), list.encode()) {
		return nil
	}
	err = w.write(w.dir, open)
	if err == nil || len(shut) == 0 {
		return nil
	}
	if gid, ok := w.group(); ok && os.Chown(w.dir, -1, gid) == nil && os.Chmod(w.dir, info.Mode().Perm()|0o010) == nil {
		return nil
	}
	return []string{w.noLists(w.dir, err)}
}

// in opens the socket. It is closed first wherever a step in between would let
// others in than the ones that are meant.
func (w way) in() []string {
	if len(w.guests) == 0 {
		if err := w.close(); err != nil {
			return []string{fmt.Sprintf("the socket could not be closed to others: %v", err)}
		}
		return nil
	}
	err := w.write(w.socket, socketACL(w.guests))
	if err == nil {
		return nil
	}
	if closed := w.close(); closed != nil {
		return []string{fmt.Sprintf("the socket could not be opened to others: %v", closed)}
	}
	gid, ok := w.group()
	given := ok && os.Chown(w.socket, -1, gid) == nil
	if err := os.Chmod(w.socket, 0o660); err != nil {
		return []string{fmt.Sprintf("the socket could not be opened to others: %v", err)}
	}
	if given {
		return nil
	}
	return []string{w.noLists(w.socket, err)}
}

// close leaves the socket to its owner. Where it has a list, the change of the
// mode silences all of it at once, and what is left of it is cleared then.
func (w way) close() error {
	if err := os.Chmod(w.socket, 0o600); err != nil {
		return err
	}
	list, err := readACL(w.socket, 0o600)
	if err != nil || !slices.ContainsFunc(list, aclEntry.named) {
		return err
	}
	return w.write(w.socket, aclOf(0o600))
}

// group is the one that a socket without a list can be given to.
func (w way) group() (gid int, ok bool) {
	if len(w.guests) != 1 {
		return 0, false
	}
	g := w.guests[0]
	if g.group {
		return int(g.id), true
	}
	id, ok := w.directory.primary.get(g.id)
	return int(id), ok
}

func (w way) noLists(path string, err error) string {
	return fmt.Sprintf("%s cannot be let in: %s takes no access list (%v), and no one group can be given to it; allow a single group of which the "+
		"keeper's user is a member, or name a socket on a file system with access lists, as in %s",
		names(w.guests), path, err, elsewhere)
}

// ours reports whether the socket's directory is the keeper's and serves
// nothing else, so that nothing else is exposed by opening it.
func (w way) ours(info fs.FileInfo) bool {
	if owner, _, ok := owners(info); !ok || int(owner) != os.Geteuid() {
		return false
	}
	entries, err := os.ReadDir(w.dir)
	return err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != filepath.Base(w.socket) })
}

// shutOut returns the guests who cannot pass a directory with that list.
func (w way) shutOut(info fs.FileInfo, list acl) (shut []guest) {
	owner, group, ok := owners(info)
	if !ok {
		return nil
	}
	for _, g := range w.guests {
		var groups []uint32
		if !g.group {
			groups, _ = w.directory.members.get(g.id)
		}
		if !list.lets(g, groups, owner, group) {
			shut = append(shut, g)
		}
	}
	return shut
}

func names(guests []guest) string {
	var list []string
	for _, g := range guests {
		list = append(list, g.String())
	}
	return strings.Join(list, " and ")
}
