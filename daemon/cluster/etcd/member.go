package etcd

import (
	"context"
	"errors"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// Member is a host's part in the cluster. It is a [cluster.Membership].
type Member struct {
	o    Options
	keys keys
	box  box
	// instance tells this process from others of the same name.
	instance string
	started  time.Time
	teller   *teller
	mail     *mailbox

	stop  context.CancelFunc
	work  sync.WaitGroup // all goroutines but the tellers'
	state *latest
	told  chan struct{} // closed when the tellers have ended
	// held is the last lease that was taken. Only run uses it, and Close after that.
	held clientv3.LeaseID
	// rival is of run alone, too.
	rival rival

	mu sync.RWMutex // guards all below
	// now is the lease under which this host has a part, nil while it has none.
	now *session
	// trouble is why it has none; changed is closed when that or now changes.
	trouble error
	changed chan struct{}
	view    view
	// wake has what is decided decided anew. It holds one.
	wake chan struct{}
}

var _ cluster.Membership = (*Member)(nil)

var (
	errJoining = errors.New("not yet joined")
	errLeft    = errors.New("the cluster was left")
)

// Join makes a member, which joins as soon as etcd can be reached, and again whenever
// it has lost its part.
func Join(o Options) (*Member, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &Member{
		o: o, keys: keys{o.Prefix}, box: box{o.Seal}, instance: newID(), started: time.Now(),
		teller: newTeller(), state: newLatest(), stop: cancel, told: make(chan struct{}),
		trouble: errJoining, changed: make(chan struct{}), view: newView(), wake: make(chan struct{}, 1),
	}
	m.mail = newMailbox(m)
	go func() {
		defer close(m.told)
		var both sync.WaitGroup
		both.Go(m.teller.run)
		both.Go(m.mail.sweeper.run)
		both.Wait()
	}()
	follow(ctx, m, m.keys.hosts(), m.seeHosts)
	follow(ctx, m, m.keys.owners(), m.seeOwners)
	follow(ctx, m, m.keys.sender(), m.seeOwners)
	follow(ctx, m, m.keys.mail(o.Host), m.mail.see)
	m.work.Go(func() { m.run(ctx) })
	return m, nil
}

func follow(ctx context.Context, m *Member, prefix string, apply func([]change, bool)) {
	f := &follower{client: m.o.Client, prefix: prefix, patience: m.o.patience(), apply: apply}
	f.forget, f.replaced = func(first bool) { m.forget(prefix, first) }, m.state.replaced
	m.work.Go(func() { f.run(ctx) })
}

// run joins again and again until the context ends.
func (m *Member) run(ctx context.Context) {
	backoff := attempt.Backoff{First: 200 * time.Millisecond, Most: 2 * time.Second, Spread: 0.5}
	for n := 1; ctx.Err() == nil; n++ {
		begun := cluster.Uptime()
		err := m.join(ctx)
		if ctx.Err() != nil {
			return
		}
		if cluster.Uptime()-begun > m.o.TTL {
			n = 1
		}
		m.hasTrouble(err)
		if !attempt.Sleep(ctx, backoff.Delay(n)) {
			return
		}
	}
}

// hasTrouble notes why there is no part in the cluster, and logs each reason once.
func (m *Member) hasTrouble(err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		err = errSilent
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.trouble == nil || m.trouble.Error() != err.Error() {
		m.o.Log.Warn().Str("host", m.o.Host).Err(err).Msg("this host has no part in the cluster")
	}
	m.trouble = err
	m.signal()
}

// signal wakes who waits for a session or its end. The mutex is held.
func (m *Member) signal() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// Joined waits until this host has a part in the cluster. It returns at once where
// another process has its name.
func (m *Member) Joined(ctx context.Context) error {
	for {
		m.mu.RLock()
		joined, trouble, changed := m.now != nil, m.trouble, m.changed
		m.mu.RUnlock()
		switch {
		case joined:
			return nil
		case errors.Is(trouble, cluster.ErrNameTaken), errors.Is(trouble, errLeft):
			return trouble
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), trouble)
		case <-changed:
		}
	}
}

// Trouble implements [cluster.Membership].
func (m *Member) Trouble() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.now != nil && m.now.lease.Left(cluster.Uptime()) > 0 {
		return nil
	}
	if m.trouble == nil {
		return errOut
	}
	return m.trouble
}

// LeaseLeft implements [cluster.Membership].
func (m *Member) LeaseLeft() time.Duration {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.now == nil {
		return 0
	}
	return m.now.lease.Left(cluster.Uptime())
}

// Owned implements [cluster.Membership].
func (m *Member) Owned(account string) bool {
	_, _, owned := m.Fence(account)
	return owned && account != sender
}

// noRevision is a revision that no key has. 0 would be that of a key that is not there.
const noRevision = -1

// Fence implements [cluster.Membership].
func (m *Member) Fence(account string) (ownerKey string, createRevision int64, owned bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	ownerKey = m.keys.owner(account)
	if !m.believes(account) || m.now.lease.Left(cluster.Uptime()) == 0 {
		return ownerKey, noRevision, false
	}
	return ownerKey, m.view.owners[account].created, true
}

// believes reports whether the account's key is under this host's lease, as far as has
// been seen. The mutex is held.
func (m *Member) believes(account string) bool {
	if m.now == nil {
		return false
	}
	o, ok := m.view.owners[account]
	return ok && o.created != 0 && !o.leaving && o.lease == m.now.id && o.host == m.o.Host
}

// Sends implements [cluster.Membership].
func (m *Member) Sends() bool {
	_, _, sends := m.Fence(sender)
	return sends
}

// Owner implements [cluster.Membership].
func (m *Member) Owner(account string) string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if o, ok := m.view.owners[account]; ok && !o.leaving {
		return o.host
	}
	return ""
}

// SetAccounts implements [cluster.Membership].
func (m *Member) SetAccounts(names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view.setAccounts(names, cluster.Uptime())
	m.again()
}

// again has what is decided decided anew.
func (m *Member) again() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Close implements [cluster.Membership]. Whoever acts as an owner has stopped before:
// the accounts may be another's when it returns. Where etcd cannot be told, they are
// when the lease has run out.
func (m *Member) Close(ctx context.Context) error {
	m.stop()
	m.work.Wait()
	m.teller.finish()
	m.mail.sweeper.finish()
	<-m.told
	m.mu.Lock()
	m.trouble = errLeft
	m.signal()
	m.mu.Unlock()
	if m.held == clientv3.NoLease {
		return nil
	}
	return revoke(ctx, m.o.Client, m.held)
}
