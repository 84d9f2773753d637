package keeper

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/loginqueue"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/vault"
)

// stopGrace is how long a stop waits for what is under way. It is longer than
// one request may take, so that the reply to a poll is not thrown away.
const stopGrace = 25 * time.Second

// Keeper holds the accounts and does for each what its life demands.
type Keeper struct {
	ways     ways
	store    *store.Store
	queue    *schedule.Queue
	log      zerolog.Logger
	version  string
	started  time.Time
	pageLink func(account, subject string, until time.Time) string

	settings atomic.Pointer[Settings]
	problems account.Problems
	audit    *audit.Audit
	plans    plans
	adding   adding
	logins   loginqueue.Queue
	parts    *account.Parts

	// abandon ends the context of everything that talks to the site. It comes
	// later than the end of the context of Run, by stopGrace.
	abandon context.CancelFunc

	roster
	owners
	tags tags

	share     share
	following following
}

// Parts are what a keeper is made of.
type Parts struct {
	Vault  vault.Vault
	Config config.Config
	// Transport is the way to the site; its zero value is the network.
	Transport passport.Options
	// PageLink returns the login page's address for an incident or a login of an
	// account, "" where no page is served; nil is none. It works until a time, and
	// is the same each time for the same arguments.
	PageLink func(account, subject string, until time.Time) string
	Log      zerolog.Logger
	Version  string

	// Cluster is nil where the keeper is alone. StateDir is for what is kept on this host
	// alone; LeaseNeeded is the least lease that a request to the site begins with, 0 is
	// the usual.
	Cluster     cluster.Membership
	StateDir    string
	LeaseNeeded time.Duration
}

// New builds a keeper and learns which accounts there are. Nothing is asked or told before
// Begin.
func New(p Parts) (*Keeper, error) {
	k := &Keeper{
		store:    store.New(p.Vault),
		queue:    &schedule.Queue{},
		log:      p.Log,
		version:  p.Version,
		started:  time.Now().UTC().Truncate(time.Millisecond),
		pageLink: p.PageLink,
		roster:   roster{accounts: map[string]*account.Worker{}},
		owners:   owners{resumed: make(chan struct{}), more: make(chan func())},
	}
	set, err := NewSettings(p.Config)
	if err != nil {
		return nil, err
	}
	k.settings.Store(set)
	k.ways = ways{store: k.store, shared: p.Cluster != nil, settings: k.Settings, log: k.log}
	if err := k.ways.open(p.Transport); err != nil {
		return nil, err
	}
	if k.audit, err = audit.Open(k.store); err != nil {
		return nil, err
	}
	if err := k.plans.load(k.store); err != nil {
		return nil, fmt.Errorf("load the changes of schedules: %w", err)
	}
	work, abandon := context.WithCancel(context.Background())
	k.abandon = abandon
	k.parts = &account.Parts{
		Site:   func(name string) *passport.Client { return k.ways.of(name).client },
		Checks: func(name string) *account.CheckQueue { return k.ways.of(name).checks },
		Store:  k.store, Due: k.queue, Logins: &k.logins, Problems: &k.problems, Log: k.log, Work: work,
		Policy: func(r *store.Brief) lifecycle.Policy {
			p := k.Settings().policy(r)
			p.Host, p.Replaced = k.Shared().self(), func(other string) time.Time { return k.plans.took(p.Plan, other) }
			return p
		},
		Settings: func() account.Settings { return k.Settings().workers() },
		Gone: func(w *account.Worker) {
			k.drop(w)
			k.ways.forget(w.Name())
		},
		Kept: func(w *account.Worker) bool { return k.find(w.Name()) == w }, CallNext: k.callNext, Own: k.owners.own,
	}
	if k.Shared().open(p); p.Cluster != nil {
		k.following.begin(store.Others{Store: k.store}) // before they are read
	}
	names, err := k.store.Keys(store.KindAccount)
	if err != nil {
		return nil, fmt.Errorf("load the accounts: %w", err)
	}
	for _, name := range names {
		w := account.Unread(k.parts, name)
		if p.Cluster != nil {
			ownership(w).Elsewhere()
		}
		k.accounts[name] = w
	}
	set.scale(k.store, k.Count())
	return k, nil
}

// Begin lets the accounts' work begin. It comes before the first caller: one that
// wants an account added has to find the keeper at work. Credentials are handed out
// from then on; what changes an account waits until all are resumed.
func (k *Keeper) Begin(ctx context.Context) {
	k.roster.open(ctx)
	if k.share.cluster != nil {
		k.owners.begin(func() { k.Shared().follow(ctx) })
		k.owners.begin(func() { k.Shared().Offers().run(ctx) })
		k.owners.begin(k.Shared().resume)
		return
	}
	k.owners.begin(k.resume)
}

// Keep works until ctx ends, then waits for what is under way.
func (k *Keeper) Keep(ctx context.Context) {
	k.queue.Run(ctx, func(name string) {
		if w := k.find(name); w != nil {
			w.Nudge()
		}
	})
	stop := time.AfterFunc(stopGrace, k.abandon)
	defer stop.Stop()
	for _, w := range k.all() {
		w.Retire()
	}
	k.owners.wait()
	k.abandon()
	k.ways.settle()
}

// resume reads all accounts and brings their plans up to the present. Until it is
// done nothing else is done for any of them: who has a place in the login queue has
// to be known first.
func (k *Keeper) resume() {
	defer k.callNext() // places may be free, whose holders are gone
	defer close(k.owners.resumed)
	readAll(k)
	all := slices.Clone(k.all())
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var busy []lifecycle.Account
	for _, w := range all {
		if r := w.Shown(); r.Login != nil || r.Incident != nil {
			busy = append(busy, r.Account)
		}
	}
	k.logins.Restore(busy)
	s := k.Settings()
	for _, w := range all {
		s.tellTooDense(w.Shown(), &k.problems)
		account.Plan{Worker: w}.Resume()
	}
}

// readAll reads the accounts that nobody has asked for yet, one after the other as
// they lie. What cannot be read that way is tried again by itself, and told of.
func readAll(k *Keeper) {
	err := k.store.Texts(func(t store.Text) error {
		if w := k.roster.get(t.Name); w != nil {
			_ = w.Read(t)
		}
		return nil
	})
	if err != nil {
		k.log.Warn().Err(err).Msg("the accounts are read one by one")
	}
}

// find returns an account, nil where there is none that can be read.
func (k *Keeper) find(name string) *account.Worker {
	if w := k.roster.get(name); w != nil && k.read(w) {
		return w
	}
	return nil
}

// read reads an account's record, if that was not done. One that means nothing to
// this program is left as it is and told of.
func (k *Keeper) read(w *account.Worker) bool {
	if w.IsRead() {
		return true
	}
	err := k.store.Texts(w.Read, w.Name())
	if err == nil {
		return true
	}
	if k.store.Vault().Err() != nil { // nothing can be read, and the keeper ends
		return false
	}
	k.drop(w)
	if k.share.cluster != nil && errors.Is(err, vault.ErrNotFound) { // another host has removed it
		return false
	}
	k.problems.Set("account "+w.Name(), err)
	k.log.Error().Err(err).Str("account", w.Name()).Msg("left alone; the others are kept")
	return false
}

// named is find for a caller who named the account.
func (k *Keeper) named(name string) (*account.Worker, error) {
	if w := k.find(name); w != nil {
		return w, nil
	}
	var names []string
	for _, r := range k.Records() {
		names = append(names, r.Name)
	}
	return nil, account.NoAccount(name, setting.Nearest(name, names))
}

// all returns the accounts by name. Nobody changes the list.
func (k *Keeper) all() []*account.Worker {
	list := k.list()
	unread := 0
	for _, w := range list {
		if !k.read(w) {
			unread++
		}
	}
	if unread > 0 {
		list = k.list()
	}
	return list
}

func (k *Keeper) drop(w *account.Worker) {
	if k.roster.remove(w) {
		k.tags.changed()
		k.Settings().scale(k.store, k.Count())
		k.Shared().nameAccounts()
	}
}

// ensure returns the account of that name, and adds it if there is none. Nobody else
// waits while it is written.
func (k *Keeper) ensure(ctx context.Context, name string, site passport.Site) (*account.Worker, error) {
	if w := k.find(name); w != nil {
		return w, nil
	}
	release, err := k.Shared().claim(ctx, name)
	if err != nil {
		return nil, err
	}
	defer release()
	for !k.adding.begin(name) {
		if w := k.find(name); w != nil {
			return w, nil
		}
	}
	defer k.adding.end(name)
	if w := k.find(name); w != nil {
		return w, nil
	}
	if k.roster.stopping() {
		return nil, account.Stopping()
	}
	r := &store.Record{
		Brief:   store.Brief{Account: lifecycle.New(name, site, time.Now().UTC())},
		Secrets: store.Secrets{Device: passport.Device{UserAgent: passport.NewUserAgent(account.NewID()), Key: name}},
	}
	if err := k.store.Save(r, store.Of(name, client.AccountAdded{Site: string(site)}), nil); err != nil {
		return nil, account.StorageProblem(err)
	}
	w := account.New(k.parts, r)
	if k.share.cluster != nil {
		ownership(w).Elsewhere()
	}
	return k.Shared().enter(w), nil
}

// callNext lets those ask for a code who have waited longest. It does not wait
// for them.
func (k *Keeper) callNext() {
	for _, name := range k.logins.Call() {
		if w := k.find(name); w != nil {
			account.Login{Worker: w}.Come()
		} else {
			k.logins.Leave(name)
		}
	}
}

// Store is what is kept: records and journal.
func (k *Keeper) Store() *store.Store { return k.store }

// Problems is what is wrong with the keeper itself.
func (k *Keeper) Problems() *account.Problems { return &k.problems }

// Look has the schedule gone through, and returns a channel that is closed when it
// was: a sign that it moves.
func (k *Keeper) Look() <-chan struct{} { return k.queue.Look() }

// Settings are the configuration in force.
func (k *Keeper) Settings() *Settings { return k.settings.Load() }

// Breakers returns how the breakers on the ways to the site stand.
func (k *Keeper) Breakers() []passport.Breaker { return k.ways.breakers() }

// Log is where the keeper writes what it does.
func (k *Keeper) Log() *zerolog.Logger { return &k.log }

// Version is the program's.
func (k *Keeper) Version() string { return k.version }

// Record returns what is known of an account as it was committed last, its secrets
// aside; nil where there is no such account.
func (k *Keeper) Record(name string) *store.Brief {
	if w := k.find(name); w != nil {
		return w.Shown()
	}
	return nil
}

// Records returns what is known of all accounts, by name.
func (k *Keeper) Records() []*store.Brief {
	var list []*store.Brief
	for _, w := range k.all() {
		list = append(list, w.Shown())
	}
	return list
}
