package keeper

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/client"
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

	// mu guards accounts and running. Nothing else is locked while it is held.
	mu       sync.RWMutex
	accounts map[string]*account.Worker
	running  context.Context
	owners   sync.WaitGroup
}

// Parts are what a keeper is made of.
type Parts struct {
	Vault  *vault.Vault
	Config config.Config
	// Transport is the way to the site; its zero value is the network.
	Transport passport.Options
	// PageLink returns the login page's address for an incident or a login of an
	// account, "" where no page is served; nil is none. It works until a time, and
	// is the same each time for the same arguments.
	PageLink func(account, subject string, until time.Time) string
	Log      zerolog.Logger
	Version  string
}

// New builds a keeper and loads its accounts. Nothing is asked or told before
// Begin.
func New(p Parts) (*Keeper, error) {
	k := &Keeper{
		store:    store.New(p.Vault),
		queue:    &schedule.Queue{},
		log:      p.Log,
		version:  p.Version,
		started:  time.Now().UTC().Truncate(time.Millisecond),
		pageLink: p.PageLink,
		accounts: map[string]*account.Worker{},
	}
	set, err := NewSettings(p.Config)
	if err != nil {
		return nil, err
	}
	k.settings.Store(set)
	k.ways = ways{store: k.store, settings: k.Settings, log: k.log}
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
		Site: func(name string) *passport.Client { return k.ways.of(name).client }, Store: k.store, Due: k.queue, Logins: &k.logins, Problems: &k.problems, Log: k.log, Work: work,
		Policy: func(r *store.Record) lifecycle.Policy {
			p := k.Settings().policy(r)
			p.Replaced = func(other string) time.Time { return k.plans.took(p.Plan, other) }
			return p
		},
		Settings: func() account.Settings { return k.Settings().workers() },
		Gone: func(w *account.Worker) {
			k.drop(w)
			k.ways.forget(w.Name())
		},
		Kept: func(w *account.Worker) bool { return k.find(w.Name()) == w }, CallNext: k.callNext,
	}
	records, unread, err := k.store.Records()
	if err != nil {
		return nil, fmt.Errorf("load the accounts: %w", err)
	}
	for name, err := range unread {
		k.problems.Set("account "+name, err)
		k.log.Error().Err(err).Str("account", name).Msg("left alone; the others are kept")
	}
	for _, r := range records {
		k.accounts[r.Name] = account.New(k.parts, r)
	}
	k.Settings().scale(k.store, len(k.accounts))
	set.tellTooDense(k.Records(), &k.problems)
	return k, nil
}

// Begin starts the accounts' workers. It comes before the first caller: one that
// wants an account added has to find the keeper at work.
func (k *Keeper) Begin(ctx context.Context) {
	defer k.callNext() // once mu is free: places may be, whose holders are gone
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running = ctx
	lives := make([]lifecycle.Account, 0, len(k.accounts))
	for _, w := range k.accounts {
		lives = append(lives, w.Shown().Account)
	}
	k.logins.Restore(lives)
	for _, w := range k.accounts {
		k.own(w, true)
	}
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
	k.owners.Wait()
	k.abandon()
	k.ways.settle()
}

// own starts the goroutine that owns an account. The caller holds mu.
func (k *Keeper) own(w *account.Worker, restarted bool) {
	ctx := k.running
	k.owners.Go(func() {
		if restarted {
			w.Resume(ctx)
		}
		w.Run(ctx)
	})
}

func (k *Keeper) find(name string) *account.Worker {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.accounts[name]
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

// all returns the accounts by name.
func (k *Keeper) all() []*account.Worker {
	k.mu.RLock()
	defer k.mu.RUnlock()
	list := make([]*account.Worker, 0, len(k.accounts))
	for _, name := range slices.Sorted(maps.Keys(k.accounts)) {
		list = append(list, k.accounts[name])
	}
	return list
}

func (k *Keeper) drop(w *account.Worker) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.accounts[w.Name()] == w {
		delete(k.accounts, w.Name())
		k.Settings().scale(k.store, len(k.accounts))
	}
}

// ensure returns the account of that name, and adds it if there is none. Nobody else
// waits while it is written.
func (k *Keeper) ensure(name string, site passport.Site) (*account.Worker, error) {
	for !k.adding.begin(name) {
		if w := k.find(name); w != nil {
			return w, nil
		}
	}
	defer k.adding.end(name)
	if w := k.find(name); w != nil {
		return w, nil
	}
	k.mu.RLock()
	stopping := k.running == nil || k.running.Err() != nil
	k.mu.RUnlock()
	if stopping {
		return nil, account.Stopping()
	}
	r := &store.Record{
		Account: lifecycle.New(name, site, time.Now().UTC()),
		Device:  passport.Device{UserAgent: passport.NewUserAgent(account.NewID()), Key: name},
	}
	if err := k.store.Save(r, store.Of(name, client.AccountAdded{Site: string(site)}), nil); err != nil {
		return nil, account.StorageProblem(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	w := account.New(k.parts, r)
	k.accounts[name] = w
	k.Settings().scale(k.store, len(k.accounts))
	k.own(w, false)
	return w, nil
}

// callNext lets those ask for a code who have waited longest. It does not wait
// for them.
func (k *Keeper) callNext() {
	for _, name := range k.logins.Call() {
		if w := k.find(name); w != nil {
			w.Come()
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

// Record returns an account's record as it was committed last, nil where there is
// no such account.
func (k *Keeper) Record(name string) *store.Record {
	if w := k.find(name); w != nil {
		return w.Shown()
	}
	return nil
}

// Records returns all accounts' records, by name.
func (k *Keeper) Records() []*store.Record {
	var list []*store.Record
	for _, w := range k.all() {
		list = append(list, w.Shown())
	}
	return list
}
