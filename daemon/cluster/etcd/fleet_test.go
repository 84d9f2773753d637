//go:build etcd

package etcd

import (
	"context"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
)

func aead(t testing.TB, secret byte) cipher.AEAD {
	if t != nil {
		t.Helper()
	}
	key := make([]byte, 32)
	key[0] = secret
	a, err := NewSeal(key, []byte("a vault's id"))
	if err != nil {
		panic(err)
	}
	return a
}

// quick is a lease that tests need not wait long for.
const quick = 3 * time.Second

func names(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("account%d", i))
	}
	return out
}

// fleet are hosts in one process, each with its own way to etcd.
type fleet struct {
	t        *testing.T
	etcd     *etcdtest.Cluster
	accounts []string
	hosts    map[string]*host
	judge    *judge
}

type host struct {
	*Member
	name    string
	proxy   *etcdtest.Proxy
	options Options

	mu     sync.Mutex
	owned  map[string]bool // as the callbacks tell it
	sender []bool
}

func newFleet(t *testing.T, members, accounts int, options ...etcdtest.Option) *fleet {
	t.Helper()
	f := &fleet{t: t, etcd: etcdtest.Start(t, members, options...), accounts: names(accounts), hosts: map[string]*host{}}
	f.judge = newJudge(t, append(slices.Clone(f.accounts), sender))
	return f
}

// start starts a host. It is left to itself when the test ends.
func (f *fleet) start(name string, change ...func(*Options)) *host {
	f.t.Helper()
	h := &host{name: name, proxy: f.etcd.Proxy(f.t), owned: map[string]bool{}}
	h.options = Options{
		Client: etcdtest.Connect(f.t, f.etcd.Config(h.proxy.Endpoints()...)),
		Host:   name, Version: "test", TTL: quick, Seal: aead(f.t, 1), Log: zerolog.New(zerolog.NewTestWriter(f.t)),
		Gained: func(names []string) { h.note(names, true) },
		Lost:   func(names []string) { h.note(names, false) },
		Sender: func(sends bool) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.sender = append(h.sender, sends)
		},
		// Something is under way now and then.
		Yield: func(string) bool { return rand.IntN(5) > 0 },
	}
	// Where the machine has much else to do, some accounts are taken by the next in
	// their order.
	h.options.Timing = cluster.Usual()
	h.options.Timing.Spare = h.options.Timing.Steady
	for _, c := range change {
		c(&h.options)
	}
	f.run(h)
	f.hosts[name] = h
	return h
}

// run makes a host a member. It may be done again after a Close.
func (f *fleet) run(h *host) {
	f.t.Helper()
	m, err := Join(h.options)
	if err != nil {
		f.t.Fatal(err)
	}
	h.Member = m
	m.SetAccounts(f.accounts)
	stop := f.judge.watch(h.name, m)
	f.t.Cleanup(func() {
		stop()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = m.Close(ctx) // etcd may be away
	})
}

func (h *host) note(accounts []string, owned bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range accounts {
		if h.owned[a] == owned {
			panic(fmt.Sprintf("%s: %s was told twice: %v", h.name, a, owned))
		}
		h.owned[a] = owned
	}
}

// told is how many accounts the host owns as it was told.
func (h *host) told() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, owned := range h.owned {
		if owned {
			n++
		}
	}
	return n
}

func (h *host) count(accounts []string) (n int) {
	for _, a := range accounts {
		if h.Owned(a) {
			n++
		}
	}
	return n
}

// settled reports whether every account is with the host that it belongs to among these.
func (f *fleet) settled(names ...string) bool {
	if len(names) == 0 {
		for name := range f.hosts {
			names = append(names, name)
		}
	}
	for _, a := range f.accounts {
		if !f.hosts[cluster.Best(names, a)].Owned(a) {
			return false
		}
	}
	return true
}

// owned reports whether each account is owned by one of these hosts.
func (f *fleet) owned(names ...string) bool {
	for _, a := range f.accounts {
		if !slices.ContainsFunc(names, func(name string) bool { return f.hosts[name].Owned(a) }) {
			return false
		}
	}
	return true
}

// until waits for something, and returns how long that took.
func until(t testing.TB, what string, within time.Duration, done func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for {
		asked := time.Now()
		if done() {
			return time.Since(begun)
		}
		// What counts is when it was asked: a machine with other things to do may take its
		// time with the answer, and with what comes after.
		if asked.Sub(begun) > within {
			t.Fatalf("%s: not within %v", what, within)
		}
		// Asking takes no more than half of the time.
		time.Sleep(max(5*time.Millisecond, time.Since(asked)))
	}
}

// judge asks each host again and again what it takes itself for the owner of. A host
// that answered yes twice with the same token did so all the time between; two such
// times of two hosts for one account must not meet. All are measured by one clock.
type judge struct {
	t        *testing.T
	accounts []string
	begun    time.Time
	// anew is true where etcd, and its revisions, began anew meanwhile.
	anew bool

	mu    sync.Mutex
	times map[string][]owning // by account
}

type owning struct {
	host     string
	token    int64
	from, to time.Duration
}

func newJudge(t *testing.T, accounts []string) *judge {
	j := &judge{t: t, accounts: accounts, begun: time.Now(), times: map[string][]owning{}}
	t.Cleanup(j.verdict)
	return j
}

func (j *judge) watch(name string, m *Member) (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		now := map[string]owning{}
		for {
			for _, a := range j.accounts {
				from := time.Since(j.begun)
				_, token, owned := m.Fence(a)
				o, before := now[a]
				switch {
				case owned && before && o.token == token:
					o.to = from
					now[a] = o
				case owned:
					j.add(a, o)
					since := time.Since(j.begun)
					now[a] = owning{name, token, since, since}
				case before:
					j.add(a, o)
					delete(now, a)
				}
			}
			select {
			case <-over:
				for a, o := range now {
					j.add(a, o)
				}
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

func (j *judge) add(account string, o owning) {
	if o.host == "" {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.times[account] = append(j.times[account], o)
}

func (j *judge) verdict() {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for account, times := range j.times {
		slices.SortFunc(times, func(a, b owning) int { return int(a.from - b.from) })
		for i, o := range times {
			n++
			for _, other := range times[:i] {
				if other.host != o.host && other.to >= o.from {
					j.t.Errorf("%s was owned by two: %+v and %+v", account, other, o)
				}
				if other.host != o.host && other.token >= o.token && !j.anew {
					j.t.Errorf("%s: the token went back: %+v and %+v", account, other, o)
				}
			}
		}
	}
	j.t.Logf("%d times of owning were compared", n)
}

func get(t testing.TB, client *clientv3.Client, prefix string) map[string]string {
	t.Helper()
	answer, err := client.Get(t.Context(), prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, kv := range answer.Kvs {
		out[string(kv.Key)] = string(kv.Value)
	}
	return out
}
