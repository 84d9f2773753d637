package etcdtest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// User is somebody who may read and write the keys that begin with a prefix, and
// nothing else.
type User struct{ Name, Password, Prefix string }

// Users sets up users and turns authentication on. Clients of the cluster made from
// now on come as root; a client for a user is made by [Cluster.ConfigOf].
func (c *Cluster) Users(t testing.TB, users ...User) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := c.Client(t)
	const root = "etcdtest root"
	if _, err := client.UserAdd(ctx, "root", root); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UserGrantRole(ctx, "root", "root"); err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		if _, err := client.RoleAdd(ctx, u.Name); err != nil {
			t.Fatal(err)
		}
		end, all := clientv3.GetPrefixRangeEnd(u.Prefix), clientv3.PermissionType(clientv3.PermReadWrite)
		if _, err := client.RoleGrantPermission(ctx, u.Name, u.Prefix, end, all); err != nil {
			t.Fatal(err)
		}
		if _, err := client.UserAdd(ctx, u.Name, u.Password); err != nil {
			t.Fatal(err)
		}
		if _, err := client.UserGrantRole(ctx, u.Name, u.Name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.AuthEnable(ctx); err != nil {
		t.Fatal(err)
	}
	c.root = root
}

// Password gives a user another password.
func (c *Cluster) Password(t testing.TB, user, password string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Client(t).UserChangePassword(ctx, user, password); err != nil {
		t.Fatal(err)
	}
}

// TakeRole takes a user's role away.
func (c *Cluster) TakeRole(t testing.TB, user string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Client(t).UserRevokeRole(ctx, user, user); err != nil {
		t.Fatal(err)
	}
}

// GiveRole gives it back.
func (c *Cluster) GiveRole(t testing.TB, user string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Client(t).UserGrantRole(ctx, user, user); err != nil {
		t.Fatal(err)
	}
}

// ConfigOf is [Cluster.Config] for a user.
func (c *Cluster) ConfigOf(u User, endpoints ...string) clientv3.Config {
	config := c.Config(endpoints...)
	config.Username, config.Password = u.Name, u.Password
	return config
}

// denied reports whether a server answered, and would not do it for this client.
func denied(err error) bool {
	return errors.Is(err, rpctypes.ErrUserEmpty) || errors.Is(err, rpctypes.ErrPermissionDenied)
}

// Compact drops the history up to a revision, the newest where that is 0, so that a
// watch that has to begin earlier cannot.
func (c *Cluster) Compact(t testing.TB, revision int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := c.Client(t)
	if revision == 0 {
		answer, err := client.Get(ctx, "etcdtest")
		if err != nil {
			t.Fatal(err)
		}
		revision = answer.Header.Revision
	}
	_, err := client.Compact(ctx, revision, clientv3.WithCompactPhysical())
	if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		t.Fatal(err)
	}
}

// junk is what Fill writes, and Free removes.
const junk = "etcdtest/junk"

// Fill writes until the cluster takes no more: its space is used up, and it says so to
// everybody who writes. It is for a cluster with a small [Quota].
func (c *Cluster) Fill(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, block := c.Client(t), string(bytes.Repeat([]byte{'x'}, 256<<10))
	for {
		_, err := client.Put(ctx, junk, block)
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Free makes room again after [Cluster.Fill], as somebody who runs etcd would: compact,
// give back, take the alarm away.
func (c *Cluster) Free(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := c.Client(t)
	if _, err := client.Delete(ctx, junk); err != nil {
		t.Fatal(err)
	}
	c.Compact(t, 0)
	for _, m := range c.members {
		if _, err := client.Defragment(ctx, m.endpoint); err != nil {
			t.Fatal(err)
		}
	}
	alarms, err := client.AlarmList(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, alarm := range alarms.Alarms {
		if _, err := client.AlarmDisarm(ctx, (*clientv3.AlarmMember)(alarm)); err != nil {
			t.Fatal(err)
		}
	}
}
