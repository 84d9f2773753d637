package socket

import (
	"bytes"
	"slices"
	"testing"
)

func TestACLOnTheWire(t *testing.T) {
	// As getfattr shows it for a socket that a user 5001 and a group 6000 may use.
	want := []byte{2, 0, 0, 0,
		1, 0, 6, 0, 255, 255, 255, 255,
		2, 0, 6, 0, 0x89, 0x13, 0, 0,
		4, 0, 0, 0, 255, 255, 255, 255,
		8, 0, 6, 0, 0x70, 0x17, 0, 0,
		16, 0, 6, 0, 255, 255, 255, 255,
		32, 0, 0, 0, 255, 255, 255, 255}
	got := socketACL([]principal{{group: true, id: 6000}, {id: 5001}})
	if !bytes.Equal(got.encode(), want) {
		t.Errorf("%x", got.encode())
	}
	if again, err := parseACL(want); err != nil || !bytes.Equal(again.encode(), want) {
		t.Errorf("%v, %v", again, err)
	}
	for _, bad := range [][]byte{nil, {2, 0, 0}, {3, 0, 0, 0}, append(slices.Clone(want), 0)} {
		if _, err := parseACL(bad); err == nil {
			t.Errorf("%x is taken", bad)
		}
	}
}

func TestACLOfADirectory(t *testing.T) {
	user, group := principal{id: 5001}, principal{group: true, id: 6000}
	base := aclOf(0o700)
	open := base.throughFor([]principal{user, group})
	for _, g := range []principal{user, group} {
		if base.lets(g, nil, 0, 0) || !open.lets(g, nil, 0, 0) {
			t.Errorf("%+v: %v", g, open)
		}
	}
	if open.lets(principal{id: 5002}, []uint32{5002}, 0, 0) || !open.lets(principal{id: 5002}, []uint32{6000}, 0, 0) {
		t.Errorf("others: %v", open)
	}
	if again := open.throughFor([]principal{user, group}); !bytes.Equal(again.encode(), open.encode()) {
		t.Errorf("it is not the same again: %v", again)
	}
	if closed := open.throughFor(nil); !bytes.Equal(closed.encode(), base.encode()) {
		t.Errorf("closed: %v", closed)
	}
	// A mask that a chmod made narrow must not be widened for the others.
	narrow := acl{{aclUserObj, 7, aclNobody}, {aclUser, 5, 5009}, {aclGroupObj, 5, aclNobody}, {aclMask, 0, aclNobody}, {aclOther, 0, aclNobody}}
	wide := narrow.throughFor([]principal{user})
	if wide.lets(principal{id: 5009}, nil, 0, 0) || wide.lets(principal{id: 5002}, []uint32{0}, 0, 0) || !wide.lets(user, nil, 0, 0) {
		t.Errorf("%v", wide)
	}
}

func TestWhomAListLets(t *testing.T) {
	for _, tc := range []struct {
		name   string
		list   acl
		who    principal
		groups []uint32
		want   bool
	}{
		{"everybody", aclOf(0o711), principal{id: 1}, nil, true},
		{"the owner", aclOf(0o100), principal{id: 10}, nil, true},
		{"the owner, shut out", aclOf(0o611), principal{id: 10}, nil, false},
		{"the group", aclOf(0o710), principal{id: 1}, []uint32{20}, true},
		{"the group, shut out", aclOf(0o701), principal{id: 1}, []uint32{20}, false},
		{"a group principal", aclOf(0o710), principal{group: true, id: 20}, nil, true},
		{"another group principal", aclOf(0o710), principal{group: true, id: 21}, nil, false},
	} {
		if got := tc.list.lets(tc.who, tc.groups, 10, 20); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

func FuzzParseACL(f *testing.F) {
	f.Add(aclOf(0o750).encode())
	f.Add(socketACL([]principal{{id: 5001}}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseACL(data)
		if err != nil {
			return
		}
		again, err := parseACL(list.encode())
		if err != nil || len(again) != len(list) {
			t.Errorf("%v, %v", again, err)
		}
		open := list.throughFor([]principal{{id: 5001}})
		if open.lets(principal{id: 5001}, nil, 0, 0) != slices.ContainsFunc(open, func(e aclEntry) bool {
			return e.tag == aclUser && e.id == 5001 && e.perm&aclExecute != 0
		}) {
			t.Errorf("%v", open)
		}
		open.lets(principal{group: true, id: 1}, nil, 0, 0)
	})
}
