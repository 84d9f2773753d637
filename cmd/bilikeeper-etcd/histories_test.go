//go:build etcd && unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestHistories has five hosts work while things go wrong at random, and holds what
// happened against the guarantees: no account is lost; none is refreshed by two hosts at
// once, and no refresh is granted twice without something wrong between; no host asks the
// site more in a minute, and all of them together no more for an account in an hour, than
// they may, whatever was lost; what a reader gets only grows newer, and is nothing that the
// site had denied twice for long; no message comes more often than once and once more per
// fault. Hours last a minute in the keeper that it builds, so that the limits are reached.
//
// Where root allows it each host has a network of its own and a cable, which is pulled.
//
// BILIKEEPER_HISTORIES says how many rounds, BILIKEEPER_SEED repeats what went wrong. With
// BILIKEEPER_CLOCKS=1, and where the tag histories has it last a night, the clocks of hosts
// are an hour wrong at times: for them most of Go's own packages are built anew once.
func TestHistories(t *testing.T) {
	rounds, seed := numberOf(t, "BILIKEEPER_HISTORIES", usualRounds), uint64(numberOf(t, "BILIKEEPER_SEED", int(time.Now().UnixNano()%1e9)))
	r := rand.New(rand.NewPCG(seed, 0))
	f := newFleet(t, 3, 0, "2s", etcdtest.Quota(64<<20))
	h := newHistory(f)
	var err error
	if f.net, err = etcdtest.NewNetwork(t); err != nil {
		t.Logf("the hosts share a network, and proxies alone break it: %v", err)
	}
	f.more, f.limits = h.listen(), limited()
	h.clocks = numberOf(t, "BILIKEEPER_CLOCKS", usualClocks) > 0
	built := hurriedPrograms
	if h.clocks {
		built = clockedPrograms
	}
	if f.bin, err = built(); err != nil {
		t.Fatal(err)
	}
	f.grow(5)
	for i := range 10 {
		f.add(f.hosts[i%5], fmt.Sprintf("account-%d", i))
	}
	if r.IntN(2) == 0 {
		f.site.Refresh.SetOldTokenReuse(passporttest.ReuseDenied)
	}
	f.visits.slow = func() time.Duration { return rand.N(slowest) }
	ctx, cancel := context.WithCancel(context.Background())
	done := h.work(ctx, seed)
	defer func() { cancel(); done() }()
	for round := range rounds {
		plan := h.draw(r)
		t.Logf("seed %d, round %d at %s: %s", seed, round, time.Now().UTC().Format(time.TimeOnly), plan)
		h.carryOut(plan)
		if err := h.well(); err != nil {
			h.breach("after %s it does not become well again: %v", plan, err)
		}
		h.hear()
		if breaches := h.judge(); len(breaches) > 0 {
			t.Fatalf("seed %d, after %d rounds:\n%s", seed, round+1, strings.Join(breaches, "\n"))
		}
	}
	h.quiet.Store(true)
	if err := h.allTold(); err != nil {
		t.Errorf("seed %d, after %d rounds: %v", seed, rounds, err)
	}
	t.Logf("seed %d: %d rounds; %s", seed, rounds, h.summary())
}

func numberOf(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// trouble is one thing that goes wrong, for a while.
type trouble struct {
	what string
	host *member // nil where it is with all
	// insist has an account of the host use its hour up first.
	insist  bool
	touches touches
	from    time.Duration
	last    time.Duration
	// begin does it and returns what mends it.
	begin func() (mend func())
}

// troubles are what goes wrong in one round.
type troubles []trouble

func (p troubles) String() string {
	if len(p) == 0 {
		return "nothing"
	}
	var all []string
	for _, one := range p {
		text := one.what
		if one.host != nil {
			text = one.host.name + " " + text
		}
		if one.insist {
			text += " with an account's hour used up"
		}
		all = append(all, fmt.Sprintf("%s after %v for %v", text, one.from.Round(time.Millisecond), one.last.Round(time.Millisecond)))
	}
	return strings.Join(all, ", ")
}

// draw makes up a round: nothing, one trouble, or two that overlap, of two hosts.
func (h *history) draw(r *rand.Rand) (p troubles) {
	n := []int{0, 1, 1, 1, 2, 2}[r.IntN(6)]
	all := r.Perm(len(h.hosts))
	for i := range n {
		var one trouble
		if i == 0 && r.IntN(3) == 0 {
			one = h.ofEtcd(r)
		} else {
			one = h.ofHost(r, h.hosts[all[i]])
			one.insist = r.IntN(3) == 0
		}
		one.from = time.Duration(r.Int64N(int64(4 * time.Second)))
		p = append(p, one)
	}
	return p
}

func upTo(r *rand.Rand, d time.Duration) time.Duration {
	return time.Second + time.Duration(r.Int64N(int64(d)))
}

// inRefresh waits for a moment in which the site has refreshed an account for a host and
// not answered yet, and has one brought about. Where none comes it is any moment.
func (h *history) inRefresh(m *member) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	go func() {
		defer cancel()
		s, err := m.client().Status(ctx)
		for i := 0; err == nil && i < len(s.Accounts) && ctx.Err() == nil; i++ {
			if s.Accounts[i].Host == m.name {
				_, _ = m.client().Refresh(ctx, s.Accounts[i].Name, true)
			}
		}
	}()
	for ctx.Err() == nil && !m.front.acted.Load() {
		time.Sleep(time.Millisecond)
	}
}

// ofHost is what goes wrong with one host.
func (h *history) ofHost(r *rand.Rand, m *member) trouble {
	one := h.anyTime(r, m)
	if h.net != nil && r.IntN(3) == 0 {
		one = h.ofCable(r, m)
	}
	if h.clocks && r.IntN(3) == 0 {
		one = h.ofClock(r, m)
	}
	if r.IntN(2) == 0 {
		begin := one.begin
		one.what += " in a refresh"
		one.begin = func() func() {
			h.inRefresh(m)
			return begin()
		}
	}
	return one
}

// anyTime is what goes wrong with one host at any moment.
func (h *history) anyTime(r *rand.Rand, m *member) trouble {
	switch r.IntN(10) {
	case 9:
		return trouble{what: "is stopped in its work and wakes without etcd", host: m, last: 2 * lease, begin: func() func() {
			m.pause()
			m.way.Cut()
			return func() {
				m.resume()
				time.Sleep(lag)
				m.way.Heal()
			}
		}}
	case 0, 1:
		return trouble{what: "is killed", host: m, last: upTo(r, 20*time.Second), begin: func() func() { m.kill(); return m.start }}
	case 2:
		return trouble{what: "is stopped in its work", host: m, last: 2 * lease, begin: func() func() { m.pause(); return m.resume }}
	case 3:
		return trouble{what: "ends and begins again", host: m, last: upTo(r, 5*time.Second), begin: func() func() { m.stop(); return m.start }}
	case 4:
		return trouble{what: "cannot reach etcd", host: m, last: upTo(r, 25*time.Second), begin: func() func() { m.way.Cut(); return m.way.Heal }}
	case 5:
		return trouble{what: "hears no answers of etcd", host: m, last: upTo(r, 20*time.Second), begin: func() func() { m.way.DropAnswers(); return m.way.Heal }}
	case 6:
		return trouble{what: "is refused by etcd", host: m, last: upTo(r, 25*time.Second), begin: func() func() { m.way.Refuse(); return m.way.Heal }}
	case 7:
		return trouble{what: "cannot reach the site", host: m, last: upTo(r, 20*time.Second), begin: func() func() {
			m.front.cut.Store(true)
			return func() { m.front.cut.Store(false) }
		}}
	}
	return trouble{what: "misses what etcd compacts", host: m, last: upTo(r, 8*time.Second), begin: func() func() {
		m.way.Cut()
		return func() {
			if !h.etcdGone { // there is nobody to compact anything
				h.etcd.Compact(h.t, 0)
			}
			m.way.Heal()
		}
	}}
}

// ofCable is what goes wrong with the network of one host: nobody is told, and what was
// under way is sent again and again.
func (h *history) ofCable(r *rand.Rand, m *member) trouble {
	one := trouble{host: m, last: upTo(r, 25*time.Second)}
	drops := func(addresses []string) func() (mend func()) {
		return func() func() {
			m.place.Drop(h.t, addresses...)
			return func() { m.place.Pass(h.t) }
		}
	}
	kind := r.IntN(3)
	if !m.place.Drops() {
		kind = 0
	}
	switch kind {
	case 0:
		one.touches = packets
		one.what, one.begin = "has its cable pulled", func() func() {
			m.place.Pull(h.t)
			return func() { m.place.Plug(h.t) }
		}
	case 1:
		one.what, one.begin = "sends into the void what is for etcd", drops(m.way.Endpoints())
	case 2:
		one.touches = packets
		one.what, one.begin = "sends into the void what is for the site", drops([]string{m.door})
	}
	return one
}

// ofEtcd is what goes wrong with etcd.
func (h *history) ofEtcd(r *rand.Rand) trouble {
	one := h.etcd.Member(r.IntN(3))
	switch r.IntN(5) {
	case 0, 1:
		return trouble{what: "a member of etcd is killed", last: upTo(r, 15*time.Second), begin: func() func() {
			one.Stop(h.t)
			return func() { one.Start(h.t) }
		}}
	case 2:
		return trouble{what: "etcd's leader is killed", last: upTo(r, 10*time.Second), begin: func() func() {
			leader := h.etcd.Member(h.etcd.Leader(h.t))
			leader.Stop(h.t)
			return func() { leader.Start(h.t) }
		}}
	case 3:
		return trouble{what: "etcd is killed as a whole", last: upTo(r, 15*time.Second), begin: func() func() {
			for i := range 3 {
				h.etcd.Member(i).Stop(h.t)
			}
			h.etcdGone = true
			return func() {
				h.etcd.Restart(h.t)
				h.etcdGone = false
			}
		}}
	}
	return trouble{what: "etcd's quota is used up", last: upTo(r, 10*time.Second), begin: func() func() {
		h.etcd.Fill(h.t)
		return func() { h.etcd.Free(h.t) }
	}}
}

// carryOut has a round's troubles come and go, one after another where they would be
// mended by one another.
func (h *history) carryOut(p troubles) {
	if len(p) == 0 {
		time.Sleep(settling + 2*lag)
		return
	}
	if last := p[len(p)-1]; last.insist {
		defer h.insistOn(last.host)()
	}
	begun := time.Now()
	type change struct {
		at time.Duration
		do func()
	}
	var changes []change
	for _, one := range p {
		host := ""
		if one.host != nil {
			host = one.host.name
		}
		var over, mend func()
		changes = append(changes,
			change{one.from, func() { over, mend = h.begins(one.what, host, one.touches), one.begin() }},
			change{one.from + one.last, func() { mend(); over() }})
	}
	for len(changes) > 0 {
		first := 0
		for i, c := range changes {
			if c.at < changes[first].at {
				first = i
			}
		}
		time.Sleep(time.Until(begun.Add(changes[first].at)))
		changes[first].do()
		changes = append(changes[:first], changes[first+1:]...)
	}
}

// summary is what was done in the run.
func (h *history) summary() string {
	h.mu.Lock()
	faults, messages := len(h.faults), len(h.hook)
	h.mu.Unlock()
	rotations := 0
	for _, mid := range h.mids {
		rotations += h.site.Refresh.Rotations(mid)
	}
	logins, _ := h.hosts[0].client().Events(context.Background(), client.EventQuery{Types: []string{client.EventLoginSucceeded}})
	return fmt.Sprintf("%d faults, %d refreshes, %d sessions denied twice, %d logins, %d messages; %s", faults, rotations, h.visits.dead(), len(logins), messages, h.reached())
}
