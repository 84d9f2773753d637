package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/internal/golden"
)

// address fills a route's pattern.
func address(rt route) string {
	if strings.HasPrefix(rt.path, "/v1/notify/") {
		return "/v1/notify/phone/test"
	}
	if rt.path == "/v1/credential" {
		return rt.path + "?tag=both"
	}
	if strings.HasPrefix(rt.path, "/v1/vault/slots/") {
		return "/v1/vault/slots/ONE"
	}
	if strings.HasPrefix(rt.path, "/v1/page/sessions/") {
		_, id := aBrowser()
		return "/v1/page/sessions/" + id
	}
	return strings.NewReplacer("{name}", "main", "{id}", "L-main", "{step}", "code", "{part}", "vault").Replace(rt.path)
}

// bodyFor is what a route needs to get past the decoding.
func bodyFor(rt route) string {
	if rt.of == ofBody {
		return `{"account":"main"}`
	}
	if rt.method == http.MethodPatch {
		return `{"paused":true}`
	}
	if rt.path == "/v1/vault/slots" {
		return `{"kind":"recovery"}`
	}
	if strings.HasSuffix(rt.path, "{step}") {
		return `{"code":"123456"}`
	}
	return ""
}

func TestEveryRouteDeclaresItsVerb(t *testing.T) {
	var table bytes.Buffer
	for _, rt := range routes() {
		if rt.verb != verbOpen && !slices.Contains(socket.Verbs(), rt.verb) {
			t.Errorf("%s %s: verb %q", rt.method, rt.path, rt.verb)
		}
		if (rt.verb == verbOpen) != (rt.of == ofNothing) {
			t.Errorf("%s %s: open and not, at once", rt.method, rt.path)
		}
		if rt.of == ofAccount && !strings.Contains(rt.path, "{name}") || rt.of == ofLogin && !strings.Contains(rt.path, "{id}") {
			t.Errorf("%s %s: the path does not say which %s", rt.method, rt.path, rt.of)
		}
		offered := ""
		if rt.serve == nil {
			offered = " (not yet)"
		}
		fmt.Fprintf(&table, "%-6s %-34s %-8s %s%s\n", rt.method, rt.path, rt.verb, rt.of, offered)
	}
	golden.Equal(t, "routes.golden", table.Bytes())
}

// A peer for whom no rule is there gets nowhere but to healthz; one that has
// the verb gets through, and one that has all but the verb does not.
func TestEveryRouteAsksThePolicy(t *testing.T) {
	stranger := socket.Peer{UID: 5001, GID: 5001, Known: true}
	for _, rt := range routes() {
		if rt.serve == nil {
			continue
		}
		t.Run(rt.method+" "+rt.path, func(t *testing.T) {
			ask := func(may ...string) int {
				p := socket.Policy{Owner: testOwner}
				if may != nil {
					p.Rules = []socket.Rule{{User: "5001", Accounts: []string{"*"}, May: may}}
				}
				return do(newFake().server(t, p, nil), stranger, rt.method, address(rt), bodyFor(rt)).Code
			}
			if rt.verb == verbOpen {
				if got := ask(); got != http.StatusOK {
					t.Errorf("a stranger got %d", got)
				}
				return
			}
			others := slices.DeleteFunc(socket.Verbs(), func(v string) bool { return v == rt.verb })
			if got := ask(); got != http.StatusForbidden {
				t.Errorf("a stranger got %d", got)
			}
			if got := ask(others...); got != http.StatusForbidden {
				t.Errorf("with every other verb: %d", got)
			}
			if rt.of == ofOwner {
				if got := ask(socket.Verbs()...); got != http.StatusForbidden {
					t.Errorf("with every verb: %d", got)
				}
				w := do(newFake().server(t, socket.Policy{Owner: testOwner}, nil), owner, rt.method, address(rt), bodyFor(rt))
				if w.Code != http.StatusOK && w.Code != http.StatusNoContent {
					t.Errorf("the owner got %d", w.Code)
				}
				return
			}
			if got := ask(rt.verb); got != http.StatusOK && got != http.StatusNoContent {
				t.Errorf("with the verb: %d", got)
			}
		})
	}
}

func TestNobodyWithoutAPeer(t *testing.T) {
	s := newFake().server(t, socket.Policy{}, nil) // the owner is root, as is the zero uid
	if w := do(s, socket.Peer{}, "GET", "/v1/status", ""); socket.KernelNamesPeers && w.Code != http.StatusForbidden {
		t.Errorf("an unnamed peer got %d", w.Code)
	}
}

func TestRefusals(t *testing.T) {
	s := newFake().server(t, socket.Policy{Owner: testOwner}, nil)
	big := `{"account":"` + strings.Repeat("x", maxBody) + `"}`
	for _, tc := range []struct {
		name, method, target, body string
		header                     []string
		status                     int
		kind, text                 string
	}{
		{"origin", "GET", "/v1/status", "", []string{"Origin", "null"}, 403, client.ProblemNotPermitted, "Origin"},
		{"referer", "GET", "/v1/status", "", []string{"Referer", "http://localhost/"}, 403, client.ProblemNotPermitted, "Referer"},
		{"fetch metadata", "GET", "/v1/healthz", "", []string{"Sec-Fetch-Site", "same-origin"}, 403, client.ProblemNotPermitted, "Sec-Fetch-Site"},
		{"a page elsewhere", "GET", "/v1/healthz", "", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "cross-site"}, 403, client.ProblemNotPermitted, "Sec-Fetch-Site"},
		{"a name with a port", "GET", "/v1/status", "", []string{"Host", "bilikeeper:7560"}, 403, client.ProblemNotPermitted, "host"},
		{"a name that looks like this machine", "GET", "/v1/status", "", []string{"Host", "localhost.example.net:7560"}, 403, client.ProblemNotPermitted, "host"},
		{"another machine", "GET", "/v1/status", "", []string{"Host", "192.0.2.1:7560"}, 403, client.ProblemNotPermitted, "host"},
		{"host", "GET", "/v1/status", "", []string{"Host", "example.net"}, 403, client.ProblemNotPermitted, "host"},
		{"path", "GET", "/v2/status", "", nil, 404, client.ProblemNotFound, "no such path"},
		{"root", "GET", "/", "", nil, 404, client.ProblemNotFound, ""},
		{"unclean path", "GET", "/v1//status", "", nil, 404, client.ProblemNotFound, ""},
		{"trailing slash", "GET", "/v1/accounts/", "", nil, 404, client.ProblemNotFound, ""},
		{"dots", "DELETE", "/v1/accounts/x/..", "", nil, 404, client.ProblemNotFound, ""},
		{"method", "PUT", "/v1/status", "", nil, 405, client.ProblemMethod, "GET"},
		{"head", "HEAD", "/v1/reload", "", nil, 405, client.ProblemMethod, "POST"},
		{"tag", "GET", "/v1/credential?tag=nobodys", "", nil, 404, client.ProblemNoAccount, "nobodys"},
		{"no tag", "GET", "/v1/credential", "", nil, 400, client.ProblemBadRequest, "tag"},
		{"strategy", "GET", "/v1/credential?tag=both&strategy=best", "", nil, 400, client.ProblemBadRequest, "round-robin"},
		{"after of a tag", "GET", "/v1/credential?tag=both&after=3", "", nil, 400, client.ProblemBadRequest, "after"},
		{"stale of a tag", "GET", "/v1/credential?tag=both&stale=true", "", nil, 400, client.ProblemBadRequest, "stale"},
		{"no such step", "POST", "/v1/logins/L-main/dance", "{}", nil, 404, client.ProblemNotFound, "dance"},
		{"code not taken", "POST", "/v1/logins/L-main/code", `{"code":"wrong"}`, nil, 409, client.ProblemSMS, "wrong"},
		{"metrics, other method", "POST", "/metrics", "", nil, 405, client.ProblemMethod, "GET"},
		{"settings of nobody", "PATCH", "/v1/accounts/nobody", "{}", nil, 404, client.ProblemNoAccount, "nobody"},
		{"settings, unknown field", "PATCH", "/v1/accounts/main", `{"pause":true}`, nil, 400, client.ProblemBadRequest, "pause"},
		{"settings, wrong type", "PATCH", "/v1/accounts/main", `{"paused":"yes"}`, nil, 400, client.ProblemBadRequest, "paused"},
		{"settings, no body", "PATCH", "/v1/accounts/main", "", nil, 400, client.ProblemBadRequest, ""},
		{"account", "GET", "/v1/accounts/nobody", "", nil, 404, client.ProblemNoAccount, "nobody"},
		{"login", "GET", "/v1/logins/L-nobody", "", nil, 404, client.ProblemNoLogin, ""},
		{"channel", "POST", "/v1/notify/nobody/test", "", nil, 404, client.ProblemNoChannel, ""},
		{"format", "GET", "/v1/accounts/main/credential?format=nonsense", "", nil, 400, client.ProblemBadRequest, "format"},
		{"unknown parameter", "GET", "/v1/status?verbose=1", "", nil, 400, client.ProblemBadRequest, "verbose"},
		{"parameter twice", "GET", "/v1/events?limit=1&limit=2", "", nil, 400, client.ProblemBadRequest, "twice"},
		{"broken query", "GET", "/v1/events?a=%zz", "", nil, 400, client.ProblemBadRequest, "query"},
		{"limit", "GET", "/v1/events?limit=0", "", nil, 400, client.ProblemBadRequest, "limit"},
		{"since", "GET", "/v1/events?since=yesterday", "", nil, 400, client.ProblemBadRequest, "since"},
		{"wait alone", "GET", "/v1/logins/L-main?wait=1s", "", nil, 400, client.ProblemBadRequest, "after"},
		{"wait too long", "GET", "/v1/logins/L-main?after=1&wait=24h", "", nil, 400, client.ProblemBadRequest, "wait"},
		{"flag", "GET", "/v1/accounts/main/credential?stale=perhaps", "", nil, 400, client.ProblemBadRequest, "stale"},
		{"unknown field", "POST", "/v1/logins", `{"account":"main","colour":"red"}`, nil, 400, client.ProblemBadRequest, "colour"},
		{"wrong type", "POST", "/v1/logins", `{"account":7}`, nil, 400, client.ProblemBadRequest, "account"},
		{"trailing data", "POST", "/v1/logins", `{"account":"main"} {}`, nil, 400, client.ProblemBadRequest, "follows"},
		{"null", "POST", "/v1/logins", `null`, nil, 400, client.ProblemBadRequest, "object"},
		{"no json", "POST", "/v1/logins", `account=main`, nil, 400, client.ProblemBadRequest, "object"},
		{"content type", "POST", "/v1/logins", `{"account":"main"}`, []string{"Content-Type", "text/plain"}, 415, client.ProblemMediaType, "application/json"},
		{"too large", "POST", "/v1/logins", big, nil, 413, client.ProblemTooLarge, "larger"},
		{"body where none belongs", "POST", "/v1/reload", `{"now":true}`, nil, 400, client.ProblemBadRequest, "now"},
		{"negative attend", "POST", "/v1/logins", `{"attend":-1}`, nil, 400, client.ProblemBadRequest, "attend"},
		{"bad event id", "GET", "/v1/events", "", []string{"Accept", "text/event-stream", "Last-Event-ID", "x"}, 400, client.ProblemBadRequest, "id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := do(s, owner, tc.method, tc.target, tc.body, tc.header...)
			p := problemOf(t, w)
			if w.Code != tc.status || p.Type != tc.kind || !strings.Contains(p.Detail, tc.text) {
				t.Errorf("got %d %+v", w.Code, p)
			}
			if w.Code == http.StatusMethodNotAllowed && w.Header().Get("Allow") == "" {
				t.Error("no Allow")
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Error("may be stored")
			}
		})
	}
}

// Node's fetch and a forwarder send what a page in a browser does not.
func TestPrograms(t *testing.T) {
	s := newFake().server(t, socket.Policy{Owner: testOwner}, nil)
	for _, header := range [][]string{{"Sec-Fetch-Mode", "cors"}, {"Sec-Fetch-Mode", "cors", "Host", "localhost:7560"}, {"Sec-Fetch-Site", "none"}} {
		if w := do(s, owner, "GET", "/v1/healthz", "", header...); w.Code != http.StatusOK {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
}

func TestHosts(t *testing.T) {
	s := newFake().server(t, socket.Policy{Owner: testOwner}, nil)
	for _, host := range []string{"", "localhost", "unix", "bilikeeper", "control", "localhost:7560", "127.0.0.1:7560", "[::1]:7560", "[::1]"} {
		if w := do(s, owner, "GET", "/v1/healthz", "", "Host", host); w.Code != http.StatusOK {
			t.Errorf("host %q: %d", host, w.Code)
		}
	}
}

func TestProblemTypes(t *testing.T) {
	var out bytes.Buffer
	for _, kind := range []string{client.ProblemNoAccount, client.ProblemNoLogin, client.ProblemNoChannel,
		client.ProblemNeedsLogin, client.ProblemSiteAway, client.ProblemNotPermitted, client.ProblemConfigured, client.ProblemBadRequest,
		client.ProblemNotFound, client.ProblemMethod, client.ProblemBusy, client.ProblemFellOut,
		client.ProblemStorage, client.ProblemInternal} {
		data, err := json.Marshal(asProblem(fmt.Errorf("wrapped: %w", &client.Problem{Type: kind, Detail: "d", Hint: "h"})))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", data)
	}
	for _, err := range []error{errors.New(canary), &client.Problem{Type: "novel", Status: 418, Title: "teapot"}, &client.Problem{Type: "novel"}} {
		data, _ := json.Marshal(asProblem(err))
		fmt.Fprintf(&out, "%s\n", data)
	}
	if bytes.Contains(out.Bytes(), []byte(canary)) {
		t.Error("an internal error's text goes out")
	}
	golden.Equal(t, "problems.golden", out.Bytes())
}

func TestPanicIsAnswered(t *testing.T) {
	var log bytes.Buffer
	f := newFake()
	s := f.server(t, socket.Policy{Owner: testOwner}, &log)
	f.checkFn = func() { panic(canary) }
	w := do(s, owner, "POST", "/v1/accounts/main/check", "")
	if p := problemOf(t, w); w.Code != 500 || p.Type != client.ProblemInternal {
		t.Errorf("got %d %+v", w.Code, p)
	}
	if strings.Contains(log.String(), canary) || strings.Contains(w.Body.String(), canary) {
		t.Error("the panic's value shows")
	}
	if !strings.Contains(log.String(), "panicked") {
		t.Errorf("nothing logged: %s", log.String())
	}
	f.checkFn = nil
	if w := do(s, owner, "POST", "/v1/accounts/main/check", `{"force":true}`); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
}

func TestLogsWhatChangesThingsOnly(t *testing.T) {
	var log bytes.Buffer
	s := newFake().server(t, socket.Policy{Owner: testOwner}, &log)
	do(s, owner, "GET", "/v1/accounts/main/credential?format=json", "")
	do(s, owner, "GET", "/v1/status", "")
	if log.Len() > 0 {
		t.Errorf("reading is logged: %s", log.String())
	}
	do(s, owner, "POST", "/v1/accounts/main/check?secret="+canary, "")
	do(s, owner, "POST", "/v1/accounts/main/check", "")
	if got := strings.Count(log.String(), "control request"); got != 2 || strings.Contains(log.String(), "canary") {
		t.Errorf("logged %d: %s", got, log.String())
	}
}

func TestNewWantsItsParts(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an empty configuration is taken")
	}
	s := newFake().server(t, socket.Policy{Owner: testOwner}, nil)
	if err := s.SetPolicy(socket.Policy{Rules: []socket.Rule{{User: "x", May: []string{"fly"}}}}); err == nil {
		t.Error("an unknown verb is taken")
	}
	guest := socket.Peer{UID: 5001, Known: true}
	if err := s.SetPolicy(socket.Policy{Rules: []socket.Rule{{User: "5001", Accounts: []string{"*"}, May: []string{socket.VerbStatus}}}}); err != nil {
		t.Fatal(err)
	}
	if w := do(s, guest, "GET", "/v1/status", ""); w.Code != 200 {
		t.Errorf("the new policy does not hold: %d", w.Code)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{}`, `{"account":"main"}`, `{"account":"a","attend":1}x`, `null`, `[]`, `"`, `{"attend":1e99}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parse[client.LoginRequest](data)
		if err != nil {
			if !isProblem(err, client.ProblemBadRequest) || got != (client.LoginRequest{}) {
				t.Errorf("%v, %+v", err, got)
			}
			return
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parse[client.LoginRequest](again); err != nil || back != got {
			t.Errorf("%s: %v", again, err)
		}
	})
}
