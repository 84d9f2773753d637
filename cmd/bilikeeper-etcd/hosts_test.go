//go:build etcd && unix

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// lease is how long a host that is gone keeps its accounts.
const lease = 15 * time.Second

// newest waits until every host hands out one credential of an account, and returns its
// generation. It is to be one that the site takes, newer than a generation.
func (f *fleet) newest(account string, after uint64) (generation uint64) {
	f.t.Helper()
	for _, m := range f.live() {
		m.until(m.name+" hands the newest credential out", func() error {
			c, err := m.client().Credential(context.Background(), account, client.CredentialOptions{})
			switch {
			case err != nil:
				return err
			case c.Generation <= after, generation != 0 && c.Generation != generation:
				return fmt.Errorf("%s hands generation %d out, after %d at the others", m.name, c.Generation, max(generation, after))
			}
			generation = c.Generation
			cookies := string(c.Body)
			if !slices.ContainsFunc(f.site.Sessions(f.mids[account]), func(s string) bool { return strings.Contains(cookies, s) }) {
				return errors.New("the site does not take it")
			}
			return nil
		})
	}
	return generation
}

// asked are the hosts that asked the site about an account since a moment.
func (f *fleet) asked(account string, since time.Time) (hosts []string) {
	for _, one := range f.visits.since(since) {
		if one.mid == f.mids[account] && !slices.Contains(hosts, one.host) {
			hosts = append(hosts, one.host)
		}
	}
	return hosts
}

// TestHosts: three hosts share accounts. Each is looked after by one of them, whoever is
// asked; every host hands out every credential; and who ends hands over at once.
func TestHosts(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 3, "1h")
	for _, m := range f.hosts {
		for range 2 {
			account := f.named(m)
			f.add(f.hosts[len(f.mids)%3], account) // by whichever
			if got := f.asked(account, time.Time{}); !slices.Equal(got, []string{m.name}) {
				t.Errorf("%s was looked after by %v, want %s", account, got, m.name)
			}
		}
	}
	f.settled(3)
	if table, _ := f.hosts[2].run(0, "status"); !strings.Contains(table, "host-a") || !strings.Contains(table, "host-b") || !strings.Contains(table, "host-c") {
		t.Errorf("the status is\n%s", table)
	}
	for account, mid := range f.mids {
		owner, other := f.owner(account), f.other(account)
		before := f.newest(account, 0)
		began := time.Now()
		other.run(0, "check", account)
		f.site.Refresh.SetDue(mid, true)
		other.run(0, "refresh", account)
		if got := f.asked(account, began); !slices.Equal(got, []string{owner.name}) {
			t.Errorf("asked for by %s, %s was checked and refreshed by %v, want %s", other.name, account, got, owner.name)
		}
		if c, err := other.client().Credential(context.Background(), account, client.CredentialOptions{}); err != nil || c.Generation != before+1 {
			t.Errorf("after the refresh %s hands out generation %d of %s, %v", other.name, c.Generation, account, err)
		}
		f.newest(account, before)
		if n := f.site.Refresh.Rotations(mid); n != 1 {
			t.Errorf("%s was refreshed %d times", account, n)
		}
	}

	account := f.named(f.hosts[0])
	f.add(f.hosts[0], account)
	login, err := f.hosts[0].client().StartLogin(context.Background(), client.LoginRequest{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	f.hosts[0].stop() // with a code out
	began := time.Now()
	f.hosts[1].run(0, "check", account)
	f.scan(f.hosts[2], login)
	if took := time.Since(began); took > lease/2 {
		t.Errorf("after a clean stop it took %v until another looked after the account", took)
	}
	f.settled(2)
	f.hosts[0].start()
	f.settled(3)
	for _, fault := range f.once(never) {
		t.Error(fault)
	}
	twin := f.hosts[1].twin(f.hosts[0].name)
	_, said := twin.run(78, "daemon")
	if !strings.Contains(said, "store.host") || !strings.Contains(said, f.hosts[0].name) {
		t.Errorf("with a name that is taken it says %s", said)
	}
	f.settled(3)
}

// TestOwnerKilled: another host checks and refreshes within the lease and a little, and
// goes on with the login that was due.
func TestOwnerKilled(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 3, "2s")
	owner := f.hosts[0]
	lives, died := f.named(owner), ""
	f.add(owner, lives)
	died = f.named(owner)
	f.add(owner, died)
	f.settled(3)
	f.site.Kill(f.mids[died])
	var login client.Login
	f.hosts[1].until("a login is due", func() error {
		a, err := f.hosts[1].client().Account(context.Background(), died)
		if err == nil && a.LoginID == "" {
			err = errors.New("there is none")
		}
		if err == nil {
			login, err = f.hosts[1].client().Login(context.Background(), a.LoginID)
		}
		return err
	})
	before := f.newest(lives, 0)
	f.site.Refresh.SetDue(f.mids[lives], true)
	f.hosts[0].kill()
	killed := time.Now()
	for _, m := range f.live() {
		c, err := m.client().Credential(context.Background(), lives, client.CredentialOptions{})
		if err != nil || c.Generation < before {
			t.Errorf("while nobody looks after it, %s hands out generation %d, %v", m.name, c.Generation, err)
		}
	}
	f.hosts[1].until("another refreshes", func() error {
		if f.site.Refresh.Rotations(f.mids[lives]) == 0 {
			return errors.New("nobody did")
		}
		return nil
	})
	if took := time.Since(killed); took > lease+5*time.Second {
		t.Errorf("it took %v until another host refreshed", took)
	} else {
		t.Logf("another host refreshed %v after the kill", took)
	}
	f.newest(lives, before)
	f.hosts[2].until("the login goes on", func() error {
		a, err := f.hosts[2].client().Account(context.Background(), died)
		if err == nil && a.LoginID == "" {
			err = errors.New("there is no login")
		}
		if err == nil {
			login, err = f.hosts[2].client().Login(context.Background(), a.LoginID)
		}
		return err
	})
	f.scan(f.hosts[2], login)
	f.newest(died, 0)
	if incidents := f.incidents(f.hosts[2], died); len(incidents) != 1 {
		t.Errorf("the incidents of one death are %v", incidents)
	}
	for _, fault := range f.once(never) {
		t.Error(fault)
	}
}

// incidents are the deaths of an account, and what was done about them, as a host's
// journal tells.
func (f *fleet) incidents(m *member, account string) (list []string) {
	f.t.Helper()
	events, err := m.client().Events(context.Background(), client.EventQuery{Account: account})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range events {
		_, rest, ok := strings.Cut(string(e.Data), `"incident":"`)
		incident, _, _ := strings.Cut(rest, `"`)
		if ok && !slices.Contains(list, incident) {
			list = append(list, incident)
		}
	}
	return list
}

// TestHostStopped: a host that was stopped for 30 s does not touch the site for what is
// another's now, though nobody can tell it that.
func TestHostStopped(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 3, "1s")
	owner := f.hosts[0]
	var accounts []string
	for range 4 {
		accounts = append(accounts, f.named(owner))
		f.add(owner, accounts[len(accounts)-1])
	}
	f.settled(3)
	owner.pause()
	owner.way.Cut()
	time.Sleep(2 * lease)
	f.settled(2)
	woken := time.Now()
	owner.resume()
	time.Sleep(5 * time.Second)
	owner.way.Heal()
	for _, account := range accounts {
		if hosts := f.asked(account, woken); slices.Contains(hosts, owner.name) || len(hosts) == 0 {
			t.Errorf("after %s was woken, %v asked about %s", owner.name, hosts, account)
		}
	}
	f.settled(3) // it gets them back
	for _, account := range accounts {
		f.newest(account, 0)
	}
	for _, fault := range f.once(never) {
		t.Error(fault)
	}
}

// TestMajorityAway: while most of etcd is away all hosts hand out what they have, and say
// why they do nothing else; it comes back by itself.
func TestMajorityAway(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, 2, "1h")
	account := f.named(f.hosts[0])
	f.add(f.hosts[1], account)
	f.settled(2)
	before := f.newest(account, 0)
	f.etcd.Member(1).Stop(t)
	f.etcd.Member(2).Stop(t)
	f.hosts[0].until("it is told that etcd is away", func() error {
		for _, m := range f.hosts {
			if s, err := m.status(); err != nil || !strings.Contains(strings.Join(s.Daemon.Problems, "\n"), "not to be reached since") {
				return fmt.Errorf("%s tells %q, %v", m.name, s.Daemon.Problems, err)
			}
		}
		return nil
	})
	f.newest(account, before-1)
	for _, m := range f.hosts {
		if _, said := m.run(6, "check", account); !strings.Contains(said, "cannot be reached") {
			t.Errorf("%s says %s", m.name, said)
		}
	}
	f.hosts[0].kill()
	f.hosts[0].start() // from its copy
	f.newest(account, before-1)
	f.etcd.Member(1).Start(t)
	f.etcd.Member(2).Start(t)
	f.settled(2)
	f.site.Refresh.SetDue(f.mids[account], true)
	f.hosts[1].run(0, "refresh", account)
	f.newest(account, before)
	for _, fault := range f.once(never) {
		t.Error(fault)
	}
}

// twin is a host with the same key and another's name.
func (m *member) twin(name string) *host {
	m.t.Helper()
	h := newHostAt(m.t, m.site, "http://127.0.0.1:1", "1h")
	h.shares(m.way, name)
	h.carry(m.host)
	return h
}
