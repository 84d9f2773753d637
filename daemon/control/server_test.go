package control

import (
	"bytes"
	"context"
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

// bare is a server without a keeper, for what needs none.
func bare() *Server {
	s := &Server{access: &access{directory: socket.NewDirectory()}}
	s.access.policy.Store(&socket.Policy{Owner: testOwner})
	s.handler = s.guard(s.mux())
	return s
}

// address fills a route's pattern with what there is, or is made for it.
func (f *fixture) address(rt route) string {
	f.T.Helper()
	id := ""
	switch {
	case strings.HasPrefix(rt.path, "/v1/notify/"):
		return "/v1/notify/phone/test"
	case rt.path == "/v1/credential":
		return rt.path + "?tag=both"
	case strings.HasPrefix(rt.path, "/v1/vault/slots/"):
		added, err := f.Keeper.Vault().AddSlot(f.T.Context(), client.VaultSlotRequest{Kind: "recovery"})
		if err != nil {
			f.T.Fatal(err)
		}
		id = added.Slot.ID
	case strings.HasPrefix(rt.path, "/v1/page/sessions/"):
		_, id = f.browser()
	case rt.of == ofLogin:
		method := client.MethodQR
		if strings.HasSuffix(rt.path, "{step}") {
			method = client.MethodSMS
		}
		l, err := f.Keeper.Logins().Start(f.T.Context(), client.LoginRequest{Account: "main", Method: method})
		if err != nil {
			f.T.Fatal(err)
		}
		id = l.ID
	}
	return strings.NewReplacer("{name}", "main", "{id}", id, "{step}", client.StepCaptcha, "{part}", "vault").Replace(rt.path)
}

// body is what a route needs to do something.
func (f *fixture) body(rt route) string {
	f.T.Helper()
	var body any
	switch {
	case rt.path == "/v1/accounts" && rt.of == ofBody:
		body = client.ImportRequest{Account: "main", Data: f.header("main"), Replace: true}
	case rt.of == ofBody:
		body = client.LoginRequest{Account: "main"}
	case rt.method == http.MethodPatch:
		paused := true
		body = client.AccountPatch{Paused: &paused}
	case rt.path == "/v1/vault/slots":
		body = client.VaultSlotRequest{Kind: "recovery"}
	default:
		return ""
	}
	text, err := json.Marshal(body)
	if err != nil {
		f.T.Fatal(err)
	}
	return string(text)
}

func TestEveryRouteDeclaresItsVerb(t *testing.T) {
	var table bytes.Buffer
	for _, rt := range bare().routes() {
		if rt.verb != verbOpen && !slices.Contains(socket.Verbs(), rt.verb) {
			t.Errorf("%s %s: verb %q", rt.method, rt.path, rt.verb)
		}
		if (rt.verb == verbOpen) != (rt.of == ofNothing) {
			t.Errorf("%s %s: open and not, at once", rt.method, rt.path)
		}
		if rt.of == ofAccount && !strings.Contains(rt.path, "{name}") || rt.of == ofLogin && !strings.Contains(rt.path, "{id}") {
			t.Errorf("%s %s: the path does not say which %s", rt.method, rt.path, rt.of)
		}
		fmt.Fprintf(&table, "%-6s %-34s %-8s %s\n", rt.method, rt.path, rt.verb, rt.of)
	}
	golden.Equal(t, "routes.golden", table.Bytes())
}

// A peer for whom no rule is there gets nowhere but to healthz; one that has
// the verb gets through, and one that has all but the verb does not.
func TestEveryRouteAsksThePolicy(t *testing.T) {
	stranger := socket.Peer{UID: 5001, GID: 5001, Known: true}
	for _, rt := range bare().routes() {
		run(t, func(f *fixture) {
			name := rt.method + " " + rt.path
			ask := func(p socket.Peer, may ...string) int {
				policy := socket.Policy{Owner: testOwner}
				if may != nil {
					policy.Rules = []socket.Rule{{User: "5001", Accounts: []string{"*"}, May: may}}
				}
				return do(f.server(policy, nil), p, rt.method, f.address(rt), f.body(rt)).Code
			}
			served := func(status int) bool { return status == http.StatusOK || status == http.StatusNoContent }
			if rt.verb == verbOpen {
				if got := ask(stranger); got != http.StatusOK {
					t.Errorf("%s: a stranger got %d", name, got)
				}
				return
			}
			others := slices.DeleteFunc(socket.Verbs(), func(v string) bool { return v == rt.verb })
			if got := ask(stranger); got != http.StatusForbidden {
				t.Errorf("%s: a stranger got %d", name, got)
			}
			if got := ask(stranger, others...); got != http.StatusForbidden {
				t.Errorf("%s: with every other verb: %d", name, got)
			}
			if rt.of == ofOwner {
				if got := ask(stranger, socket.Verbs()...); got != http.StatusForbidden {
					t.Errorf("%s: with every verb: %d", name, got)
				}
				if got := ask(owner); !served(got) {
					t.Errorf("%s: the owner got %d", name, got)
				}
				return
			}
			if got := ask(stranger, rt.verb); !served(got) {
				t.Errorf("%s: with the verb: %d", name, got)
			}
		})
	}
}

func TestNobodyWithoutAPeer(t *testing.T) {
	s := bare()
	s.access.policy.Store(&socket.Policy{}) // the owner is root, as is the zero uid
	if w := do(s, socket.Peer{}, "GET", "/v1/status", ""); socket.KernelNamesPeers && w.Code != http.StatusForbidden {
		t.Errorf("an unnamed peer got %d", w.Code)
	}
}

func TestRefusals(t *testing.T) {
	run(t, checkRefusals)
}

func checkRefusals(f *fixture) {
	t, s := f.T, f.owned()
	begun, err := f.SMSLogin()
	if err != nil {
		t.Fatal(err)
	}
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
		{"no such step", "POST", "/v1/logins/" + begun.ID + "/dance", "{}", nil, 404, client.ProblemNotFound, "dance"},
		{"code not taken", "POST", "/v1/logins/" + begun.ID + "/code", `{"code":"000000"}`, nil, 409, client.ProblemSMS, "wrong"},
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
		{"wait alone", "GET", "/v1/logins/" + begun.ID + "?wait=1s", "", nil, 400, client.ProblemBadRequest, "after"},
		{"wait too long", "GET", "/v1/logins/" + begun.ID + "?after=1&wait=24h", "", nil, 400, client.ProblemBadRequest, "wait"},
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
		w := do(s, owner, tc.method, tc.target, tc.body, tc.header...)
		p := problemOf(t, w)
		if w.Code != tc.status || p.Type != tc.kind || !strings.Contains(p.Detail, tc.text) {
			t.Errorf("%s: got %d %+v", tc.name, w.Code, p)
		}
		if w.Code == http.StatusMethodNotAllowed && w.Header().Get("Allow") == "" {
			t.Errorf("%s: no Allow", tc.name)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: may be stored", tc.name)
		}
	}
}

// Node's fetch and a forwarder send what a page in a browser does not.
func TestPrograms(t *testing.T) {
	s := bare()
	for _, header := range [][]string{{"Sec-Fetch-Mode", "cors"}, {"Sec-Fetch-Mode", "cors", "Host", "localhost:7560"}, {"Sec-Fetch-Site", "none"}} {
		if w := do(s, owner, "GET", "/v1/healthz", "", header...); w.Code != http.StatusOK {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
}

func TestHosts(t *testing.T) {
	s := bare()
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
	run(t, func(f *fixture) {
		var log bytes.Buffer
		s := f.server(socket.Policy{Owner: testOwner}, &log)
		works := f.reload
		f.reload = func(context.Context) (client.Reloaded, error) { panic(canary) }
		w := do(s, owner, "POST", "/v1/reload", "")
		if p := problemOf(t, w); w.Code != 500 || p.Type != client.ProblemInternal {
			t.Errorf("got %d %+v", w.Code, p)
		}
		if strings.Contains(log.String(), canary) || strings.Contains(w.Body.String(), canary) {
			t.Error("the panic's value shows")
		}
		if !strings.Contains(log.String(), "panicked") {
			t.Errorf("nothing logged: %s", log.String())
		}
		f.reload = works
		if w := do(s, owner, "POST", "/v1/reload", ""); w.Code != 200 {
			t.Errorf("afterwards: %d", w.Code)
		}
	})
}

func TestLogsWhatChangesThingsOnly(t *testing.T) {
	run(t, func(f *fixture) {
		var log bytes.Buffer
		s := f.server(socket.Policy{Owner: testOwner}, &log)
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
	})
}

func TestPolicies(t *testing.T) {
	run(t, func(f *fixture) {
		wrong := socket.Policy{Rules: []socket.Rule{{User: "x", May: []string{"fly"}}}}
		if _, err := New(Config{Keeper: f.Keeper, Policy: wrong}); err == nil {
			t.Error("an unknown verb is taken")
		}
		s := f.owned()
		if err := s.SetPolicy(wrong); err == nil {
			t.Error("an unknown verb is taken later")
		}
		guest := socket.Peer{UID: 5001, Known: true}
		if err := s.SetPolicy(socket.Policy{Rules: []socket.Rule{{User: "5001", Accounts: []string{"*"}, May: []string{socket.VerbStatus}}}}); err != nil {
			t.Fatal(err)
		}
		if w := do(s, guest, "GET", "/v1/status", ""); w.Code != 200 {
			t.Errorf("the new policy does not hold: %d", w.Code)
		}
	})
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
