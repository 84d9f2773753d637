package socket

import (
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const testOwner = 1000

// invented is a directory in which recorder is 5001 and in the group media,
// principal is 5002.
func invented() *Directory {
	lookup := func(m map[string]uint32) memo[string, uint32] {
		return memo[string, uint32]{find: func(name string) (uint32, bool) { id, ok := m[name]; return id, ok }}
	}
	return &Directory{
		users:   lookup(map[string]uint32{"recorder": 5001, "principal": 5002}),
		groups:  lookup(map[string]uint32{"media": 6000, "principals": 5002}),
		primary: memo[uint32, uint32]{find: func(uid uint32) (uint32, bool) { return 5100, uid == 5001 }},
		members: memo[uint32, []uint32]{find: func(uid uint32) ([]uint32, bool) {
			return map[uint32][]uint32{5001: {5001, 6000}}[uid], true
		}},
		names: memo[uint32, string]{find: func(uid uint32) (string, bool) {
			name, ok := map[uint32]string{5001: "recorder", 5002: "principal"}[uid]
			return name, ok
		}},
	}
}

func TestPolicy(t *testing.T) {
	recorder := Peer{UID: 5001, GID: 5001, Known: true}
	principal := Peer{UID: 5002, GID: 5002, Known: true}
	get := []string{VerbGet}
	for _, tc := range []struct {
		name    string
		rules   []Rule
		peer    Peer
		verb    string
		account string
		want    bool
	}{
		{"root", nil, Peer{UID: 0, Known: true}, VerbManage, Every, true},
		{"owner", nil, Peer{UID: testOwner, Known: true}, VerbManage, Every, true},
		{"nobody", nil, recorder, VerbStatus, "main", false},
		{"unnamed", []Rule{{User: "0", Accounts: []string{"*"}, May: Verbs()}}, Peer{}, VerbStatus, "main", !KernelNamesPeers},
		{"user", []Rule{{User: "recorder", Accounts: []string{"main"}, May: get}}, recorder, VerbGet, "main", true},
		{"other user", []Rule{{User: "recorder", Accounts: []string{"main"}, May: get}}, principal, VerbGet, "main", false},
		{"other account", []Rule{{User: "recorder", Accounts: []string{"main"}, May: get}}, recorder, VerbGet, "other", false},
		{"other verb", []Rule{{User: "recorder", Accounts: []string{"main"}, May: get}}, recorder, VerbStatus, "main", false},
		{"supplementary group", []Rule{{Group: "media", Accounts: []string{"*"}, May: get}}, recorder, VerbGet, "main", true},
		{"primary group", []Rule{{Group: "principals", Accounts: []string{"*"}, May: get}}, principal, VerbGet, "main", true},
		{"not in the group", []Rule{{Group: "media", Accounts: []string{"*"}, May: get}}, principal, VerbGet, "main", false},
		{"both have to fit", []Rule{{User: "principal", Group: "media", Accounts: []string{"*"}, May: get}}, principal, VerbGet, "main", false},
		{"neither", []Rule{{Accounts: []string{"*"}, May: get}}, principal, VerbGet, "main", false},
		{"no accounts", []Rule{{User: "principal", May: get}}, principal, VerbGet, "main", false},
		{"unknown user", []Rule{{User: "ghost", Accounts: []string{"*"}, May: get}}, principal, VerbGet, "main", false},
		{"first match denies", []Rule{{User: "recorder", Accounts: []string{"main"}, May: []string{VerbStatus}},
			{User: "recorder", Accounts: []string{"*"}, May: get}}, recorder, VerbGet, "main", false},
		{"first match is per account", []Rule{{User: "recorder", Accounts: []string{"main"}, May: []string{VerbStatus}},
			{User: "recorder", Accounts: []string{"*"}, May: get}}, recorder, VerbGet, "other", true},
		{"keeper needs the star", []Rule{{User: "recorder", Accounts: []string{"main", "other"}, May: Verbs()}}, recorder, VerbManage, Every, false},
		{"keeper with the star", []Rule{{User: "recorder", Accounts: []string{"*"}, May: Verbs()}}, recorder, VerbManage, Every, true},
		{"an account named star is not all", []Rule{{User: "recorder", Accounts: []string{"main"}, May: Verbs()}}, recorder, VerbGet, "*", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := Policy{Owner: testOwner, Rules: tc.rules}
			if got := p.Rights(tc.peer, invented()).May(tc.verb, tc.account); got != tc.want {
				t.Errorf("may %s %s: %v", tc.verb, tc.account, got)
			}
		})
	}
}

func TestRefusalSaysTheLine(t *testing.T) {
	recorder := Peer{UID: 5001, Known: true}
	d := invented()
	none := Policy{Owner: testOwner}.Rights(recorder, d)
	some := Policy{Owner: testOwner, Rules: []Rule{{User: "principal"},
		{Group: "media", Accounts: []string{"main"}, May: []string{VerbStatus}}}}.Rights(recorder, d)
	for _, tc := range []struct {
		own           Rights
		verb, account string
		detail, hint  string
	}{
		{none, VerbGet, "main", `recorder (uid 5001) is not permitted "get" of account "main"`,
			`to allow it, add to the configuration: [[control.allow]] with user = "recorder", accounts = ["main"], may = ["get"]`},
		{none, VerbManage, Every, `recorder (uid 5001) is not permitted "manage" of the whole keeper`,
			`to allow it, add to the configuration: [[control.allow]] with user = "recorder", accounts = ["*"], may = ["manage"]`},
		{none, VerbStatus, "", `recorder (uid 5001) is not permitted "status" of any account`,
			`to allow it, add to the configuration: [[control.allow]] with user = "recorder", accounts = ["*"], may = ["status"]`},
		{some, VerbGet, "main", `recorder (uid 5001) is not permitted "get" of account "main"`,
			`the first match decides: add "get" to may of [[control.allow]] number 2 (group = "media"), or put a rule before it`},
	} {
		p := tc.own.Refusal(tc.verb, tc.account, d)
		if p.Type != client.ProblemNotPermitted || p.Detail != tc.detail || p.Hint != tc.hint {
			t.Errorf("got %+v", p)
		}
	}
}

// The system's own database is asked only about what every system has.
func TestDirectory(t *testing.T) {
	d := NewDirectory()
	if !d.fits(Rule{User: "0"}, Peer{UID: 0}) || d.fits(Rule{User: "no such user"}, Peer{UID: 0}) {
		t.Error("users")
	}
	if !d.fits(Rule{Group: "7777"}, Peer{UID: 5001, GID: 7777}) || d.fits(Rule{Group: "no such group"}, Peer{}) {
		t.Error("groups")
	}
	if got := d.UserName(4000000001); got != "4000000001" {
		t.Error(got)
	}
}

func TestMemo(t *testing.T) {
	calls := 0
	m := memo[int, int]{find: func(k int) (int, bool) { calls++; return k, k%2 == 0 }}
	for range 3 {
		if v, ok := m.get(2); v != 2 || !ok {
			t.Error(v, ok)
		}
		if _, ok := m.get(3); ok {
			t.Error("3 is there")
		}
	}
	if calls != 2 {
		t.Errorf("%d lookups", calls)
	}
	for k := range 5 * memoSize {
		m.get(k)
	}
	if len(m.kept) > memoSize {
		t.Errorf("%d kept", len(m.kept))
	}
}
