package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// Every method of the client against the server, over a socket, as the user
// who runs the test.
func TestClientAndServer(t *testing.T) {
	f := newFake()
	c := onSocket(t, f.server(t, socket.Policy{Owner: uint32(os.Geteuid())}, nil))
	ctx := t.Context()
	f.emit(client.EventCheckOK, "main")

	if h, err := c.Health(ctx); err != nil || h.Status != client.HealthOK || h.Version != "1" {
		t.Error(h, err)
	}
	if st, err := c.Status(ctx); err != nil || len(st.Accounts) != 2 || st.Accounts[0].Tags == nil {
		t.Error(st, err)
	}
	if list, err := c.Accounts(ctx); err != nil || len(list) != 2 {
		t.Error(list, err)
	}
	if a, err := c.Account(ctx, "main"); err != nil || a.Name != "main" {
		t.Error(a, err)
	}
	if _, err := c.Account(ctx, "a/b ü"); !errors.Is(err, &client.Problem{Type: client.ProblemNoAccount}) || err.Error() != "no account a/b ü" {
		t.Error(err)
	}
	if r, err := c.Check(ctx, "main", true); err != nil || r.Outcome != client.CheckOK || !r.Asked {
		t.Error(r, err)
	}
	if got, err := c.Credential(ctx, "main", client.CredentialOptions{}); err != nil || string(got.Body) != headerOf("fake0canary0fake") ||
		got.Generation != 3 || got.ContentType != "text/plain; charset=utf-8" || strings.Contains(fmt.Sprintf("%+v", got), "fake") {
		t.Error(got, err)
	}
	if got, err := c.Credential(ctx, "main", client.CredentialOptions{After: 3}); err != nil || !got.NotModified || got.Generation != 3 {
		t.Error(got, err)
	}
	if l, err := c.StartLogin(ctx, client.LoginRequest{}); err != nil || l.Account != "default" {
		t.Error(l, err)
	}
	if l, err := c.Login(ctx, "L-main"); err != nil || l.ID != "L-main" {
		t.Error(l, err)
	}
	if l, err := c.WaitLogin(ctx, "L-main", 0, time.Second); err != nil || l.Revision != 1 {
		t.Error(l, err)
	}
	if png, err := c.LoginPNG(ctx, "L-main"); err != nil || !strings.HasPrefix(string(png), "png of") {
		t.Error(png, err)
	}
	if err := c.CancelLogin(ctx, "L-main"); err != nil {
		t.Error(err)
	}
	yes := true
	if a, err := c.Patch(ctx, "main", client.AccountPatch{Paused: &yes}); err != nil || !a.Paused {
		t.Error(a, err)
	}
	if err := c.Forget(ctx, "main"); err != nil {
		t.Error(err)
	}
	if _, err := c.Patch(ctx, "nobody", client.AccountPatch{}); !errors.Is(err, &client.Problem{Type: client.ProblemNoAccount}) {
		t.Error(err)
	}
	if list, err := c.Events(ctx, client.EventQuery{Since: time.Now().Add(-time.Hour), Account: "main", Limit: 5}); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	enough := errors.New("enough")
	if err := c.Follow(ctx, 0, func(client.Event) error { return enough }); err != enough {
		t.Error(err)
	}
	if list, err := c.Channels(ctx); err != nil || len(list) != 1 || list[0].Events == nil {
		t.Error(list, err)
	}
	if r, err := c.TestChannel(ctx, "phone"); err != nil || !r.Delivered {
		t.Error(r, err)
	}
	if r, err := c.Reload(ctx); err != nil || len(r.Changed) != 1 || r.NeedsRestart == nil {
		t.Error(r, err)
	}
	want := []string{"check main true", fmt.Sprintf("read main header uid=%d", os.Geteuid()), "login default",
		"cancel L-main", "forget main", "reload"}
	if got := f.log(); !slices.Equal(got, want) {
		t.Errorf("the keeper heard %q", got)
	}
}

func TestManyClients(t *testing.T) {
	f := newFake()
	c := onSocket(t, f.server(t, socket.Policy{Owner: uint32(os.Geteuid())}, nil))
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			own := &client.Client{Socket: c.Socket}
			for range 5 {
				if st, err := own.Status(t.Context()); err != nil || len(st.Accounts) != 2 {
					t.Error(err)
				}
				got, err := own.Credential(t.Context(), "main", client.CredentialOptions{})
				if err != nil || string(got.Body) != headerOf("fake0canary0fake") {
					t.Error(err)
				}
			}
			enough := errors.New("enough")
			if err := own.Follow(t.Context(), 0, func(client.Event) error { return enough }); err != enough {
				t.Error(err)
			}
		})
	}
	f.emit(client.EventCheckOK, "main")
	all.Wait()
}

// Waits and streams do not hold up the keeper's end.
func TestShutdownEndsStreams(t *testing.T) {
	f := newFake()
	s := f.server(t, socket.Policy{Owner: uint32(os.Geteuid())}, nil)
	c := onSocket(t, s)
	var all sync.WaitGroup
	f.emit(client.EventCheckOK, "main")
	begun := make(chan struct{})
	all.Go(func() {
		err := c.Follow(t.Context(), 0, func(client.Event) error { close(begun); return nil })
		if !errors.Is(err, client.ErrBroken) {
			t.Error(err)
		}
	})
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	all.Wait()
	if _, err := os.Lstat(c.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, client.ErrNoKeeper) {
		t.Error(err)
	}
}

func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl")
	}
	c := onSocket(t, newFake().server(t, socket.Policy{Owner: uint32(os.Geteuid())}, nil))
	out, err := exec.CommandContext(t.Context(), curl, "-sS", "--unix-socket", c.Socket, "http://localhost/v1/accounts/main/credential").Output()
	if err != nil || string(out) != headerOf("fake0canary0fake") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestListsAreFiltered(t *testing.T) {
	f := newFake()
	s := f.server(t, socket.Policy{Owner: testOwner, Rules: []socket.Rule{{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbStatus}}}}, nil)
	f.emit(client.EventCheckOK, "main")
	f.emit(client.EventCheckOK, "other")
	f.emit(client.EventNotifyFailed, "")
	principal := socket.Peer{UID: 5001, Known: true}
	for _, path := range []string{"/v1/status", "/v1/accounts", "/v1/events"} {
		w := do(s, principal, "GET", path, "")
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
	if err := json.Unmarshal(do(s, principal, "GET", "/v1/events", "").Body.Bytes(), &list); err != nil || len(list) != 1 {
		t.Errorf("%v, %+v", err, list)
	}
}
