package socket

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
)

// The parts of a POSIX access control list, as the kernel writes them into an
// extended attribute. They never change.
const (
	aclUserObj  uint16 = 0x01 // the file's owner
	aclUser     uint16 = 0x02
	aclGroupObj uint16 = 0x04 // the file's group
	aclGroup    uint16 = 0x08
	aclMask     uint16 = 0x10 // bounds all but the owner and the others
	aclOther    uint16 = 0x20

	aclRead    uint16 = 4
	aclWrite   uint16 = 2
	aclExecute uint16 = 1

	aclVersion = 2
	aclNobody  = ^uint32(0) // the id of an entry that has none
)

// acl is an access control list. Where it has no entry with a name it says no
// more than a file's mode does, and the kernel keeps it as one.
type acl []aclEntry

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// named reports whether the entry is of one user or group.
func (e aclEntry) named() bool { return e.tag == aclUser || e.tag == aclGroup }

// aclOf is a mode as a list.
func aclOf(mode fs.FileMode) acl {
	return acl{
		{aclUserObj, uint16(mode>>6) & 7, aclNobody},
		{aclGroupObj, uint16(mode>>3) & 7, aclNobody},
		{aclOther, uint16(mode) & 7, aclNobody},
	}
}

var errACL = errors.New("not an access control list")

// parseACL reads the attribute's bytes.
func parseACL(data []byte) (acl, error) {
	if len(data) < 4 || (len(data)-4)%8 != 0 || binary.LittleEndian.Uint32(data) != aclVersion {
		return nil, errACL
	}
	var list acl
	for data = data[4:]; len(data) > 0; data = data[8:] {
		list = append(list, aclEntry{
			tag:  binary.LittleEndian.Uint16(data),
			perm: binary.LittleEndian.Uint16(data[2:]),
			id:   binary.LittleEndian.Uint32(data[4:]),
		})
	}
	return list, nil
}

// encode is the list as the attribute's bytes, in the order on which the kernel
// insists.
func (a acl) encode() []byte {
	sorted := slices.SortedFunc(slices.Values(a), func(x, y aclEntry) int {
		return cmp.Or(cmp.Compare(x.tag, y.tag), cmp.Compare(x.id, y.id))
	})
	data := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range sorted {
		data = binary.LittleEndian.AppendUint16(data, e.tag)
		data = binary.LittleEndian.AppendUint16(data, e.perm)
		data = binary.LittleEndian.AppendUint32(data, e.id)
	}
	return data
}

// perm is what an entry of that tag grants, all where there is none.
func (a acl) perm(tag uint16) uint16 {
	if i := slices.IndexFunc(a, func(e aclEntry) bool { return e.tag == tag }); i >= 0 {
		return a[i].perm
	}
	return aclRead | aclWrite | aclExecute
}

// socketACL lets principals and the owner connect, and nobody else: the file's
// group is nobody's choice.
func socketACL(principals []principal) acl {
	list := aclOf(0o600)
	for _, g := range principals {
		list = append(list, aclEntry{g.tag(), aclRead | aclWrite, g.id})
	}
	return list.masked()
}

// throughFor is a directory's list with just these principals let through. An entry
// of a directory that grants the passage and nothing else is one of ours, perhaps
// of principals that are none any more; what somebody else put in stays.
func (a acl) throughFor(principals []principal) acl {
	mask := a.perm(aclMask)
	var list acl
	for _, e := range a {
		switch {
		case e.tag == aclMask, e.named() && e.perm == aclExecute:
			continue
		case e.named(), e.tag == aclGroupObj:
			// The new mask must not give back what the old one withheld.
			e.perm &= mask
		}
		list = append(list, e)
	}
	for _, g := range principals {
		same := func(e aclEntry) bool { return e.tag == g.tag() && e.id == g.id }
		if i := slices.IndexFunc(list, same); i >= 0 {
			list[i].perm |= aclExecute
		} else {
			list = append(list, aclEntry{g.tag(), aclExecute, g.id})
		}
	}
	return list.masked()
}

// masked adds the mask that lets every entry grant what it says. A list without
// names must not have one, or the kernel would not keep it as a mode.
func (a acl) masked() acl {
	if !slices.ContainsFunc(a, aclEntry.named) {
		return a
	}
	var mask uint16
	for _, e := range a {
		if e.named() || e.tag == aclGroupObj {
			mask |= e.perm
		}
	}
	return append(a, aclEntry{aclMask, mask, aclNobody})
}

// lets reports whether the list grants the passage to a principal that is in
// groups, for a directory of that owner and group.
func (a acl) lets(g principal, groups []uint32, owner, group uint32) bool {
	mask := a.perm(aclMask)
	if !g.group && g.id == owner {
		return a.perm(aclUserObj)&aclExecute != 0
	}
	if g.group {
		groups = []uint32{g.id}
	}
	member := false
	for _, e := range a {
		switch {
		case e.tag == aclUser && !g.group && e.id == g.id:
			return e.perm&mask&aclExecute != 0
		case e.tag == aclGroup && slices.Contains(groups, e.id), e.tag == aclGroupObj && slices.Contains(groups, group):
			if e.perm&mask&aclExecute != 0 {
				return true
			}
			member = true
		}
	}
	return !member && a.perm(aclOther)&aclExecute != 0
}
