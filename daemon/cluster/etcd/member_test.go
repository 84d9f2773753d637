//go:build etcd

package etcd

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
)

// Five hosts share the accounts, lose one and have it back, lose a member of etcd, and
// are left by one, with the lease and the patience of a keeper.
func TestFiveHosts(t *testing.T) {
	f := newFleet(t, 3, 300)
	all := []string{"a", "b", "c", "d", "e"}
	for _, name := range all {
		f.start(name, func(o *Options) { o.TTL = TTL })
	}
	took := until(t, "all owned", 20*time.Second, func() bool { return f.settled() })
	t.Logf("all are owned after %v", took)
	if sends := len(senders(f)); sends != 1 {
		t.Errorf("%d hosts send messages", sends)
	}

	lost := f.hosts["c"]
	lost.proxy.Cut()
	begun := time.Now()
	out := until(t, "the host that was cut off is out", TTL, func() bool { return lost.LeaseLeft() == 0 })
	if lost.count(f.accounts) > 0 || lost.Sends() || lost.Trouble() == nil {
		t.Error("a host without a lease owns something")
	}
	rest := []string{"a", "b", "d", "e"}
	until(t, "the others own all", TTL+5*time.Second, func() bool { return f.owned(rest...) })
	t.Logf("the host was out after %v, the others had its accounts after %v", out, time.Since(begun))
	if took := time.Since(begun); took > TTL+5*time.Second {
		t.Errorf("failover took %v", took)
	}
	until(t, "the accounts are with those that they belong to", time.Minute, func() bool { return f.settled(rest...) })
	until(t, "the loss was told", 5*time.Second, func() bool { return lost.told() == 0 })

	lost.proxy.Heal()
	took = until(t, "it has its accounts again", 60*time.Second, func() bool { return f.settled() })
	t.Logf("it has its accounts again after %v", took)

	before := tokens(f)
	f.etcd.Member(1).Stop(t)
	until(t, "the leases were renewed meanwhile", TTL, func() bool { return alive(f, 2*TTL/3) })
	time.Sleep(TTL) // what was not noticed would be out by now
	if !slices.Equal(before, tokens(f)) {
		t.Error("accounts moved when a member of etcd was killed")
	}
	f.etcd.Member(1).Start(t)

	left := f.hosts["d"]
	if err := left.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	took = until(t, "the accounts of the host that left", 5*time.Second, func() bool { return f.settled("a", "b", "c", "e") })
	t.Logf("a host left, and the others had its accounts after %v", took)
}

func senders(f *fleet) (out []string) {
	for name, h := range f.hosts {
		if h.Sends() {
			out = append(out, name)
		}
	}
	return out
}

func tokens(f *fleet) (out []int64) {
	for _, a := range f.accounts {
		for _, h := range f.hosts {
			if _, token, owned := h.Fence(a); owned {
				out = append(out, token)
			}
		}
	}
	return out
}

func alive(f *fleet, left time.Duration) bool {
	for _, h := range f.hosts {
		if h.LeaseLeft() < left {
			return false
		}
	}
	return true
}

// Ten thousand accounts on five hosts.
func TestTenThousandAccounts(t *testing.T) {
	f := newFleet(t, 3, 10_000)
	f.judge.accounts = append(names(200), sender)
	all := []string{"a", "b", "c", "d", "e"}
	begun := time.Now()
	for _, name := range all {
		f.start(name)
	}
	until(t, "all owned", 60*time.Second, func() bool { return f.settled() })
	t.Logf("10,000 accounts are owned after %v", time.Since(begun))
	for _, h := range f.hosts["a"].Hosts() {
		t.Logf("%s owns %d", h.Name, h.Accounts)
		if h.Accounts < 1880 || h.Accounts > 2120 {
			t.Errorf("%s owns %d of 10,000", h.Name, h.Accounts)
		}
	}
	f.hosts["b"].proxy.Cut()
	took := until(t, "failover", quick+5*time.Second, func() bool { return f.owned("a", "c", "d", "e") })
	t.Logf("2,000 accounts were taken over %v after their host was cut off, with a lease of %v", took, quick)
	f.hosts["b"].proxy.Heal()
	took = until(t, "the host has its share again", 90*time.Second, func() bool { return f.settled() })
	t.Logf("the host had its 2,000 accounts again after %v", took)
	begun = time.Now()
	if err := f.hosts["e"].Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the accounts of the host that left", 15*time.Second, func() bool { return f.settled("a", "b", "c", "d") })
	t.Logf("a host left, and its 2,000 accounts were owned after %v", time.Since(begun))
}

// A second process with a host's name is refused as long as the first one lives.
func TestNameTaken(t *testing.T) {
	f := newFleet(t, 1, 10)
	first := f.start("a")
	until(t, "the first one owns", 20*time.Second, func() bool { return f.settled() })
	o := first.options
	o.Gained, o.Lost = nil, nil
	second, err := Join(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	defer second.Close(ctx)
	second.SetAccounts(f.accounts)
	if err := second.Joined(ctx); !errors.Is(err, cluster.ErrNameTaken) || !strings.Contains(err.Error(), ", a, since 2") {
		t.Errorf("a second process of the name: %v", err)
	}
	if !errors.Is(second.Trouble(), cluster.ErrNameTaken) || second.Owned(f.accounts[0]) || second.LeaseLeft() != 0 {
		t.Error("the second process has a part")
	}
	until(t, "the second one is told that the first one lives", 20*time.Second, func() bool {
		return errors.Is(second.Joined(ctx), cluster.ErrNameHeld)
	})
	if first.count(f.accounts) != 10 || first.Trouble() != nil {
		t.Error("the first process lost its part")
	}
	if err := first.Close(ctx); err != nil {
		t.Fatal(err)
	}
	until(t, "the second one owns", 10*time.Second, func() bool {
		return !slices.ContainsFunc(f.accounts, func(a string) bool { return !second.Owned(a) })
	})
	if hosts := second.Hosts(); len(hosts) != 1 || !hosts[0].Self || hosts[0].Accounts != 10 || hosts[0].Version != "test" {
		t.Errorf("%+v", hosts)
	}
}

// While etcd is away nobody owns anything, and everybody does when it is back.
func TestEtcdAway(t *testing.T) {
	f := newFleet(t, 3, 50)
	f.start("a")
	f.start("b")
	until(t, "all owned", 20*time.Second, func() bool { return f.settled() })
	before := tokens(f)
	// The leader is left: it would renew leases a while longer, without the others.
	leader := f.etcd.Leader(t)
	for i := range 3 {
		if i != leader {
			f.etcd.Member(i).Stop(t)
		}
	}
	until(t, "all are out", quick, func() bool { return len(tokens(f)) == 0 })
	for _, h := range f.hosts {
		until(t, "the loss was told", 5*time.Second, func() bool { return h.told() == 0 })
		if h.Trouble() == nil {
			t.Error("a host without etcd has no trouble")
		}
	}
	time.Sleep(time.Second)
	f.etcd.Restart(t)
	took := until(t, "all owned again", 60*time.Second, func() bool { return f.settled() })
	t.Logf("all were owned %v after etcd was back", took)
	for _, token := range tokens(f) {
		if slices.Contains(before, token) {
			t.Error("an account is owned as before, though its host had been out")
		}
	}
}

// An etcd that is full keeps who is there, and lets nobody in until there is room.
func TestEtcdFull(t *testing.T) {
	f := newFleet(t, 1, 20, etcdtest.Quota(4<<20))
	a := f.start("a")
	until(t, "all owned", 20*time.Second, func() bool { return f.settled() })
	before := tokens(f)
	f.etcd.Fill(t)
	b := f.start("b")
	until(t, "it is refused", 20*time.Second, func() bool {
		return b.Trouble() != nil && strings.Contains(b.Trouble().Error(), "database space exceeded")
	})
	time.Sleep(2 * quick)
	if !slices.Equal(before, tokens(f)) || a.Trouble() != nil {
		t.Error("a host lost what it owned, because etcd is full")
	}
	f.etcd.Free(t)
	until(t, "both have their share", 60*time.Second, func() bool { return f.settled() })
}

// Where etcd was put back, nobody goes on with what the new state does not say.
func TestEtcdRestored(t *testing.T) {
	f := newFleet(t, 1, 20)
	f.start("a")
	b := f.start("b")
	until(t, "all owned", 20*time.Second, func() bool { return f.settled() })
	f.judge.anew = true
	for i := range 2 {
		f.etcd.Empty(t)
		client := f.etcd.Client(t)
		if i == 1 { // somebody was there first
			if _, err := client.Put(t.Context(), b.keys.owner(f.accounts[0]), "somebody"); err != nil {
				t.Fatal(err)
			}
			until(t, "the key is another's", 30*time.Second, func() bool { return b.Owner(f.accounts[0]) == "somebody" })
			if _, err := client.Delete(t.Context(), b.keys.owner(f.accounts[0])); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "all owned again", 60*time.Second, func() bool {
			return f.settled() && len(get(t, client, b.keys.owners())) == len(f.accounts)
		})
	}
}

// What a host says of itself, the others see.
func TestLag(t *testing.T) {
	f := newFleet(t, 1, 0)
	a := f.start("a")
	var lag atomic.Int64
	f.start("b", func(o *Options) { o.Lag = func() time.Duration { return time.Duration(lag.Load()) } })
	until(t, "both are there", 20*time.Second, func() bool { return len(a.Hosts()) == 2 })
	lag.Store(int64(7 * time.Second))
	until(t, "the lag", 20*time.Second, func() bool { return a.Hosts()[1].Lag == 7*time.Second })
	if hosts := a.Hosts(); hosts[1].Name != "b" || hosts[1].Self || time.Since(hosts[1].Since) > time.Minute {
		t.Errorf("%+v", hosts)
	}
}

// A keeper starts before etcd does.
func TestStartWithoutEtcd(t *testing.T) {
	f := newFleet(t, 1, 10)
	f.etcd.Member(0).Stop(t)
	h := f.start("a")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := h.Joined(ctx); !errors.Is(err, context.DeadlineExceeded) || h.Trouble() == nil {
		t.Errorf("joined without etcd: %v, %v", err, h.Trouble())
	}
	f.etcd.Member(0).Start(t)
	until(t, "all owned", 30*time.Second, func() bool { return f.settled() })
}

// Whatever somebody does to the keys by hand, a host does not go on as the owner of what
// is not its own, and has what belongs to it again.
func TestKeysRemovedByHand(t *testing.T) {
	f := newFleet(t, 1, 20)
	h := f.start("a")
	until(t, "all owned", 20*time.Second, func() bool { return f.settled() })
	client, k := f.etcd.Client(t), h.keys
	for name, remove := range map[string]func() error{
		"an owner's key": func() error {
			_, err := client.Delete(t.Context(), k.owner(f.accounts[3]))
			return err
		},
		"all owners' keys": func() error {
			_, err := client.Delete(t.Context(), k.owners(), clientv3.WithPrefix())
			return err
		},
		"the presence": func() error {
			_, err := client.Delete(t.Context(), k.host("a"))
			return err
		},
		"the lease": func() error {
			leases, err := client.Leases(t.Context())
			for _, l := range leases.Leases {
				err = errors.Join(err, revoke(t.Context(), client, l.ID))
			}
			return err
		},
		"the sender, who is made another": func() error {
			_, err := client.Put(t.Context(), k.sender(), "somebody")
			if err == nil {
				until(t, "it does not send", 10*time.Second, func() bool { return !h.Sends() })
				_, err = client.Delete(t.Context(), k.sender())
			}
			return err
		},
	} {
		_, before, _ := h.Fence(f.accounts[3])
		_, sent, _ := h.Fence(sender)
		if err := remove(); err != nil {
			t.Fatal(name, err)
		}
		until(t, name, 30*time.Second, func() bool {
			_, after, owned := h.Fence(f.accounts[3])
			_, sends, _ := h.Fence(sender)
			return owned && (after != before || sends != sent) && f.settled() && h.Sends()
		})
	}
}

// Accounts that do not exist any more are let go of, others are taken.
func TestAccountsChange(t *testing.T) {
	f := newFleet(t, 1, 20)
	h := f.start("a")
	until(t, "all owned", 20*time.Second, func() bool { return f.settled() })
	f.accounts = append(f.accounts[5:], "another")
	h.SetAccounts(f.accounts)
	until(t, "the new ones", 20*time.Second, func() bool { return f.settled() })
	client := f.etcd.Client(t)
	until(t, "no key of a removed account", 20*time.Second, func() bool { return len(get(t, client, h.keys.owners())) == 16 })
	if h.Owned("account0") || h.Owner("another") != "a" || h.Owner("account0") != "" {
		t.Error("the host owns what was removed")
	}
	h.SetAccounts(append(f.accounts, "account0"))
	until(t, "one that came back", 20*time.Second, func() bool { return h.Owned("account0") })
}

// A host that cannot read the presence of another, because that has not the key, goes
// on without it; and one that was moved to another name does not open.
func TestStrangers(t *testing.T) {
	f := newFleet(t, 1, 20)
	f.start("a")
	stranger := f.start("b", func(o *Options) { o.Seal = aead(t, 2) })
	f.hosts = map[string]*host{"a": f.hosts["a"]}
	until(t, "the stranger joined", 20*time.Second, func() bool { return stranger.Trouble() == nil })
	h := f.hosts["a"]
	client := f.etcd.Client(t)
	if _, err := client.Put(t.Context(), h.keys.host("c"), get(t, client, h.keys.host("a"))[h.keys.host("a")]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if hosts := h.Hosts(); len(hosts) != 1 {
		t.Errorf("%+v", hosts)
	}
	if _, err := h.Ask(t.Context(), "b", nil); !errors.Is(err, cluster.ErrUnknownHost) {
		t.Errorf("a stranger was asked: %v", err)
	}
	for key, value := range get(t, client, h.keys.hosts()) {
		if strings.Contains(value, "version") || strings.Contains(value, "test") {
			t.Errorf("%s can be read: %q", key, value)
		}
	}
}

// A host whose answers are lost leaves no account without an owner.
func TestLostAnswers(t *testing.T) {
	f := newFleet(t, 1, 200)
	a, b := f.start("a"), f.start("b")
	until(t, "all owned", 20*time.Second, func() bool { return f.settled() })
	for range 2 {
		b.proxy.DropAnswers()
		until(t, "it is out", quick+time.Second, func() bool { return b.LeaseLeft() == 0 })
		until(t, "the other has all", quick+5*time.Second, func() bool { return a.count(f.accounts) == 200 })
		b.proxy.Heal()
		until(t, "all are shared again", 60*time.Second, func() bool { return f.settled() })
	}
}

// Everything at once, for a while: whatever happens to hosts, to their ways and to etcd,
// no two take themselves for the owner of one account, and in the end each account is
// with the host that it belongs to.
func TestRandomFaults(t *testing.T) {
	f := newFleet(t, 3, 60)
	all := []string{"a", "b", "c", "d", "e"}
	for _, name := range all {
		f.start(name, func(o *Options) {
			o.Timing = cluster.Timing{
				Settle: time.Second, Steady: 2 * time.Second, Stuck: 2 * time.Second,
				Spare: 3 * time.Second, Busy: time.Second / 2,
			}
		})
	}
	until(t, "all owned", 30*time.Second, func() bool { return f.settled() })
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	paused, end := -1, time.Now().Add(30*time.Second)
	for time.Now().Before(end) {
		h := f.hosts[all[rnd.IntN(5)]]
		switch rnd.IntN(12) {
		case 0:
			h.proxy.Cut()
		case 1:
			h.proxy.Refuse()
		case 2:
			h.proxy.DropAnswers()
		case 3:
			h.proxy.Delay(time.Duration(rnd.IntN(400)) * time.Millisecond)
		case 4:
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			_ = h.Close(ctx) // it may be cut off
			cancel()
			f.run(h)
		case 5:
			if paused < 0 {
				paused = rnd.IntN(3)
				f.etcd.Member(paused).Pause(t)
			}
		case 6:
			if paused < 0 {
				m := f.etcd.Member(rnd.IntN(3))
				m.Stop(t)
				m.Start(t)
			}
		case 7:
			if paused < 0 {
				f.etcd.Compact(t, 0)
			}
		default:
			h.proxy.Heal()
			h.proxy.Delay(0)
			if paused >= 0 {
				f.etcd.Member(paused).Resume(t)
				paused = -1
			}
		}
		time.Sleep(time.Duration(rnd.IntN(1500)) * time.Millisecond)
	}
	if paused >= 0 {
		f.etcd.Member(paused).Resume(t)
	}
	for _, h := range f.hosts {
		h.proxy.Heal()
		h.proxy.Delay(0)
	}
	took := until(t, "all owned", time.Minute, func() bool { return f.settled() })
	t.Logf("all are where they belong %v after the last fault", took)
	for _, h := range f.hosts {
		until(t, "what was told is true", 10*time.Second, func() bool {
			h.mu.Lock()
			sends := len(h.sender) > 0 && h.sender[len(h.sender)-1]
			h.mu.Unlock()
			return h.told() == h.count(f.accounts) && sends == h.Sends()
		})
	}
	if n := len(senders(f)); n != 1 {
		t.Errorf("%d hosts send messages", n)
	}
}

// The rights that a host needs in etcd are those under its prefix.
func TestRoleOfThePrefix(t *testing.T) {
	f := newFleet(t, 1, 20)
	user := etcdtest.User{Name: "keeper", Password: "secret", Prefix: "/here/"}
	f.etcd.Users(t, user)
	f.start("a", func(o *Options) {
		o.Prefix = "/here/"
		o.Client = etcdtest.Connect(t, f.etcd.ConfigOf(user))
	})
	until(t, "all owned", 20*time.Second, func() bool { return f.settled() })
	first := tokens(f)
	time.Sleep(2 * quick) // the lease is renewed meanwhile
	if !slices.Equal(first, tokens(f)) {
		t.Error("the lease of a user was not renewed")
	}
	stranger := f.start("b", func(o *Options) {
		o.Client = etcdtest.Connect(t, f.etcd.ConfigOf(user))
	})
	until(t, "outside of the prefix nothing works", 20*time.Second, func() bool {
		return stranger.Trouble() != nil && strings.Contains(stranger.Trouble().Error(), "permission denied")
	})
}
