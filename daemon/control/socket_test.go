package control

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// Many callers at once over the real socket, as the user who runs the test.
func TestManyClients(t *testing.T) {
	run(t, func(f *fixture) {
		c := onSocket(f.T, f.server(socket.Policy{Owner: uint32(os.Geteuid())}, nil))
		want := f.header("main")
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				own := &client.Client{Socket: c.Socket}
				for range 5 {
					if st, err := own.Status(f.T.Context()); err != nil || len(st.Accounts) != 2 {
						t.Error(err)
					}
					got, err := own.Credential(f.T.Context(), "main", client.CredentialOptions{})
					if err != nil || string(got.Body) != want {
						t.Error(err)
					}
				}
				enough := errors.New("enough")
				if err := own.Follow(f.T.Context(), 0, func(client.Event) error { return enough }); err != enough {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

// Waits and streams do not hold up the keeper's end.
func TestShutdownEndsStreams(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.server(socket.Policy{Owner: uint32(os.Geteuid())}, nil)
		c := onSocket(f.T, s)
		var all sync.WaitGroup
		begun := make(chan struct{})
		all.Go(func() {
			once := sync.OnceFunc(func() { close(begun) })
			err := c.Follow(f.T.Context(), 0, func(client.Event) error { once(); return nil })
			if !errors.Is(err, client.ErrBroken) {
				t.Error(err)
			}
		})
		<-begun
		ctx, cancel := context.WithTimeout(f.T.Context(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		all.Wait()
		if _, err := os.Lstat(c.Socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
		if _, err := c.Status(f.T.Context()); !errors.Is(err, client.ErrNoKeeper) {
			t.Error(err)
		}
	})
}

func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl")
	}
	run(t, func(f *fixture) {
		c := onSocket(f.T, f.server(socket.Policy{Owner: uint32(os.Geteuid())}, nil))
		out, err := exec.CommandContext(f.T.Context(), curl, "-sS", "--unix-socket", c.Socket, "http://localhost/v1/accounts/main/credential").Output()
		if err != nil || string(out) != f.header("main") {
			t.Errorf("%q, %v", out, err)
		}
	})
}

func TestListsAreFiltered(t *testing.T) {
	run(t, func(f *fixture) {
		s := f.server(socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbStatus}}}}, nil)
		l, err := f.Keeper.Logins().Start(f.T.Context(), client.LoginRequest{Account: "main"})
		if err != nil {
			t.Fatal(err)
		}
		principal := socket.Peer{UID: 5001, Known: true}
		for _, path := range []string{"/v1/status", "/v1/accounts", "/v1/events"} {
			w := do(s, principal, "GET", path, "")
			if w.Code != 200 || strings.Contains(w.Body.String(), `"other"`) || !strings.Contains(w.Body.String(), "main") {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
			if path != "/v1/events" && strings.Contains(w.Body.String(), l.ID) {
				t.Errorf("%s shows a login to one who may not log in", path)
			}
			if w := do(s, owner, "GET", path, ""); !strings.Contains(w.Body.String(), `"other"`) || !strings.Contains(w.Body.String(), l.ID) {
				t.Errorf("%s: the owner does not see all: %s", path, w.Body)
			}
		}
		// What is about the keeper as a whole is for those who may see all of it.
		f.emit("")
		var list []client.Event
		if err := json.Unmarshal(do(s, principal, "GET", "/v1/events", "").Body.Bytes(), &list); err != nil || len(list) == 0 {
			t.Errorf("%v, %+v", err, list)
		}
		for _, e := range list {
			if e.Account != "main" {
				t.Errorf("an entry of %q is seen", e.Account)
			}
		}
	})
}
