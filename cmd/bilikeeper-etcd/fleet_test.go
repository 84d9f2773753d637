//go:build etcd && unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// fleet are several hosts with one etcd and one site. Each reaches both by a way of its
// own, which can be cut.
type fleet struct {
	t      *testing.T
	site   *passporttest.Site
	etcd   *etcdtest.Cluster
	hosts  []*member
	visits visits
	mids   map[string]int64  // by account
	every  string            // how often each account is checked
	more   string            // of each host's configuration
	limits string            // in place of the usual ones, where it is not ""
	bin    string            // where the programs are, where they are not the usual ones
	net    *etcdtest.Network // that each host has a cable to; nil where they share the test's
}

// member is a host of a fleet.
type member struct {
	*host
	name    string
	front   *front
	door    string // where the front is
	way     *etcdtest.Proxy
	keeper  *exec.Cmd // nil while none runs
	stopped bool
}

// newFleet makes hosts that check every account so often, and starts their keepers.
func newFleet(t *testing.T, members, hosts int, every string, options ...etcdtest.Option) *fleet {
	t.Helper()
	f := &fleet{t: t, site: passporttest.New(), etcd: etcdtest.Start(t, members, options...), mids: map[string]int64{}, every: every}
	if hosts > 0 {
		f.grow(hosts)
	}
	return f
}

// grow adds hosts, one after another: the first makes the vault, and its key is carried to
// the others.
func (f *fleet) grow(hosts int) {
	f.t.Helper()
	for range hosts {
		m := &member{name: "host-" + string(rune('a'+len(f.hosts))), way: f.etcd.ProxyAt(f.t, f.address())}
		m.front = &front{host: m.name, site: f.site, visits: &f.visits}
		server := f.serve(m.front)
		m.door = server.Listener.Addr().String()
		m.host = newHostAt(f.t, f.site, server.URL, f.every)
		if f.net != nil {
			m.place = f.net.Join(f.t)
		}
		m.base = f.more + m.base
		if f.limits != "" {
			m.base = strings.Replace(m.base, usualLimits, f.limits, 1)
		}
		if f.bin != "" {
			m.bin = f.bin
		}
		m.shares(m.way, m.name)
		if len(f.hosts) > 0 {
			m.carry(f.hosts[0].host)
		}
		f.hosts = append(f.hosts, m)
		m.start()
	}
	f.settled(len(f.hosts))
}

// address is where hosts reach what the test serves.
func (f *fleet) address() string {
	if f.net != nil {
		return f.net.Address()
	}
	return "127.0.0.1"
}

// serve serves where the hosts can reach it, until the test ends.
func (f *fleet) serve(handler http.Handler) *httptest.Server {
	f.t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(f.address(), "0"))
	if err != nil {
		f.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	f.t.Cleanup(server.Close)
	f.t.Cleanup(server.CloseClientConnections)
	return server
}

// shares writes the configuration of a host that shares its accounts.
func (h *host) shares(way *etcdtest.Proxy, name string) {
	h.t.Helper()
	var endpoints []string
	for _, e := range way.Endpoints() {
		endpoints = append(endpoints, strconv.Quote("http://"+e))
	}
	h.write("config.toml", h.base+fmt.Sprintf("[store]\ntype = \"etcd\"\nendpoints = [%s]\nhost = %q\n[backup]\nevery = \"0s\"\n",
		strings.Join(endpoints, ", "), name))
}

// carry brings the key of the vault from another host.
func (h *host) carry(from *host) {
	h.t.Helper()
	key, err := os.ReadFile(from.path("state", "vault.key"))
	if err == nil {
		err = os.Mkdir(h.path("state"), 0o700)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.write("state/vault.key", string(key))
}

// start starts the keeper of a host.
func (m *member) start() { m.keeper = m.keep() }

// stop ends the keeper cleanly, kill as a loss of power does.
func (m *member) stop() {
	m.end(m.keeper, syscall.SIGTERM)
	m.keeper = nil
}

func (m *member) kill() {
	m.end(m.keeper, syscall.SIGKILL)
	m.keeper = nil
}

// pause stops the keeper in the middle of whatever it does, and resume has it go on.
func (m *member) pause() {
	m.stopped = true
	m.signal(syscall.SIGSTOP)
}

func (m *member) resume() {
	m.signal(syscall.SIGCONT)
	m.stopped = false
}

func (m *member) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.keeper.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

// settled waits until all hosts that live see so many hosts, and each account has one
// owner of whom all say the same.
func (f *fleet) settled(hosts int) {
	f.t.Helper()
	for _, m := range f.live() {
		m.until("all see who looks after what", func() error { return f.settledAs(m, hosts) })
	}
}

// settledAs says why a host does not see what it is to see.
func (f *fleet) settledAs(m *member, hosts int) error {
	s, err := m.status()
	if err != nil {
		return err
	}
	var names []string
	owned := 0
	for _, h := range s.Daemon.Hosts {
		names, owned = append(names, h.Name), owned+h.Accounts
	}
	if len(names) != hosts && hosts > 1 || len(names) > 0 && hosts == 1 {
		return fmt.Errorf("%s sees the hosts %v: %s", m.name, names, strings.Join(s.Daemon.Problems, "; "))
	}
	if hosts > 1 && owned != len(f.mids) || len(s.Accounts) != len(f.mids) {
		return fmt.Errorf("%s sees %d accounts, %d of them with an owner, want %d", m.name, len(s.Accounts), owned, len(f.mids))
	}
	for _, a := range s.Accounts {
		if best := cluster.Best(names, a.Name); hosts > 1 && a.Host != best {
			return fmt.Errorf("%s sees %s at %q, and it belongs to %s", m.name, a.Name, a.Host, best)
		}
	}
	return nil
}

func (m *member) status() (client.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return m.client().Status(ctx)
}

// live are the hosts whose keepers run.
func (f *fleet) live() (list []*member) {
	for _, m := range f.hosts {
		if m.keeper != nil && !m.stopped {
			list = append(list, m)
		}
	}
	return list
}

// owner is the host that an account belongs to while so many of the hosts live.
func (f *fleet) owner(account string) *member {
	var names []string
	for _, m := range f.live() {
		names = append(names, m.name)
	}
	best := cluster.Best(names, account)
	for _, m := range f.hosts {
		if m.name == best {
			return m
		}
	}
	return nil
}

// other is a host that lives and is not the account's owner.
func (f *fleet) other(account string) *member {
	owner := f.owner(account)
	for _, m := range f.live() {
		if m != owner {
			return m
		}
	}
	f.t.Fatal("there is no other host")
	return nil
}

// named makes up the name of an account that belongs to a host.
func (f *fleet) named(m *member) string {
	var names []string
	for _, h := range f.hosts {
		names = append(names, h.name)
	}
	for i := 0; ; i++ {
		name := fmt.Sprintf("account-%d", i)
		if f.mids[name] == 0 && cluster.Best(names, name) == m.name {
			return name
		}
	}
}

// add logs an account in that is new, by a host.
func (f *fleet) add(by *member, account string) {
	f.t.Helper()
	id := int64(100200300 + len(f.mids))
	f.mids[account] = id
	f.site.AddUser(id, account)
	l, err := by.client().StartLogin(context.Background(), client.LoginRequest{Account: account})
	if err != nil {
		f.t.Fatalf("a login of %s at %s: %v", account, by.name, err)
	}
	f.scan(by, l)
}

// scan has a person answer a login that a host shows.
func (f *fleet) scan(by *member, l client.Login) {
	f.t.Helper()
	by.until("the login of "+l.Account+" is answered", func() error {
		now, err := by.client().Login(context.Background(), l.ID)
		if err != nil || now.State == client.LoginSucceeded {
			return err
		}
		err = f.site.QR.Scan(now.URL, f.mids[l.Account])
		if err == nil {
			err = f.site.QR.Confirm(now.URL, f.mids[l.Account])
		}
		return errors.Join(errors.New("it is "+now.State), err)
	})
}
