package keeper

import (
	"context"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

const (
	// leaseNeeded is the least that has to be left of the lease for a request to the
	// site, unless the parts say otherwise: hardly one takes longer.
	leaseNeeded = 8 * time.Second
	// claiming is how long a caller waits for an account that it adds to have an owner.
	claiming = 10 * time.Second
)

// Shared is the keeper among others. Whoever makes its cluster's membership has it call
// Gained, Lost and Yield, and [Sending.Set]. A keeper that is alone looks after all accounts,
// and nothing here costs it anything.
type Shared struct{ keeper *Keeper }

// Shared returns the keeper's part among others.
func (k *Keeper) Shared() Shared { return Shared{k} }

// ownership is whether this host looks after an account.
func ownership(w *account.Worker) account.Ownership { return account.Ownership{Worker: w} }

// share is what a keeper has beside, to share its accounts.
type share struct {
	cluster cluster.Membership // nil where it is alone
	// settled is fired when an account has come to this host, or went.
	settled store.Signal
	claims  adding
	sending sending
	// gained and lost are how often an account has come to this host, and gone.
	gained, lost atomic.Uint64
	// name is this host's, once it is known.
	name atomic.Pointer[string]
}

// open sets the workers up for a keeper that is not alone.
func (s Shared) open(p Parts) {
	k := s.keeper
	k.share.cluster = p.Cluster
	if p.Cluster == nil {
		return
	}
	needed := p.LeaseNeeded
	if needed == 0 {
		needed = leaseNeeded
	}
	key := func() ([]byte, error) { return k.store.SecretKey("unwritten", account.NewUnwrittenKey) }
	if _, err := key(); err != nil { // it has to be there before the vault is away
		k.log.Warn().Err(err).Msg("while the vault cannot be written, what the site gives cannot be kept in a file either")
	}
	k.parts.Share = &account.Share{
		LeaseLeft: p.Cluster.LeaseLeft, Needed: needed, Unwritten: account.NewUnwritten(filepath.Join(p.StateDir, "unwritten"), key),
	}
	k.parts.Removed = k.drop
}

// resume lets work begin for the accounts that this host looks after. The others
// wait for it as they come.
func (s Shared) resume() {
	k := s.keeper
	defer k.callNext()
	defer close(k.owners.resumed)
	s.Sending().Set(k.share.cluster.Sends()) // it may have been told before anybody listened
	s.nameAccounts()
	readAll(k)
	s.takeUp(k.all())
}

// Gained tells that this host has begun to look after accounts.
func (s Shared) Gained(names []string) {
	s.keeper.share.gained.Add(uint64(len(names)))
	var workers []*account.Worker
	for _, name := range names {
		if w := s.keeper.find(name); w != nil {
			workers = append(workers, w)
		}
	}
	s.takeUp(workers)
	s.keeper.share.settled.Fire()
}

// takeUp has this host look after those of the accounts that it owns. Who has a place in
// the login queue is known before anything is done for any of them.
func (s Shared) takeUp(workers []*account.Worker) {
	k := s.keeper
	var busy []lifecycle.Account
	for _, w := range workers {
		if r := w.Shown(); (r.Login != nil || r.Incident != nil) && k.share.cluster.Owned(w.Name()) {
			busy = append(busy, r.Account)
		}
	}
	k.logins.Restore(busy)
	for _, w := range workers {
		s.settle(w)
	}
}

// Lost tells that this host does not look after accounts any more. What is under way for
// them has been cut when it returns.
func (s Shared) Lost(names []string) {
	s.keeper.share.lost.Add(uint64(len(names)))
	for _, name := range names {
		if w := s.keeper.roster.get(name); w != nil {
			ownership(w).Lose()
			s.keeper.ways.reread(name)
		}
	}
	s.keeper.share.settled.Fire()
}

// Yield lets go of an account, if nothing is under way for it, and reports whether it
// did.
func (s Shared) Yield(name string) bool {
	w := s.keeper.find(name)
	if w == nil {
		return true
	}
	if !ownership(w).Yield() {
		return false
	}
	s.keeper.ways.reread(name)
	return true
}

// settle brings a worker in line with who looks after its account now. It is called
// after each change, so what comes in between is brought in line by the next call.
func (s Shared) settle(w *account.Worker) {
	k := s.keeper
	if k.share.cluster == nil {
		return
	}
	if !k.share.cluster.Owned(w.Name()) {
		ownership(w).Lose()
		return
	}
	k.ways.reread(w.Name())
	ownership(w).Gain()
	if !k.share.cluster.Owned(w.Name()) {
		ownership(w).Lose()
	}
}

// enter takes a worker into the roster, and returns the one that is in there.
func (s Shared) enter(w *account.Worker) *account.Worker {
	k := s.keeper
	in := k.roster.add(w)
	if in == w {
		k.tags.changed()
		k.Settings().scale(k.store, k.Count())
		s.nameAccounts()
		s.settle(w)
	}
	return in
}

// nameAccounts tells the cluster which accounts there are, with those that callers want
// to add.
func (s Shared) nameAccounts() {
	k := s.keeper
	if k.share.cluster == nil {
		return
	}
	var names []string
	for _, w := range k.list() {
		names = append(names, w.Name())
	}
	k.share.cluster.SetAccounts(append(names, k.share.claims.list()...))
}

// Host is who is to carry out what only one host may do for an account: another one's
// name, or "" where it is this host. Of an account that nobody looks after yet it is the
// host that it belongs to.
func (s Shared) Host(name string) string {
	c := s.keeper.share.cluster
	if c == nil || c.Owned(name) {
		return ""
	}
	host := c.Owner(name)
	self, hosts := s.self(), []string{}
	for _, h := range c.Hosts() {
		hosts = append(hosts, h.Name)
	}
	if host == "" && s.keeper.find(name) == nil {
		host = cluster.Best(hosts, name)
	}
	if host == self {
		return ""
	}
	return host
}

// self is this host's name, "" where the keeper is alone or has not joined the others yet.
func (s Shared) self() string {
	share := &s.keeper.share
	if known := share.name.Load(); known != nil {
		return *known
	}
	if share.cluster == nil {
		return ""
	}
	for _, h := range share.cluster.Hosts() {
		if h.Self {
			share.name.Store(&h.Name)
			return h.Name
		}
	}
	return ""
}

// Owner names the host that looks after an account, "" where the keeper is alone.
func (s Shared) Owner(name string) string {
	if s.keeper.share.cluster == nil {
		return ""
	}
	return s.keeper.share.cluster.Owner(name)
}

// Ask has another host carry out a request.
func (s Shared) Ask(ctx context.Context, host string, request []byte) ([]byte, error) {
	return s.keeper.share.cluster.Ask(ctx, host, request)
}

// Settled is closed by the next change of who looks after what. It is never closed where
// the keeper is alone.
func (s Shared) Settled() <-chan struct{} { return s.keeper.share.settled.Wait() }

// Hosts are those that share the accounts, nil where there is but one.
func (s Shared) Hosts() (list []client.Host) {
	if s.keeper.share.cluster == nil {
		return nil
	}
	all := s.keeper.share.cluster.Hosts()
	if len(all) < 2 {
		return nil
	}
	for _, h := range all {
		list = append(list, client.Host{
			Name: h.Name, Version: h.Version, Since: h.Since, LagMS: h.Lag.Milliseconds(), Accounts: h.Accounts, Self: h.Self, Sender: h.Sender,
		})
	}
	return list
}

// Part is a host's part among those that share the accounts.
type Part struct {
	// Hosts is how many there are, and Accounts how many this one looks after.
	Hosts, Accounts int
	// Joined is false while it has no part; Sends is true for the one that sends messages.
	Joined, Sends bool
	// Gained and Lost are how often an account has come to it, and gone.
	Gained, Lost uint64
}

// Part returns this host's part. ok is false where the keeper is alone.
func (s Shared) Part() (p Part, ok bool) {
	share := &s.keeper.share
	if share.cluster == nil {
		return p, false
	}
	hosts := share.cluster.Hosts()
	p = Part{
		Hosts: len(hosts), Joined: share.cluster.Trouble() == nil, Sends: share.cluster.Sends(),
		Gained: share.gained.Load(), Lost: share.lost.Load(),
	}
	for _, w := range s.keeper.list() {
		if share.cluster.Owned(w.Name()) {
			p.Accounts++
		}
	}
	return p, true
}

// Alone reports whether this keeper shares its accounts with nobody.
func (s Shared) Alone() bool { return s.keeper.share.cluster == nil }

// Trouble is why this host has no part among the others at the moment, nil where it has
// or is alone.
func (s Shared) Trouble() error {
	if s.Alone() {
		return nil
	}
	return s.keeper.share.cluster.Trouble()
}

// troubles is Trouble in sentences.
func (s Shared) troubles() []string {
	if err := s.Trouble(); err != nil {
		return []string{"cluster: " + err.Error()}
	}
	return nil
}

// Await waits until this host has seen a record as new as a revision of an account, or
// for 0 that the account is gone, and no longer than ctx.
func (s Shared) Await(ctx context.Context, name string, revision uint64) {
	for {
		changed := s.keeper.store.Changed()
		r := s.keeper.Record(name)
		if r == nil && revision == 0 || r != nil && revision > 0 && r.Revision >= revision {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// claim waits until this host looks after an account that is about to be added, as it
// does where the keeper is alone. release is called once the account is there, or is
// not added after all.
func (s Shared) claim(ctx context.Context, name string) (release func(), err error) {
	k := s.keeper
	c := k.share.cluster
	if c == nil {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, claiming)
	defer cancel()
	for !k.share.claims.begin(name) {
	}
	release = func() {
		k.share.claims.end(name)
		s.nameAccounts()
	}
	for {
		settled := k.share.settled.Wait()
		if s.nameAccounts(); c.Owned(name) {
			return release, nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			release()
			return nil, account.ClusterAway("no host looks after account " + name + " yet")
		}
	}
}

// list are the names in hand.
func (a *adding) list() (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range a.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
