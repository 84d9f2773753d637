package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/page"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/vault"
)

// patience is how long a stop waits for what is under way. It is longer than
// one request may take, so that the reply to a poll is not thrown away.
const patience = 25 * time.Second

// Keeper holds the accounts and does for each what its life demands.
type Keeper struct {
	site    *passport.Client
	gate    *passport.Gate
	store   store
	queue   *schedule.Queue
	log     zerolog.Logger
	version string
	started time.Time

	settings atomic.Pointer[settings]
	// page is the login page, nil where none is served.
	page     atomic.Pointer[page.Page]
	problems problems
	audit    audit
	turns    turns

	// work is the context of everything that talks to the site. It outlives the
	// context of Run by the keeper's patience.
	work    context.Context
	abandon context.CancelFunc

	// mu guards accounts and running. Nothing else is locked while it is held.
	mu       sync.RWMutex
	accounts map[string]*account
	running  context.Context
	owners   sync.WaitGroup
}

// Parts are what a keeper is made of.
type Parts struct {
	Vault  *vault.Vault
	Config config.Config
	// Transport is the way to the site; nil is the network.
	Transport passport.Options
	Log       zerolog.Logger
	Version   string
}

// NewKeeper builds a keeper and loads its accounts. Nothing is asked or told
// before Run.
func NewKeeper(p Parts) (*Keeper, error) {
	k := &Keeper{
		store:    store{vault: p.Vault},
		queue:    &schedule.Queue{},
		log:      p.Log,
		version:  p.Version,
		started:  time.Now().UTC().Truncate(time.Millisecond),
		accounts: map[string]*account{},
	}
	k.work, k.abandon = context.WithCancel(context.Background())
	set, err := newSettings(p.Config)
	if err != nil {
		return nil, err
	}
	k.settings.Store(set)
	if err := k.openSite(p.Transport); err != nil {
		return nil, err
	}
	records, err := k.store.loadRecords()
	if err != nil {
		return nil, fmt.Errorf("load the accounts: %w", err)
	}
	for _, r := range records {
		k.accounts[r.Name] = newAccount(k, r)
	}
	if err := k.audit.load(&k.store); err != nil {
		return nil, fmt.Errorf("load the counts of readings: %w", err)
	}
	return k, nil
}

// Run works until ctx ends, then waits for what is under way.
func (k *Keeper) Run(ctx context.Context) {
	k.begin(ctx)
	k.keep(ctx)
}

// begin starts the accounts' owners. It comes before the first caller: one
// that wants an account added has to find the keeper at work.
func (k *Keeper) begin(ctx context.Context) {
	defer k.callNext() // once mu is free: turns may be, whose holders are gone
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running = ctx
	k.turns.restore(k.accounts)
	for _, a := range k.accounts {
		k.own(a, true)
	}
}

// keep is what Run does once it has begun.
func (k *Keeper) keep(ctx context.Context) {
	k.queue.Run(ctx, func(name string) {
		if a := k.find(name); a != nil {
			a.nudge()
		}
	})

	stop := time.AfterFunc(patience, k.abandon)
	defer stop.Stop()
	k.owners.Wait()
	k.abandon()
}

// own starts the goroutine that owns an account. The caller holds mu.
func (k *Keeper) own(a *account, restarted bool) {
	ctx := k.running
	k.owners.Go(func() {
		if restarted {
			if err := a.guard(ctx, a.resume); err != nil {
				a.trouble(err)
			}
		}
		a.run(ctx)
	})
}

// resume brings the account's plan up to the present after a restart.
func (a *account) resume(context.Context) error {
	next, events := a.preview(lifecycle.Started{})
	if next.NextCheckAt.Equal(a.rec.NextCheckAt) {
		return nil
	}
	return a.commit(next, events)
}

func (k *Keeper) find(name string) *account {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.accounts[name]
}

// all returns the accounts by name.
func (k *Keeper) all() []*account {
	k.mu.RLock()
	defer k.mu.RUnlock()
	list := make([]*account, 0, len(k.accounts))
	for _, name := range slices.Sorted(maps.Keys(k.accounts)) {
		list = append(list, k.accounts[name])
	}
	return list
}

func (k *Keeper) drop(a *account) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.accounts[a.name] == a {
		delete(k.accounts, a.name)
	}
}

// ensure returns the account of that name, and adds it if there is none.
func (k *Keeper) ensure(name string, site passport.Site) (*account, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := k.accounts[name]; a != nil {
		return a, nil
	}
	if k.running == nil || k.running.Err() != nil {
		return nil, stopping()
	}
	r := &record{
		Account: lifecycle.New(name, site, time.Now().UTC()),
		device:  passport.Device{UserAgent: passport.NewUserAgent(newID()), Key: name},
	}
	added := happened{Type: "account.added", Account: name, Data: map[string]any{"site": site}}
	if err := k.store.saveRecord(r, []happened{added}, nil); err != nil {
		return nil, storageProblem(err)
	}
	a := newAccount(k, r)
	k.accounts[name] = a
	k.own(a, false)
	return a, nil
}

// workFor returns the context for work that a caller asked for: it has the
// caller's values, and ends with the keeper's work, not with the caller.
func (k *Keeper) workFor(ctx context.Context) context.Context {
	return values{Context: k.work, from: ctx}
}

// values is a context with the life of one and the values of another.
type values struct {
	context.Context
	from context.Context
}

func (v values) Value(key any) any { return v.from.Value(key) }

// newID returns 64 random bits as text: unique, and hard to guess.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// problems is what is wrong with the keeper itself, for status and people.
type problems struct {
	mu   sync.Mutex // guards list
	list map[string]string
}

func (p *problems) set(what string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.list == nil {
		p.list = map[string]string{}
	}
	p.list[what] = err.Error()
}

func (p *problems) clear(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.list, what)
}

func (p *problems) sentences() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []string{}
	for _, what := range slices.Sorted(maps.Keys(p.list)) {
		list = append(list, what+": "+p.list[what])
	}
	return list
}
