package control

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// What a connection asks for again is looked at again: its address alone is not read
// a second time.
func TestAskedAgain(t *testing.T) {
	run(t, func(f *fixture) {
		reader := socket.Peer{UID: 1001, Known: true}
		allow := func(verbs ...string) socket.Policy {
			return socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "1001", Accounts: []string{"main"}, May: verbs}}}
		}
		s := f.server(allow(socket.VerbGet), nil)
		ctx := ofConnection(socket.WithPeer(f.T.Context(), reader))
		ask := func(method, target string, header ...string) *httptest.ResponseRecorder {
			f.T.Helper()
			r := httptest.NewRequest(method, target, nil).WithContext(ctx)
			r.Host = "localhost"
			for i := 0; i+1 < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			return w
		}
		const path = "/v1/accounts/main/credential"
		wantBody := func(what string, w *httptest.ResponseRecorder, session string) {
			f.T.Helper()
			if w.Code != 200 || !strings.Contains(w.Body.String(), session) || w.Header().Get("ETag") != f.tag("main") || w.Header().Get(client.HeaderAccount) != "main" {
				f.T.Errorf("%s: %d %q, %v", what, w.Code, w.Body, w.Header())
			}
		}
		older := f.session("main")
		for range 2 {
			wantBody("the same again", ask("GET", path), older)
		}
		if got := f.reads("main"); got != 2 {
			f.T.Errorf("%d readings are counted", got)
		}
		if w := ask("GET", path, "If-None-Match", f.tag("main")); w.Code != http.StatusNotModified {
			f.T.Errorf("with its tag: %d", w.Code)
		}
		wantBody("without the tag", ask("GET", path), older)
		if w := ask("GET", path, "Origin", "https://example.net"); w.Code != http.StatusForbidden {
			f.T.Errorf("of a browser: %d", w.Code)
		}
		if w := ask("HEAD", path); w.Code != 200 || w.Body.Len() > 0 {
			f.T.Errorf("HEAD: %d %q", w.Code, w.Body)
		}
		if w := ask("POST", path); w.Code != http.StatusMethodNotAllowed {
			f.T.Errorf("POST: %d", w.Code)
		}
		if w := ask("GET", "/v1/accounts/other/credential"); w.Code != http.StatusForbidden {
			f.T.Errorf("another account: %d", w.Code)
		}
		wantBody("the first again", ask("GET", path), older)
		f.Refresh(true)
		wantBody("after a rotation", ask("GET", path), f.session("main"))
		if f.session("main") == older {
			f.T.Fatal("it is the same session")
		}
		if err := s.SetPolicy(allow(socket.VerbStatus)); err != nil {
			f.T.Fatal(err)
		}
		if w := ask("GET", path); w.Code != http.StatusForbidden {
			f.T.Errorf("after the policy has changed: %d", w.Code)
		}
		if err := s.SetPolicy(allow(socket.VerbGet)); err != nil {
			f.T.Fatal(err)
		}
		f.die("main")
		if w := ask("GET", path); problemOf(f.T, w).Type != client.ProblemNeedsLogin {
			f.T.Errorf("of a dead session: %d", w.Code)
		}
	})
}
