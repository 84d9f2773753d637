package etcd

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

const (
	// most is how many keys one transaction changes. etcd allows 128, if it is not
	// told otherwise.
	most = 80
	// pace is between two transactions that let go of accounts: those that take them
	// keep up.
	pace = 200 * time.Millisecond
	// together is how long news are waited for that come with the first: a host that
	// goes leaves thousands of keys.
	together = 20 * time.Millisecond
)

// decide does what is to be done about the accounts, as long as the session lasts. What
// does not work is decided anew, from what was seen meanwhile.
func (s *session) decide(ctx context.Context) {
	failures := 0
	backoff := attempt.Backoff{First: 100 * time.Millisecond, Most: 2 * time.Second, Spread: 0.5}
	for ctx.Err() == nil {
		next, err := s.once(ctx)
		switch {
		case err != nil:
			failures++
			attempt.Sleep(ctx, backoff.Delay(failures))
			continue
		case ctx.Err() != nil:
			return
		}
		failures = 0
		timer := time.NewTimer(max(next-cluster.Uptime(), 0))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.m.wake:
			attempt.Sleep(ctx, together)
		}
		timer.Stop()
	}
}

// once decides, carries it out, and says when to decide again.
func (s *session) once(ctx context.Context) (next time.Duration, err error) {
	d, leaving, ok := s.plan()
	if !ok {
		return cluster.Never, nil
	}
	for len(d.Take) > 0 {
		n := min(len(d.Take), most)
		if err := s.take(ctx, d.Take[:n]); err != nil {
			return 0, err
		}
		d.Take = d.Take[n:]
	}
	for _, account := range d.Yield {
		if len(leaving) == most {
			break
		}
		if s.yield(account) {
			leaving = append(leaving, account)
		}
	}
	if len(leaving) == 0 {
		return d.Next, nil
	}
	return cluster.Uptime() + pace, s.release(ctx, leaving[:min(len(leaving), most)])
}

// plan decides from what was seen. leaving are accounts that were let go of, whose keys
// may still be there. It reports false while not everything was seen.
func (s *session) plan() (d cluster.Decision, leaving []string, ok bool) {
	m := s.m
	m.mu.RLock()
	if !m.view.wholeHosts || !m.view.wholeOwners || m.now != s {
		m.mu.RUnlock()
		return d, nil, false
	}
	v := cluster.View{Me: m.o.Host, Hosts: m.view.names, Arrived: s.since, Changed: m.view.moved}
	accounts := make([]cluster.Account, 0, len(m.view.accounts))
	for account, since := range m.view.free {
		accounts = append(accounts, cluster.Account{Name: account, Since: since})
	}
	for account, o := range m.view.owners {
		switch {
		case o.created == 0 || o.lease != s.id:
		case o.leaving:
			leaving = append(leaving, account)
		default:
			accounts = append(accounts, cluster.Account{
				Name: account, Owner: o.host, Since: o.since, Spare: o.spare, Busy: o.busy,
				Fixed: account == sender, Removed: m.view.listed && !m.view.accounts[account],
			})
		}
	}
	m.mu.RUnlock()
	d = m.o.Timing.Decide(cluster.Uptime(), v, func(yield func(cluster.Account) bool) {
		for _, a := range accounts {
			if !yield(a) {
				return
			}
		}
	})
	return d, leaving, true
}

// take creates the owner keys that are not there. Each of them stands alone: what
// another host took meanwhile is seen to be its own.
func (s *session) take(ctx context.Context, accounts []cluster.Taking) error {
	m := s.m
	ctx, cancel := context.WithTimeout(ctx, m.o.patience())
	defer cancel()
	var each []clientv3.Op
	spares := map[string]bool{}
	for _, a := range accounts {
		key := m.keys.owner(a.Name)
		each = append(each, clientv3.OpTxn(
			[]clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(key), "=", 0)},
			[]clientv3.Op{clientv3.OpPut(key, m.o.Host, clientv3.WithLease(s.id))},
			[]clientv3.Op{clientv3.OpGet(key)},
		))
		spares[a.Name] = a.Spare
	}
	answer, err := m.o.Client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(m.keys.host(m.o.Host)), "=", s.presence)).
		Then(each...).Commit()
	if err != nil {
		return err
	}
	if !answer.Succeeded {
		s.end(errRemoved)
		return errRemoved
	}
	var changes []change
	for i, one := range answer.Responses {
		txn := one.GetResponseTxn()
		if txn.Succeeded {
			changes = append(changes, change{
				key: m.keys.owner(accounts[i].Name), value: m.o.Host, lease: s.id,
				created: answer.Header.Revision, revision: answer.Header.Revision,
			})
			continue
		}
		spares[accounts[i].Name] = false
		for _, kv := range txn.Responses[0].GetResponseRange().Kvs {
			changes = append(changes, changeOf(kv))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.see(changes, spares)
	return nil
}

// yield has this host cease to own an account, where nothing is under way for it. Its
// key is deleted after.
func (s *session) yield(account string) bool {
	m := s.m
	let := m.o.Yield(account)
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.view.owners[account]
	if m.now != s || !ok || !m.believes(account) {
		return false
	}
	if !let {
		o.busy = cluster.Uptime() + m.o.Timing.Busy
		m.view.owners[account] = o
		m.again()
		return false
	}
	o.leaving = true
	m.view.owners[account] = o
	m.teller.tell(func() { m.o.Lost([]string{account}) })
	return true
}

// release deletes the owner keys of accounts that this host does not own any more. What
// fails is done again with the next decision.
func (s *session) release(ctx context.Context, accounts []string) error {
	m := s.m
	ctx, cancel := context.WithTimeout(ctx, m.o.patience())
	defer cancel()
	var each []clientv3.Op
	var keys []string
	m.mu.RLock()
	for _, account := range accounts {
		if !m.view.owners[account].leaving {
			continue // the key is another's by now
		}
		key := m.keys.owner(account)
		keys = append(keys, key)
		each = append(each, clientv3.OpTxn(
			[]clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(key), "=", m.view.owners[account].created)},
			[]clientv3.Op{clientv3.OpDelete(key)},
			[]clientv3.Op{clientv3.OpGet(key)},
		))
	}
	m.mu.RUnlock()
	if len(each) == 0 {
		return nil
	}
	answer, err := m.o.Client.Txn(ctx).Then(each...).Commit()
	if err != nil {
		return err
	}
	var changes []change
	for i, one := range answer.Responses {
		gone := change{key: keys[i], revision: answer.Header.Revision}
		if txn := one.GetResponseTxn(); !txn.Succeeded {
			for _, kv := range txn.Responses[0].GetResponseRange().Kvs {
				gone = changeOf(kv)
			}
		}
		changes = append(changes, gone)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.see(changes, nil)
	return nil
}
