package control

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// invented is a directory in which recorder is 5001 and in the group media,
// guest is 5002.
func invented() *directory {
	lookup := func(m map[string]uint32) memo[string, uint32] {
		return memo[string, uint32]{find: func(name string) (uint32, bool) { id, ok := m[name]; return id, ok }}
	}
	return &directory{
		users:   lookup(map[string]uint32{"recorder": 5001, "guest": 5002}),
		groups:  lookup(map[string]uint32{"media": 6000, "guests": 5002}),
		primary: memo[uint32, uint32]{find: func(uid uint32) (uint32, bool) { return 5100, uid == 5001 }},
		members: memo[uint32, []uint32]{find: func(uid uint32) ([]uint32, bool) {
			return map[uint32][]uint32{5001: {5001, 6000}}[uid], true
		}},
		names: memo[uint32, string]{find: func(uid uint32) (string, bool) {
			name, ok := map[uint32]string{5001: "recorder", 5002: "guest"}[uid]
			return name, ok
		}},
	}
}

func TestPolicy(t *testing.T) {
	recorder := Peer{UID: 5001, GID: 5001, Known: true}
	guest := Peer{UID: 5002, GID: 5002, Known: true}
	get := []string{VerbGet}
	for _, tc := range []struct {
		name    string
		rules   []Rule
		peer    Peer
		verb    string
		account string
		want    bool
	}{
		{"root", nil, Peer{UID: 0, Known: true}, VerbManage, every, true},
		{"owner", nil, owner, VerbManage, every, true},
		{"nobody", nil, recorder, VerbStatus, "main", false},
		{"unnamed", []Rule{{User: "0", Accounts: []string{"*"}, May: Verbs()}}, Peer{}, VerbStatus, "main", !kernelNamesPeers},
		{"user", []Rule{{User: "recorder", Accounts: []string{"main"}, May: get}}, recorder, VerbGet, "main", true},
		{"other user", []Rule{{User: "recorder", Accounts: []string{"main"}, May: get}}, guest, VerbGet, "main", false},
		{"other account", []Rule{{User: "recorder", Accounts: []string{"main"}, May: get}}, recorder, VerbGet, "other", false},
		{"other verb", []Rule{{User: "recorder", Accounts: []string{"main"}, May: get}}, recorder, VerbStatus, "main", false},
		{"supplementary group", []Rule{{Group: "media", Accounts: []string{"*"}, May: get}}, recorder, VerbGet, "main", true},
		{"primary group", []Rule{{Group: "guests", Accounts: []string{"*"}, May: get}}, guest, VerbGet, "main", true},
		{"not in the group", []Rule{{Group: "media", Accounts: []string{"*"}, May: get}}, guest, VerbGet, "main", false},
		{"both have to fit", []Rule{{User: "guest", Group: "media", Accounts: []string{"*"}, May: get}}, guest, VerbGet, "main", false},
		{"neither", []Rule{{Accounts: []string{"*"}, May: get}}, guest, VerbGet, "main", false},
		{"no accounts", []Rule{{User: "guest", May: get}}, guest, VerbGet, "main", false},
		{"unknown user", []Rule{{User: "ghost", Accounts: []string{"*"}, May: get}}, guest, VerbGet, "main", false},
		{"first match denies", []Rule{{User: "recorder", Accounts: []string{"main"}, May: []string{VerbStatus}},
			{User: "recorder", Accounts: []string{"*"}, May: get}}, recorder, VerbGet, "main", false},
		{"first match is per account", []Rule{{User: "recorder", Accounts: []string{"main"}, May: []string{VerbStatus}},
			{User: "recorder", Accounts: []string{"*"}, May: get}}, recorder, VerbGet, "other", true},
		{"keeper needs the star", []Rule{{User: "recorder", Accounts: []string{"main", "other"}, May: Verbs()}}, recorder, VerbManage, every, false},
		{"keeper with the star", []Rule{{User: "recorder", Accounts: []string{"*"}, May: Verbs()}}, recorder, VerbManage, every, true},
		{"an account named star is not all", []Rule{{User: "recorder", Accounts: []string{"main"}, May: Verbs()}}, recorder, VerbGet, "*", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := Policy{Owner: testOwner, Rules: tc.rules}
			if got := p.rights(tc.peer, invented()).may(tc.verb, tc.account); got != tc.want {
				t.Errorf("may %s %s: %v", tc.verb, tc.account, got)
			}
		})
	}
}

func TestRefusalSaysTheLine(t *testing.T) {
	recorder := Peer{UID: 5001, Known: true}
	d := invented()
	none := Policy{Owner: testOwner}.rights(recorder, d)
	some := Policy{Owner: testOwner, Rules: []Rule{{User: "guest"},
		{Group: "media", Accounts: []string{"main"}, May: []string{VerbStatus}}}}.rights(recorder, d)
	for _, tc := range []struct {
		own           rights
		verb, account string
		detail, hint  string
	}{
		{none, VerbGet, "main", `recorder (uid 5001) is not permitted "get" of account "main"`,
			`to allow it, add to the configuration: [[control.allow]] with user = "recorder", accounts = ["main"], may = ["get"]`},
		{none, VerbManage, every, `recorder (uid 5001) is not permitted "manage" of the whole keeper`,
			`to allow it, add to the configuration: [[control.allow]] with user = "recorder", accounts = ["*"], may = ["manage"]`},
		{none, VerbStatus, "", `recorder (uid 5001) is not permitted "status" of any account`,
			`to allow it, add to the configuration: [[control.allow]] with user = "recorder", accounts = ["*"], may = ["status"]`},
		{some, VerbGet, "main", `recorder (uid 5001) is not permitted "get" of account "main"`,
			`the first match decides: add "get" to may of [[control.allow]] number 2 (group = "media"), or put a rule before it`},
	} {
		p := tc.own.refusal(tc.verb, tc.account, d)
		if p.Type != client.ProblemNotPermitted || p.Detail != tc.detail || p.Hint != tc.hint {
			t.Errorf("got %+v", p)
		}
	}
}

func TestListsAreFiltered(t *testing.T) {
	f := newFake()
	s := f.server(t, Policy{Owner: testOwner, Rules: []Rule{{User: "5001", Accounts: []string{"main"}, May: []string{VerbStatus}}}}, nil)
	f.emit(client.EventCheckOK, "main")
	f.emit(client.EventCheckOK, "other")
	f.emit(client.EventNotifyFailed, "")
	guest := Peer{UID: 5001, Known: true}
	for _, path := range []string{"/v1/status", "/v1/accounts", "/v1/events"} {
		w := do(s, guest, "GET", path, "")
		if w.Code != 200 || strings.Contains(w.Body.String(), "other") || !strings.Contains(w.Body.String(), "main") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "L-main") {
			t.Errorf("%s shows a login to one who may not log in", path)
		}
		if w := do(s, owner, "GET", path, ""); !strings.Contains(w.Body.String(), "other") {
			t.Errorf("%s: the owner does not see all: %s", path, w.Body)
		}
	}
	var list []client.Event
	if err := json.Unmarshal(do(s, guest, "GET", "/v1/events", "").Body.Bytes(), &list); err != nil || len(list) != 1 {
		t.Errorf("%v, %+v", err, list)
	}
}

// The system's own database is asked only about what every system has.
func TestDirectory(t *testing.T) {
	d := newDirectory()
	if !d.fits(Rule{User: "0"}, Peer{UID: 0}) || d.fits(Rule{User: "no such user"}, Peer{UID: 0}) {
		t.Error("users")
	}
	if !d.fits(Rule{Group: "7777"}, Peer{UID: 5001, GID: 7777}) || d.fits(Rule{Group: "no such group"}, Peer{}) {
		t.Error("groups")
	}
	if got := d.userName(4000000001); got != "4000000001" {
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
