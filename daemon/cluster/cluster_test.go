package cluster

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func names(prefix string, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%s%d", prefix, i))
	}
	return out
}

// Ten thousand accounts fall on five hosts in shares that differ by a few percent, in
// whatever order the hosts are named.
func TestBalance(t *testing.T) {
	const accounts, off = 10_000, 0.06
	for _, prefix := range []string{"host", "keeper-", "a.example.org/"} {
		hosts, counts := names(prefix, 5), map[string]int{}
		for _, account := range names("account", accounts) {
			best := Best(hosts, account)
			counts[best]++
			mixed := slices.Clone(hosts)
			rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			if again := Best(mixed, account); again != best {
				t.Fatalf("%s belongs to %s and to %s", account, best, again)
			}
		}
		for host, n := range counts {
			if want := float64(accounts) / 5; float64(n) < want*(1-off) || float64(n) > want*(1+off) {
				t.Errorf("%s has %d of %d", host, n, accounts)
			}
		}
	}
}

// A host that goes leaves its accounts to the others, and one that comes wins some;
// nothing else moves.
func TestMinimalMovement(t *testing.T) {
	hosts := names("host", 5)
	four, gained := hosts[:4], map[string]int{}
	for _, account := range names("account", 10_000) {
		with, without := Best(hosts, account), Best(four, account)
		if with != "host4" && with != without {
			t.Fatalf("%s moved from %s to %s when another host came", account, without, with)
		}
		if with == "host4" {
			gained[without]++
		}
		for _, host := range hosts {
			if rank := Rank(hosts, account, host); (rank == 0) != (host == with) {
				t.Fatalf("%s: %s has rank %d and %s is best", account, host, rank, with)
			}
		}
	}
	for _, host := range four {
		if n := gained[host]; n < 400 || n > 600 {
			t.Errorf("the host that came won %d accounts from %s", n, host)
		}
	}
}

// The scores are part of what keepers of different versions agree on.
func TestScoresStay(t *testing.T) {
	if got := Best(nil, "a"); got != "" {
		t.Errorf("without hosts: %q", got)
	}
	got := map[string]string{}
	for _, account := range names("account", 6) {
		got[account] = Best([]string{"alpha", "beta", "gamma"}, account)
	}
	want := map[string]string{
		"account0": "gamma", "account1": "alpha", "account2": "alpha",
		"account3": "beta", "account4": "gamma", "account5": "gamma",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

const s = time.Second

func TestDecide(t *testing.T) {
	both := []string{"x", "y"}
	mine, theirs := belongs(both, "x"), belongs(both, "y")
	view := View{Me: "x", Hosts: both, Arrived: 100 * s, Changed: 100 * s}
	tests := []struct {
		name string
		view View
		a    Account
		now  time.Duration
		want Decision
	}{
		{"free and mine", view, Account{Name: mine, Since: 200 * s}, 200 * s,
			Decision{Take: []Taking{{mine, false}}, Next: Never}},
		{"free and mine, arrived just now", view, Account{Name: mine, Since: 90 * s}, 101 * s,
			Decision{Next: 102 * s}},
		{"free and another's", view, Account{Name: theirs, Since: 200 * s}, 201 * s,
			Decision{Next: 205 * s}},
		{"free and another's for long", view, Account{Name: theirs, Since: 200 * s}, 205 * s,
			Decision{Take: []Taking{{theirs, true}}, Next: Never}},
		{"free, and I am not there", View{Me: "x", Hosts: []string{"y"}}, Account{Name: mine}, 300 * s,
			Decision{Next: Never}},
		{"owned by me, and mine", view, Account{Name: mine, Owner: "x"}, 300 * s,
			Decision{Next: Never}},
		{"owned by another, and mine", view, Account{Name: mine, Owner: "y"}, 300 * s,
			Decision{Next: Never}},
		{"owned by a host that is not seen", view, Account{Name: mine, Owner: "z"}, 300 * s,
			Decision{Next: Never}},
		{"another's, hosts steady", view, Account{Name: theirs, Owner: "x"}, 110 * s,
			Decision{Yield: []string{theirs}, Next: Never}},
		{"another's, hosts changed just now", view, Account{Name: theirs, Owner: "x"}, 109 * s,
			Decision{Next: 110 * s}},
		{"another's, not at rest", view, Account{Name: theirs, Owner: "x", Busy: 121 * s}, 120 * s,
			Decision{Next: 121 * s}},
		{"another's, taken as a spare", view, Account{Name: theirs, Owner: "x", Spare: true, Since: 200 * s}, 210 * s,
			Decision{Next: 500 * s}},
		{"another's, a spare for long", view, Account{Name: theirs, Owner: "x", Spare: true, Since: 200 * s}, 500 * s,
			Decision{Yield: []string{theirs}, Next: Never}},
		{"mine, and removed", view, Account{Name: mine, Owner: "x", Removed: true}, 101 * s,
			Decision{Yield: []string{mine}, Next: Never}},
		{"another's, fixed", view, Account{Name: theirs, Owner: "x", Fixed: true}, 300 * s,
			Decision{Next: Never}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Usual().Decide(tt.now, tt.view, slices.Values([]Account{tt.a}))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// belongs finds an account that belongs to a host.
func belongs(hosts []string, host string) string {
	for i := 0; ; i++ {
		if name := fmt.Sprintf("c%d", i); Best(hosts, name) == host {
			return name
		}
	}
}

// world is a cluster as the decisions make it: hosts come, go, get stuck, and see the
// others late; what is free is given to the first who takes it.
type world struct {
	t        *testing.T
	rnd      *rand.Rand
	now      time.Duration
	accounts []string
	owner    map[string]string
	since    map[string]time.Duration
	spare    map[string]bool
	views    map[string]*View // of those that live
	stuck    map[string]bool
	moves    int
}

func (w *world) hosts() []string { return slices.Sorted(maps.Keys(w.views)) }

// see has everybody look again. Some see the others only later.
func (w *world) see(late bool) {
	hosts := w.hosts()
	for _, v := range w.views {
		if late && w.rnd.IntN(3) == 0 || slices.Equal(v.Hosts, hosts) {
			continue
		}
		v.Hosts, v.Changed = hosts, w.now
	}
}

func (w *world) come(host string) {
	w.views[host] = &View{Me: host, Arrived: w.now, Changed: w.now}
}

func (w *world) leave(host string) {
	delete(w.views, host)
	delete(w.stuck, host)
	for account, owner := range w.owner {
		if owner == host {
			w.free(account)
		}
	}
}

func (w *world) free(account string) {
	delete(w.owner, account)
	delete(w.spare, account)
	w.since[account] = w.now
}

func (w *world) step() {
	w.now += s / 2
	order := w.hosts()
	w.rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, host := range order {
		if w.stuck[host] {
			continue
		}
		d := Usual().Decide(w.now, *w.views[host], func(yield func(Account) bool) {
			for _, name := range w.accounts {
				if !yield(Account{Name: name, Owner: w.owner[name], Since: w.since[name], Spare: w.spare[name]}) {
					return
				}
			}
		})
		if d.Next <= w.now {
			w.t.Fatalf("%s is to decide again at %v, and it is %v", host, d.Next, w.now)
		}
		for _, a := range d.Take {
			if owner, ok := w.owner[a.Name]; ok {
				w.t.Fatalf("%s takes %s, which %s owns", host, a.Name, owner)
			}
			w.owner[a.Name], w.since[a.Name], w.spare[a.Name] = host, w.now, a.Spare
			w.moves++
		}
		for _, name := range d.Yield {
			if w.owner[name] != host {
				w.t.Fatalf("%s lets go of %s, which %s owns", host, name, w.owner[name])
			}
			w.free(name)
		}
	}
}

// Whatever hosts do, no account is taken twice, and once they are quiet every account
// is with the host that it belongs to; a host that is stuck keeps none from the others.
func TestWorldSettles(t *testing.T) {
	for seed := range uint64(8) {
		w := &world{
			t: t, rnd: rand.New(rand.NewPCG(seed, 1)), accounts: names("account", 40),
			owner: map[string]string{}, since: map[string]time.Duration{}, spare: map[string]bool{},
			views: map[string]*View{}, stuck: map[string]bool{},
		}
		for range 400 {
			host := fmt.Sprintf("host%d", w.rnd.IntN(5))
			switch _, lives := w.views[host]; {
			case w.rnd.IntN(10) > 0:
			case !lives:
				w.come(host)
			case w.rnd.IntN(2) == 0:
				w.leave(host)
			default:
				w.stuck[host] = !w.stuck[host]
			}
			w.see(true)
			w.step()
		}
		w.come("steady")
		w.stuck["steady"] = false
		for range 120 { // a minute in which hosts that are stuck stay so
			w.see(false)
			w.step()
		}
		for _, account := range w.accounts {
			if _, ok := w.owner[account]; !ok {
				t.Fatalf("seed %d: nobody owns %s", seed, account)
			}
		}
		clear(w.stuck)
		for range 800 { // spares are kept for five minutes
			w.step()
		}
		before := w.moves
		for range 800 {
			w.step()
		}
		if w.moves != before {
			t.Errorf("seed %d: accounts move though nothing changes", seed)
		}
		for _, account := range w.accounts {
			if want := Best(w.hosts(), account); w.owner[account] != want {
				t.Errorf("seed %d: %s is with %s and belongs to %s", seed, account, w.owner[account], want)
			}
		}
	}
}

// A host that comes and goes within the time that hosts have to be steady moves nothing.
func TestFlappingMovesNothing(t *testing.T) {
	w := &world{
		t: t, rnd: rand.New(rand.NewPCG(1, 1)), accounts: names("account", 100),
		owner: map[string]string{}, since: map[string]time.Duration{}, spare: map[string]bool{},
		views: map[string]*View{}, stuck: map[string]bool{},
	}
	w.come("host0")
	w.come("host1")
	for range 60 {
		w.see(false)
		w.step()
	}
	before := w.moves
	if before != 100 {
		t.Fatalf("two hosts that started together took %d times", before)
	}
	for range 20 {
		w.come("host2")
		for range 16 {
			w.see(false)
			w.step()
		}
		w.leave("host2")
		for range 2 {
			w.see(false)
			w.step()
		}
	}
	if w.moves != before {
		t.Errorf("%d accounts moved", w.moves-before)
	}
}

func TestLease(t *testing.T) {
	const ttl = 15 * s
	end := ttl - ttl/margin
	l := NewLease(0, ttl)
	if left := l.Left(s); left != end-s {
		t.Errorf("after a second %v are left", left)
	}
	// An answer counts from when it was asked for, however late it comes.
	if !l.Renew(10*s, 5*s, ttl) || l.Left(10*s) != end-5*s {
		t.Errorf("renewed at 5 s, seen at 10 s: %v are left", l.Left(10*s))
	}
	// An older answer takes nothing away.
	if !l.Renew(11*s, s, ttl) || l.Left(11*s) != end-6*s {
		t.Errorf("an older answer: %v are left", l.Left(11*s))
	}
	// A process that was stopped finds it run out before it looks at any answer, and
	// an answer that waited for it changes nothing.
	if left := l.Left(40 * s); left != 0 {
		t.Errorf("after the stop %v are left", left)
	}
	if l.Renew(40*s, 10*s, ttl) || l.Renew(40*s, 39*s, ttl) || l.Left(40*s) != 0 {
		t.Error("a lease that had run out was renewed")
	}
	if l.Left(0) != 0 {
		t.Error("a lease that has run out has time left earlier")
	}
	ended := NewLease(0, ttl)
	if ended.End(); ended.Left(s) != 0 {
		t.Error("a lease that was ended has time left")
	}
	var none Lease
	if none.Left(s) != 0 || none.Renew(s, s, ttl) {
		t.Error("the zero lease lives")
	}
}

// The clock moves, forward only, as other clocks do.
func TestUptime(t *testing.T) {
	outer := time.Now()
	before := Uptime()
	inner := time.Now()
	for Uptime() == before {
	}
	for time.Since(inner) < 50*time.Millisecond {
		if now := Uptime(); now < before {
			t.Fatalf("the clock went from %v back to %v", before, now)
		}
	}
	// The clocks are read one after the other, and the system may do something else in
	// between; neither counts finer than some milliseconds everywhere.
	const step = 20 * time.Millisecond
	least := time.Since(inner)
	took := Uptime() - before
	if most := time.Since(outer); took < least-step || took > most+step {
		t.Errorf("%v by this clock, between %v and %v by the other", took, least, most)
	}
}

func TestAlone(t *testing.T) {
	var m Membership = NewAlone("here", "1.0", time.Unix(1, 0))
	m.SetAccounts([]string{"a"})
	_, _, fenced := m.Fence("a")
	if !m.Owned("a") || !fenced || m.Owner("a") != "here" || !m.Sends() || m.LeaseLeft() != Never {
		t.Error("who is alone does not own everything")
	}
	if err := m.Trouble(); err != nil {
		t.Error(err)
	}
	if hosts := m.Hosts(); len(hosts) != 1 || !hosts[0].Self || !hosts[0].Sender {
		t.Errorf("%+v", hosts)
	}
	_, err := m.Ask(t.Context(), "there", nil)
	var why *AskError
	if !errors.Is(err, ErrUnknownHost) || !errors.As(err, &why) || why.Begun {
		t.Error(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
