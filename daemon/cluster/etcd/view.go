package etcd

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
)

// view is what this host has seen of the cluster. For each key the change of the
// highest revision counts, whether it came from the watch or with a transaction's answer.
type view struct {
	hosts  map[string]seenHost
	owners map[string]seenOwner
	// names are the hosts that live, and moved is when they were last others.
	names []string
	moved time.Duration
	// accounts are those that there are; free is since when each of them that nobody
	// owns has been so. listed is false until it was said which there are.
	accounts map[string]bool
	free     map[string]time.Duration
	listed   bool
	// wholeHosts and wholeOwners are true once everything was seen.
	wholeHosts, wholeOwners bool
}

// seenHost is a host's presence. One that has gone stays, with the revision at which
// it went.
type seenHost struct {
	presence          presence
	created, revision int64
}

// seenOwner is an account's owner key. One that is gone stays, without a host.
type seenOwner struct {
	host              string
	created, revision int64
	lease             clientv3.LeaseID
	since             time.Duration
	// leaving is true when this host does not own the account any more, though its
	// key may still be there.
	leaving bool
	// spare is true when this host took it in place of another; busy is until when it
	// is not asked to let go of it.
	spare bool
	busy  time.Duration
}

func newView() view {
	return view{
		hosts: map[string]seenHost{}, owners: map[string]seenOwner{},
		accounts: map[string]bool{sender: true}, free: map[string]time.Duration{sender: 0},
	}
}

func (v *view) setAccounts(names []string, now time.Duration) {
	accounts := make(map[string]bool, len(names)+1)
	accounts[sender] = true
	for _, name := range names {
		if accounts[name] = true; v.owners[name].created == 0 {
			if _, ok := v.free[name]; !ok {
				v.free[name] = now
			}
		}
	}
	for name := range v.free {
		if !accounts[name] {
			delete(v.free, name)
		}
	}
	v.accounts, v.listed = accounts, true
}

// seeOwner takes up what became of an account's key, and reports whether that was news.
func (v *view) seeOwner(account string, c change, now time.Duration) bool {
	if c.revision <= v.owners[account].revision {
		return false
	}
	o := seenOwner{created: c.created, revision: c.revision, since: now}
	if c.created != 0 {
		o.host, o.lease = c.value, c.lease
		delete(v.free, account)
	} else if _, ok := v.free[account]; !ok && v.accounts[account] {
		v.free[account] = now
	}
	v.owners[account] = o
	return true
}

// seeHost takes up what became of a host's presence.
func (v *view) seeHost(name string, h seenHost, now time.Duration) {
	before := v.hosts[name]
	if h.revision <= before.revision {
		return
	}
	v.hosts[name] = h
	if h.created == before.created {
		return
	}
	v.moved = now
	v.names = v.names[:0:0]
	for _, name := range slices.Sorted(maps.Keys(v.hosts)) {
		if v.hosts[name].created != 0 {
			v.names = append(v.names, name)
		}
	}
}

func (m *Member) seeHosts(changes []change, whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := cluster.Uptime()
	for _, c := range changes {
		name := strings.TrimPrefix(c.key, m.keys.hosts())
		h := seenHost{created: c.created, revision: c.revision}
		if c.created != 0 {
			if _, err := m.box.open(asPresence, c.key, int64(c.lease), []byte(c.value), &h.presence); err != nil {
				m.o.Log.Error().Str("host", name).Err(err).Msg("a host of the cluster is not one of ours")
				h.created = 0
			}
		}
		m.view.seeHost(name, h, now)
		if s := m.now; s != nil && name == m.o.Host && c.revision > s.presence && c.created != s.presence {
			s.end(errRemoved)
		}
	}
	m.view.wholeHosts = m.view.wholeHosts || whole
	m.mail.seeHosts(m.view.hosts)
	m.again()
}

func (m *Member) seeOwners(changes []change, whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.see(changes, nil)
	m.view.wholeOwners = m.view.wholeOwners || whole
	m.again()
}

// see takes up changes of owner keys, and tells what they mean for this host. spares
// are the accounts that it took in place of others. The mutex is held.
func (m *Member) see(changes []change, spares map[string]bool) {
	now := cluster.Uptime()
	var gained, lost []string
	for _, c := range changes {
		account, ok := m.keys.account(c.key)
		if !ok {
			continue
		}
		before := m.believes(account)
		if !m.view.seeOwner(account, c, now) {
			continue
		}
		if spares[account] {
			o := m.view.owners[account]
			o.spare = true
			m.view.owners[account] = o
		}
		switch after := m.believes(account); {
		case before == after:
		case after:
			gained = append(gained, account)
		default:
			lost = append(lost, account)
		}
	}
	m.tell(lost, gained)
}

// tell tells what this host has ceased and begun to own. The mutex is held.
func (m *Member) tell(lost, gained []string) {
	for _, news := range []struct {
		accounts []string
		tell     func([]string)
		owned    bool
	}{{lost, m.o.Lost, false}, {gained, m.o.Gained, true}} {
		accounts := slices.DeleteFunc(news.accounts, func(account string) bool { return account == sender })
		if len(accounts) < len(news.accounts) {
			m.teller.tell(func() { m.o.Sender(news.owned) })
		}
		if len(accounts) > 0 {
			m.teller.tell(func() { news.tell(accounts) })
		}
	}
}

var errRestored = errors.New("etcd was put back to an earlier state")

// forget comes when etcd was put back to an earlier state: nothing that was seen under
// a prefix says anything about what comes, and what this host owns may be another's.
//
// A session that noticed it has ended by itself, and the one that is there has begun
// since.
func (m *Member) forget(prefix string, first bool) {
	m.mu.RLock()
	s := m.now
	m.mu.RUnlock()
	if s != nil && first {
		s.end(errRestored)
		s.finish()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if prefix == m.keys.hosts() {
		m.view.hosts, m.view.names, m.view.wholeHosts = map[string]seenHost{}, nil, false
	}
	var lost []string
	for account := range m.view.owners {
		if !strings.HasPrefix(m.keys.owner(account), prefix) {
			continue
		}
		if m.believes(account) { // it is seen again, if it is so
			lost = append(lost, account)
		}
		delete(m.view.owners, account)
		if m.view.accounts[account] {
			m.view.free[account] = cluster.Uptime()
		}
	}
	m.tell(lost, nil)
}

// Hosts implements [cluster.Membership].
func (m *Member) Hosts() []cluster.Host {
	lag := m.o.Lag() // what it told the others may be seconds old
	m.mu.RLock()
	defer m.mu.RUnlock()
	counts := map[string]int{}
	for account, o := range m.view.owners {
		if o.created != 0 && account != sender {
			counts[o.host]++
		}
	}
	var out []cluster.Host
	for _, name := range m.view.names {
		p, self := m.view.hosts[name].presence, name == m.o.Host
		if self {
			p.Lag = lag
		}
		out = append(out, cluster.Host{
			Name: name, Version: p.Version, Since: p.Since, Lag: p.Lag, Accounts: counts[name],
			Self: self, Sender: m.view.owners[sender].host == name,
		})
	}
	return out
}
