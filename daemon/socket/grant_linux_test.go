package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/socket/sockettest"
)

// listening makes a socket that answers nobody for long.
func listening(t *testing.T, path string) {
	t.Helper()
	l, err := Listen(path, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
}

// connects tells whether a user of a group gets to the socket.
func connects(t *testing.T, path string, uid, gid int) bool {
	t.Helper()
	conn, err := sockettest.DialAs(uid, gid, path)(t.Context())
	if err == nil {
		_ = conn.Close()
		return true
	}
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%d: %v", uid, err)
	}
	return false
}

func ruleFor(list ...string) Policy {
	var p Policy
	for _, one := range list {
		r := Rule{Accounts: []string{"*"}, May: []string{VerbGet}}
		if group, ok := strings.CutPrefix(one, "@"); ok {
			r.Group = group
		} else {
			r.User = one
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

// Whom each policy lets through to the socket, one after the other as by
// reloads: those that it names and nobody else.
func TestGrant(t *testing.T) {
	needRoot(t)
	path := filepath.Join(sockettest.OpenDir(t), "run", "c.sock")
	listening(t, path)
	if mode(t, path) != 0o600 || mode(t, filepath.Dir(path)) != 0o700 {
		t.Errorf("born with %o in %o", mode(t, path), mode(t, filepath.Dir(path)))
	}
	type ids struct{ uid, gid int }
	all := []ids{{5001, 5001}, {5002, 5002}, {5003, 6000}, {5004, 0}}
	for _, step := range []struct {
		policy Policy
		in     []ids
	}{
		{ruleFor(), nil},
		{ruleFor("5001"), []ids{{5001, 5001}}},
		{ruleFor("5001", "5002", "5001"), []ids{{5001, 5001}, {5002, 5002}}},
		{ruleFor("5002", "@6000"), []ids{{5002, 5002}, {5003, 6000}}},
		{ruleFor("@6000", "0"), []ids{{5003, 6000}}},
		{ruleFor(), nil},
		{ruleFor("5002"), []ids{{5002, 5002}}},
	} {
		if troubles := Grant(path, step.policy); len(troubles) > 0 {
			t.Fatal(troubles)
		}
		for _, who := range all {
			if got, want := connects(t, path, who.uid, who.gid), slices.Contains(step.in, who); got != want {
				t.Errorf("%+v: %v got through: %v", step.policy.Rules, who, got)
			}
		}
		socket, dir := fs.FileMode(0o600), fs.FileMode(0o700)
		if len(step.in) > 0 {
			socket, dir = 0o660, 0o710
		}
		if mode(t, path) != socket || mode(t, filepath.Dir(path)) != dir {
			t.Errorf("%+v: %o in %o", step.policy.Rules, mode(t, path), mode(t, filepath.Dir(path)))
		}
	}
}

// What is not the keeper's to change, and what cannot be done, is said.
func TestGrantSaysWhatItCannotDo(t *testing.T) {
	needRoot(t)
	for _, tc := range []struct {
		name    string
		prepare func(dir string) error // before the socket is made in dir/above/run
		policy  Policy
		says    []string
	}{
		{"nothing wrong", nil, ruleFor("5001"), nil},
		{"no such user", nil, ruleFor("nosuchuser", "5001"), []string{`names the user "nosuchuser", which does not exist`}},
		{"no such group", nil, ruleFor("@nosuchgroup"), []string{`names the group "nosuchgroup"`}},
		{"shut above", func(dir string) error { return os.Mkdir(filepath.Join(dir, "above"), 0o700) }, ruleFor("5001", "@6000"),
			[]string{`user "5001" and group "6000" may not go through`, "above, whose mode is 0700", "name a socket elsewhere"}},
		{"a group that passes above", func(dir string) error {
			above := filepath.Join(dir, "above")
			return errors.Join(os.Mkdir(above, 0o750), os.Chown(above, 0, 6000))
		}, ruleFor("@6000"), nil},
		{"other things in the directory", func(dir string) error {
			run := filepath.Join(dir, "above", "run")
			return errors.Join(os.MkdirAll(run, 0o700), os.Chmod(filepath.Dir(run), 0o755), os.WriteFile(filepath.Join(run, "vault.db"), nil, 0o600))
		}, ruleFor("5001"), []string{"is not opened, because it holds more than the socket"}},
		{"somebody else's directory", func(dir string) error {
			run := filepath.Join(dir, "above", "run")
			return errors.Join(os.MkdirAll(run, 0o700), os.Chmod(filepath.Dir(run), 0o755), os.Chown(run, 5009, 5009))
		}, ruleFor("5001"), []string{"is not opened"}},
		{"somebody else's open directory", func(dir string) error {
			run := filepath.Join(dir, "above", "run")
			return errors.Join(os.MkdirAll(run, 0o755), os.Chown(run, 5009, 5009))
		}, ruleFor("5001"), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := sockettest.OpenDir(t)
			if tc.prepare != nil {
				if err := tc.prepare(dir); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(dir, "above", "run", "c.sock")
			listening(t, path)
			troubles := Grant(path, tc.policy)
			for _, text := range tc.says {
				if !strings.Contains(strings.Join(troubles, "; "), text) {
					t.Errorf("%q is not said: %q", text, troubles)
				}
			}
			if len(tc.says) == 0 && len(troubles) > 0 {
				t.Errorf("it says %q", troubles)
			}
		})
	}
}

// A directory keeps what somebody else put into its list.
func TestGrantLeavesForeignEntries(t *testing.T) {
	needRoot(t)
	path := filepath.Join(sockettest.OpenDir(t), "run", "c.sock")
	listening(t, path)
	dir := filepath.Dir(path)
	foreign := aclEntry{aclUser, aclRead | aclExecute, 5009}
	if err := writeACL(dir, append(aclOf(0o700), foreign).masked()); err != nil {
		t.Skip("no access lists here: ", err)
	}
	for _, p := range []Policy{ruleFor("5001"), ruleFor("5009"), ruleFor()} {
		Grant(path, p)
		list, err := readACL(dir, 0o700)
		if err != nil || !slices.Contains(list, foreign) {
			t.Errorf("%v, %v", list, err)
		}
	}
	if connects(t, path, 5009, 5009) {
		t.Error("it let the owner of that entry in to the socket")
	}
}

// Where there are no lists, one group can be let in.
func TestGrantByGroup(t *testing.T) {
	needRoot(t)
	path := filepath.Join(sockettest.OpenDir(t), "run", "c.sock")
	listening(t, path)
	w := access{socket: path, dir: filepath.Dir(path), directory: invented(),
		write: func(string, acl) error { return errors.ErrUnsupported }}
	media, recorder := principal{group: true, id: 6000, name: "media"}, principal{id: 5001, name: "recorder"}
	for _, step := range []struct {
		principals []principal
		in         int // the group whose members get in, 0 for none
		says       string
	}{
		{[]principal{recorder}, 5100, ""},
		{[]principal{media}, 6000, ""},
		{nil, 0, ""},
		{[]principal{media, recorder}, 0, "takes no access list"},
		{[]principal{media}, 6000, ""},
	} {
		w.principals = step.principals
		troubles := append(w.through(), w.in()...)
		if (len(troubles) > 0) != (step.says != "") || !strings.Contains(strings.Join(troubles, "; "), step.says) {
			t.Errorf("%v: it says %q", step.principals, troubles)
		}
		want := fs.FileMode(0o600)
		if len(step.principals) > 0 {
			want = 0o660
		}
		if got := mode(t, path); got != want {
			t.Errorf("%v: mode %o", step.principals, got)
		}
		for _, gid := range []int{6000, 5100, 5001} {
			if len(troubles) == 0 && connects(t, path, 5001, gid) != (gid == step.in) {
				t.Errorf("%v: a member of %d", step.principals, gid)
			}
		}
	}
}

// The kernel tells the groups that the process has, whatever the user database
// says of its user.
func TestPeersGroups(t *testing.T) {
	needRoot(t)
	path := filepath.Join(sockettest.OpenDir(t), "c.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	var many []uint32
	for i := range uint32(200) {
		many = append(many, 7000+i)
	}
	for _, groups := range [][]uint32{{}, {6000}, many} {
		conn, err := sockettest.DialWith(5001, 5001, groups, path)
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		p := PeerOf(ConnContext(t.Context(), far))
		if !p.Known || !p.GroupsKnown || p.UID != 5001 || fmt.Sprint(p.Groups) != fmt.Sprint(groups) {
			t.Errorf("%d groups: %+v", len(groups), p)
		}
		if exe, _ := os.Executable(); p.Program != exe {
			t.Errorf("program %q, want %q", p.Program, exe)
		}
		_ = conn.Close()
		_ = far.Close()
	}
}

func TestProgramOfAProcess(t *testing.T) {
	if got := program(int32(os.Getpid())); !filepath.IsAbs(got) {
		t.Errorf("%q", got)
	}
	if got := program(0); got != "" {
		t.Errorf("%q", got)
	}
	if got := program(1 << 30); got != "" {
		t.Errorf("%q", got)
	}
}

func TestFitsByTheKernelsGroups(t *testing.T) {
	rule := Rule{Group: "media"}
	d := invented() // in which 5001 is a member of media
	for _, tc := range []struct {
		peer Peer
		want bool
	}{
		{Peer{UID: 5001, GID: 5001}, true},
		{Peer{UID: 5001, GID: 5001, GroupsKnown: true}, false},
		{Peer{UID: 5002, GID: 5002, GroupsKnown: true, Groups: []uint32{1, 6000}}, true},
		{Peer{UID: 5002, GID: 6000, GroupsKnown: true}, true},
	} {
		if got := d.fits(rule, tc.peer); got != tc.want {
			t.Errorf("%+v: %v", tc.peer, got)
		}
	}
}
