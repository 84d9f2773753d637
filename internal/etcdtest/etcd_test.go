//go:build etcd

package etcdtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A cluster goes on when a member is killed or stopped, and has the member back after.
func TestMembers(t *testing.T) {
	c := Start(t, 3)
	client := c.Client(t)
	put(t, client, "a", "1")
	c.Member(0).Stop(t)
	put(t, client, "a", "2")
	c.Member(0).Start(t)
	c.Member(1).Pause(t)
	put(t, client, "a", "3")
	c.Member(1).Resume(t)
	c.Member(2).Stop(t)
	put(t, client, "a", "4")

	c.Member(1).Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := client.Put(ctx, "a", "5"); err == nil {
		t.Error("one member of three took a value")
	}
	c.Restart(t)
	put(t, client, "a", "6")
	c.Member(c.Leader(t)).Stop(t)
	put(t, client, "a", "7")
	c.Empty(t)
	if revision := put(t, client, "a", "8"); revision != 2 {
		t.Errorf("the revision after the first change of an empty cluster is %d", revision)
	}
}

// What is sent while the way is cut arrives when it is healed; the caller has given up.
func TestCut(t *testing.T) {
	c := Start(t, 1)
	p := c.Proxy(t)
	far, near := Connect(t, c.Config(p.Endpoints()...)), c.Client(t)
	put(t, far, "a", "1")
	p.Cut()
	if err := try(t, far, "a", "2"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a put over a way that is cut: %v", err)
	}
	expect(t, near, "a", "1")
	p.Heal()
	put(t, far, "a", "3")
	expect(t, near, "a", "3")
}

// An answer that is lost leaves behind what was done.
func TestDropAnswers(t *testing.T) {
	c := Start(t, 1)
	p := c.Proxy(t)
	far, near := Connect(t, c.Config(p.Endpoints()...)), c.Client(t)
	put(t, far, "a", "1")
	p.DropAnswers()
	if err := try(t, far, "a", "2"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a put without an answer: %v", err)
	}
	expect(t, near, "a", "2")
	p.Heal()
	put(t, far, "a", "3")
}

func TestRefuseAndDelay(t *testing.T) {
	c := Start(t, 1)
	p := c.Proxy(t, 0)
	far := Connect(t, c.Config(p.Endpoints()...))
	put(t, far, "a", "1")
	p.Refuse()
	if err := try(t, far, "a", "2"); err == nil {
		t.Fatal("a put to nobody succeeded")
	}
	expect(t, c.Client(t), "a", "1")
	p.Heal()
	put(t, far, "a", "3")
	const late = 200 * time.Millisecond
	p.Delay(late)
	begun := time.Now()
	put(t, far, "a", "4")
	if took := time.Since(begun); took < 2*late {
		t.Errorf("a put took %v, with %v of delay each way", took, late)
	}
}

func TestUsers(t *testing.T) {
	c := Start(t, 1)
	put(t, c.Client(t), "b", "1")
	inside := User{Name: "inside", Password: "x", Prefix: "/a/"}
	c.Users(t, inside)
	client := Connect(t, c.ConfigOf(inside))
	put(t, client, "/a/b", "1")
	if err := try(t, client, "b", "2"); !errors.Is(err, rpctypes.ErrPermissionDenied) {
		t.Errorf("a put outside the prefix: %v", err)
	}
	expect(t, c.Client(t), "b", "1")
	c.Member(0).Stop(t)
	c.Member(0).Start(t)
	expect(t, c.Client(t), "/a/b", "1")
}

func TestCompactAndQuota(t *testing.T) {
	c := Start(t, 1, Quota(4<<20))
	client := c.Client(t)
	first := put(t, client, "a", "1")
	put(t, client, "a", "2")
	c.Compact(t, 0)
	if _, err := client.Get(t.Context(), "a", clientv3.WithRev(first)); !errors.Is(err, rpctypes.ErrCompacted) {
		t.Errorf("a read at a revision that was compacted: %v", err)
	}
	c.Fill(t)
	if err := try(t, client, "a", "3"); !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Errorf("a put without room: %v", err)
	}
	expect(t, client, "a", "2")
	c.Free(t)
	put(t, client, "a", "4")
}

// put writes until it succeeds, which a change of leader may delay.
func put(t *testing.T, client *clientv3.Client, key, value string) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		one, cancel := context.WithTimeout(ctx, time.Second)
		answer, err := client.Put(one, key, value)
		cancel()
		if err == nil {
			return answer.Header.Revision
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func try(t *testing.T, client *clientv3.Client, key, value string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := client.Put(ctx, key, value)
	return err
}

func expect(t *testing.T, client *clientv3.Client, key, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := client.Get(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Kvs) != 1 || string(answer.Kvs[0].Value) != value {
		t.Errorf("%s is %v, want %s", key, answer.Kvs, value)
	}
}
