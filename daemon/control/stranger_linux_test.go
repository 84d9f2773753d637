package control

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
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
	run(t, func(f *fixture) { stranger(f, path, l, uid, gid) })
}

func stranger(f *fixture, path string, l net.Listener, uid, gid int) {
	t := f.T
	policy := socket.Policy{Owner: 0, Rules: []socket.Rule{{User: "5001", Accounts: []string{"main"}, May: []string{socket.VerbGet}}}}
	s := f.server(policy, nil)
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
	if got, err := inside.Credential(t.Context(), "main", client.CredentialOptions{}); err != nil || string(got.Body) != f.header("main") {
		t.Errorf("permitted: %v", err)
	}
	_, err := inside.Credential(t.Context(), "other", client.CredentialOptions{})
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Type != client.ProblemNotPermitted || !strings.Contains(p.Hint, `accounts = ["other"]`) {
		t.Errorf("another account: %v", err)
	}
	if got := f.readings(); !slices.Equal(got, []string{"read header main uid=5001", "refused get other uid=5001"}) {
		t.Errorf("recorded %q", got)
	}
}
