package control

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// shared runs a test with two hosts, each with a server; the first owns "main".
func shared(t *testing.T, p socket.Policy, test func(all *keepertest.Hosts, a, b *Server)) {
	t.Helper()
	keepertest.RunHosts(t, []string{"a", "b"}, func(all *keepertest.Hosts) {
		var servers []*Server
		for _, name := range []string{"a", "b"} {
			h := all.Host(name)
			s, err := New(Config{Keeper: h.Keeper, NeedsRestart: func() []string { return nil }, Policy: p, Log: zerolog.New(io.Discard), Version: "1",
				QR: func(content string) ([]byte, error) { return []byte("png of " + content), nil }})
			if err != nil {
				t.Fatal(err)
			}
			h.Carry = s.Carry
			servers = append(servers, s)
		}
		all.Move("main", "a")
		all.Host("a").Login("main", keepertest.Mid)
		test(all, servers[0], servers[1])
	})
}

func body[T any](t *testing.T, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return v
}

// TestHandedOver: what only the owner may carry out works at any host, which has the
// outcome when it answers; the site is asked by the owner alone.
func TestHandedOver(t *testing.T) {
	shared(t, socket.Policy{Owner: testOwner}, func(all *keepertest.Hosts, a, b *Server) {
		if w := do(b, owner, "POST", "/v1/accounts/main/check", `{"force":true}`); w.Code != http.StatusOK || body[client.CheckResult](t, w.Body.Bytes()).Outcome != client.CheckOK {
			t.Errorf("check: %d %s", w.Code, w.Body)
		}
		w := do(b, owner, "POST", "/v1/accounts/main/refresh", `{"force":true}`)
		if w.Code != http.StatusOK || body[client.RefreshResult](t, w.Body.Bytes()).Account.Generation != 2 {
			t.Errorf("refresh: %d %s", w.Code, w.Body)
		}
		if got := body[client.Account](t, do(b, owner, "GET", "/v1/accounts/main", "").Body.Bytes()); got.Generation != 2 || got.Host != "a" {
			t.Errorf("right after it: %+v", got)
		}
		if w := do(b, owner, "PATCH", "/v1/accounts/main", `{"tags":["x"]}`); w.Code != http.StatusOK {
			t.Errorf("patch: %d %s", w.Code, w.Body)
		}
		if w := do(b, owner, "GET", "/v1/credential?tag=x", ""); w.Code != http.StatusOK {
			t.Errorf("by the tag: %d %s", w.Code, w.Body)
		}
		if w := do(b, owner, "PATCH", "/v1/accounts/main", `{"nonsense":1}`); problemOf(t, w).Type != client.ProblemBadRequest {
			t.Errorf("nonsense: %s", w.Body)
		}
		if w := do(b, owner, "POST", "/v1/accounts/nobody/check", ""); problemOf(t, w).Type != client.ProblemNoAccount {
			t.Errorf("no account: %s", w.Body)
		}
		if w := do(b, owner, "DELETE", "/v1/accounts/main", ""); w.Code != http.StatusNoContent || w.Body.Len() != 0 {
			t.Errorf("forget: %d %s", w.Code, w.Body)
		}
		if w := do(b, owner, "GET", "/v1/accounts/main", ""); w.Code != http.StatusNotFound {
			t.Errorf("right after it: %d %s", w.Code, w.Body)
		}
		if n := all.Host("b").Asked(""); n != 0 {
			t.Errorf("%d requests by the other host", n)
		}
	})
}

// TestLoginAnywhere: a login that is begun at any host, of a new account too, is followed
// there by its own copy.
func TestLoginAnywhere(t *testing.T) {
	shared(t, socket.Policy{Owner: testOwner}, func(all *keepertest.Hosts, a, b *Server) {
		servers := map[string]*Server{"a": a, "b": b}
		for _, name := range []string{"main", "n1", "n2", "n3"} {
			for _, at := range []string{"b", "a"} {
				s := servers[at]
				w := do(s, owner, "POST", "/v1/logins", `{"account":"`+name+`"}`)
				l := body[client.Login](t, w.Body.Bytes())
				if w.Code != http.StatusOK || l.ID == "" || l.URL == "" {
					t.Fatalf("%s at %s: %d %s", name, at, w.Code, w.Body)
				}
				if w := do(s, owner, "GET", "/v1/logins/"+l.ID+"/qr.png", ""); w.Body.String() != "png of "+l.URL {
					t.Errorf("the picture: %d %s", w.Code, w.Body)
				}
				waited := make(chan client.Login, 1)
				go func() {
					w := do(s, owner, "GET", "/v1/logins/"+l.ID+"?wait=60s&after="+jsonNumber(l.Revision), "")
					var got client.Login
					_ = json.Unmarshal(w.Body.Bytes(), &got)
					waited <- got
				}()
				synctest.Wait()
				if at == "b" {
					if w := do(s, owner, "DELETE", "/v1/logins/"+l.ID, ""); w.Code != http.StatusNoContent {
						t.Errorf("cancel: %d %s", w.Code, w.Body)
					}
					if got := <-waited; got.State != client.LoginCancelled {
						t.Errorf("who waits has %+v", got)
					}
					time.Sleep(time.Minute)
					continue
				}
				all.Scan(l.URL, keepertest.Mid)
				if got := <-waited; got.Revision <= l.Revision {
					t.Errorf("who waits has %+v", got)
				}
				time.Sleep(time.Minute)
			}
			if got := body[client.Account](t, do(b, owner, "GET", "/v1/accounts/"+name, "").Body.Bytes()); got.State != client.StateValid {
				t.Errorf("%s: %+v", name, got)
			}
		}
	})
}

// TestReadersAreFollowed: who reads at a host has what the owner committed, whoever asks
// again, waits for it, has it written to a file, or follows the journal.
func TestReadersAreFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "header.txt")
	shared(t, socket.Policy{Owner: testOwner}, func(all *keepertest.Hosts, a, b *Server) {
		c := all.Config
		c.Output = []config.Output{{Name: "main", Account: "main", Format: "header", Path: path, Mode: "0600"}}
		outputs := engine.Configured(all.Host("b").Keeper, c, nil)
		ctx, stop := context.WithCancel(all.T.Context())
		written := make(chan error, 1)
		go func() { written <- outputs.Run(ctx) }()
		defer func() {
			stop()
			if err := <-written; err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		const target = "/v1/accounts/main/credential"
		before := do(b, owner, "GET", target, "").Body.String()
		waited := make(chan string, 1)
		go func() { waited <- do(b, owner, "GET", target+"?after=1&wait=60s", "").Body.String() }()
		newest := all.Host("b").Keeper.Store().Newest()
		synctest.Wait()
		if w := do(a, owner, "POST", "/v1/accounts/main/refresh", `{"force":true}`); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		synctest.Wait()
		now := do(a, owner, "GET", target, "").Body.String()
		if got := do(b, owner, "GET", target, "").Body.String(); got != now || got == before {
			t.Error("the other host answers with another credential")
		}
		if got := <-waited; got != now {
			t.Error("who waited has another credential")
		}
		if got, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(got)) != strings.TrimSpace(now) {
			t.Errorf("the output has another credential, %v", err)
		}
		events := body[[]client.Event](t, do(b, owner, "GET", "/v1/events?type=session.refreshed&after="+jsonNumber(newest), "").Body.Bytes())
		if len(events) != 1 {
			t.Errorf("%d events", len(events))
		}
	})
}

func jsonNumber(n uint64) string { data, _ := json.Marshal(n); return string(data) }

// TestHandedOverRights: who may ask is decided by the host that was asked, and the owner's
// answer shows no more than that host's would.
func TestHandedOverRights(t *testing.T) {
	p := socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "1001", Accounts: []string{"main"}, May: []string{socket.VerbStatus, socket.VerbCheck}}}}
	shared(t, p, func(all *keepertest.Hosts, a, b *Server) {
		few, none := socket.Peer{UID: 1001, GID: 1001, PID: 2, Known: true}, socket.Peer{UID: 1002, GID: 1002, PID: 3, Known: true}
		asked := all.Host("a").Asked("")
		for _, w := range []struct {
			peer         socket.Peer
			method, path string
			body         string
		}{
			{none, "POST", "/v1/accounts/main/check", ""}, {few, "POST", "/v1/accounts/main/refresh", ""}, {few, "DELETE", "/v1/accounts/main", ""},
			{few, "POST", "/v1/logins", `{"account":"main"}`}, {few, "POST", "/v1/logins", `{"account":"new"}`}, {few, "POST", "/v1/accounts", `{"account":"main","data":"x"}`},
		} {
			if got := do(b, w.peer, w.method, w.path, w.body); got.Code != http.StatusForbidden {
				t.Errorf("%s %s: %d %s", w.method, w.path, got.Code, got.Body)
			}
		}
		if n := all.Host("a").Asked("") - asked; n != 0 {
			t.Errorf("%d requests to the site", n)
		}
		do(a, owner, "POST", "/v1/logins", `{"account":"main"}`)
		for _, s := range []*Server{a, b} {
			w := do(s, few, "POST", "/v1/accounts/main/check", `{"force":true}`)
			if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "login_id") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
}

// TestOwnerAway: where the owner does not answer the caller is told so, and reads go on.
func TestOwnerAway(t *testing.T) {
	shared(t, socket.Policy{Owner: testOwner}, func(all *keepertest.Hosts, a, b *Server) {
		all.Host("a").Carry = nil
		w := do(b, owner, "POST", "/v1/accounts/main/check", "")
		if p := problemOf(t, w); w.Code != http.StatusServiceUnavailable || p.Type != client.ProblemElsewhere || p.Hint == "" {
			t.Errorf("%d %+v", w.Code, p)
		}
		if w := do(b, owner, "GET", "/v1/accounts/main/credential", ""); w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// TestMovedWhileAsked: an account that goes to another host before a request is begun is
// asked for there.
func TestMovedWhileAsked(t *testing.T) {
	shared(t, socket.Policy{Owner: testOwner}, func(all *keepertest.Hosts, a, b *Server) {
		all.Move("main", "")
		time.AfterFunc(3*time.Second, func() { all.Move("main", "b") })
		for _, s := range []*Server{a, b} {
			if w := do(s, owner, "POST", "/v1/accounts/main/check", ""); w.Code != http.StatusOK {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		if n := all.Host("b").Asked(""); n == 0 {
			t.Error("the new owner did not ask the site")
		}
	})
}
