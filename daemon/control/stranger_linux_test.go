package control

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/socket/sockettest"
)

// A foreign user against the kernel's own word: the way to the socket first,
// then the policy.
func TestStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	const uid, gid = 5001, 5001
	path := filepath.Join(sockettest.OpenDir(t), "run", "c.sock")
	l, err := socket.Listen(path, true)
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	policy := socket.Policy{Owner: 0, Rules: []socket.Rule{{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbGet}}}}
	s := f.server(t, policy, nil)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })

	outside := &client.Client{Socket: path, Dial: sockettest.DialAs(uid, gid, path)}
	if _, err := outside.Health(t.Context()); !errors.Is(err, client.ErrNoPermission) {
		t.Errorf("not let in yet: %v", err)
	}
	if troubles := socket.Grant(path, policy); len(troubles) > 0 {
		t.Fatal(troubles)
	}
	inside := &client.Client{Socket: path, Dial: sockettest.DialAs(uid, gid, path)}
	if got, err := inside.Credential(t.Context(), "main", client.CredentialOptions{}); err != nil || string(got.Body) != headerOf("fake0canary0fake") {
		t.Errorf("permitted: %v", err)
	}
	_, err = inside.Credential(t.Context(), "other", client.CredentialOptions{})
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Type != client.ProblemNotPermitted || !strings.Contains(p.Hint, `accounts = ["other"]`) {
		t.Errorf("another account: %v", err)
	}
	if got := f.log(); len(got) != 2 || got[0] != "read main header uid=5001" || got[1] != "refused get other uid=5001" {
		t.Errorf("recorded %q", got)
	}
}
