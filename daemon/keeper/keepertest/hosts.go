package keepertest

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Hosts are several keepers on one vault, on the fake clock of a synctest bubble, and
// who owns which account: the test decides that at any moment.
type Hosts struct {
	T      *testing.T
	Dir    string
	Site   *passporttest.Site
	Vault  *vault.File
	Config config.Config

	mu    sync.Mutex // guards what follows
	seen  func(h *Host, path string, over bool)
	names []string
	hosts map[string]*Host
	owner map[string]string
	// sender is the host that sends messages, "" for none.
	sender string
	tells  sync.WaitGroup
}

// Host is one of them, and its part in the cluster.
type Host struct {
	*cluster.Alone // what the keeper does not ask
	Name           string
	Keeper         *keeper.Keeper
	Stop           func()
	// Carry is what another host's request is carried out by.
	Carry func(ctx context.Context, from string, request []byte) ([]byte, error)
	all   *Hosts

	// mu guards what follows.
	mu    sync.Mutex
	lease time.Duration
	asked map[string]int
	reads int
	// away fails all updates of the vault.
	away error
	// hang holds all updates of the vault until it is closed, nil for none.
	hang chan struct{}
	// refused has the site refuse the host's address.
	refused bool
}

// RunHosts runs a test in a bubble with keepers that run.
func RunHosts(t *testing.T, names []string, test func(all *Hosts), change ...func(c *config.Config)) {
	t.Helper()
	dir := filepath.Join(dirtest.Dir(t), "state")
	synctest.Test(t, func(t *testing.T) {
		all := &Hosts{T: t, Dir: dir, Site: passporttest.New(passporttest.WithUser(Mid, "example"), passporttest.WithUser(Stranger, "somebody")),
			hosts: map[string]*Host{}, owner: map[string]string{}}
		all.Config = config.Default()
		all.Config.Check.Jitter = 0
		e := all.Site.Endpoints("http://site.invalid")
		all.Config.Endpoints = config.Endpoints{Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame, PassportIntl: e.PassportIntl, APIIntl: e.APIIntl}
		for _, fn := range change {
			fn(&all.Config)
		}
		var err error
		all.Vault, err = vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			all.Start(name)
		}
		defer func() {
			for _, name := range slices.Clone(all.names) {
				all.End(name)
			}
			all.tells.Wait()
			if err := all.Vault.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(all)
	})
}

// Start starts a host.
func (all *Hosts) Start(name string) *Host {
	all.T.Helper()
	h := &Host{Name: name, all: all, lease: 15 * time.Second, asked: map[string]int{}}
	all.mu.Lock()
	all.names = append(all.names, name)
	all.hosts[name] = h
	all.mu.Unlock()
	k, err := keeper.New(keeper.Parts{
		Vault: fenced{all.Vault, h}, Config: all.Config, Log: zerolog.Nop(), Version: "test", Cluster: h, StateDir: filepath.Join(all.Dir, name),
		Transport: passport.Options{Transport: h, CorrespondKey: all.Site.Refresh.CorrespondKey()},
	})
	if err != nil {
		all.T.Fatal(err)
	}
	h.Keeper = k
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	k.Begin(ctx)
	go func() { defer close(done); k.Keep(ctx) }()
	h.Stop = func() { cancel(); <-done }
	synctest.Wait()
	return h
}

// End stops a host. What it owned belongs to nobody.
func (all *Hosts) End(name string) {
	h := all.Host(name)
	h.Stop()
	all.mu.Lock()
	defer all.mu.Unlock()
	all.names = slices.DeleteFunc(all.names, func(one string) bool { return one == name })
	delete(all.hosts, name)
	if all.sender == name {
		all.sender = ""
	}
	for account, owner := range all.owner {
		if owner == name {
			delete(all.owner, account)
		}
	}
}

// Host returns a host by its name.
func (all *Hosts) Host(name string) *Host {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.hosts[name]
}

// OnRequest has fn called for each request of any host before it leaves, and again with
// over set when its answer has come.
func (all *Hosts) OnRequest(fn func(h *Host, path string, over bool)) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.seen = fn
}

func (all *Hosts) saw(h *Host, path string, over bool) {
	all.mu.Lock()
	fn := all.seen
	all.mu.Unlock()
	if fn != nil {
		fn(h, path, over)
	}
}

// Move takes an account from its owner and gives it to a host, or to none for "".
func (all *Hosts) Move(account, to string) {
	all.mu.Lock()
	was := all.hosts[all.owner[account]]
	delete(all.owner, account)
	all.mu.Unlock()
	if was != nil {
		was.Keeper.Shared().Lost([]string{account})
	}
	if to == "" {
		return
	}
	all.mu.Lock()
	all.owner[account] = to
	h := all.hosts[to]
	all.mu.Unlock()
	h.Keeper.Shared().Gained([]string{account})
}

// MoveSender has a host be the one that sends messages, or none for "".
func (all *Hosts) MoveSender(to string) {
	all.mu.Lock()
	was, next := all.hosts[all.sender], all.hosts[to]
	all.sender = ""
	all.mu.Unlock()
	if was != nil {
		was.Keeper.Shared().Sending().Set(false)
	}
	if next == nil {
		return
	}
	all.mu.Lock()
	all.sender = to
	all.mu.Unlock()
	next.Keeper.Shared().Sending().Set(true)
}

// Sends implements [cluster.Membership].
func (h *Host) Sends() bool {
	if h.LeaseLeft() <= 0 {
		return false
	}
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	return h.all.sender == h.Name
}

// Lease sets what is left of the host's lease.
func (h *Host) Lease(left time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lease = left
}

// Away lets all its updates of the vault fail, until it is called with nil.
func (h *Host) Away(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away = err
}

// Hang holds all its updates of the vault, until release is called.
func (h *Host) Hang() (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hang := make(chan struct{})
	h.hang = hang
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.hang = nil
		close(hang)
	}
}

// SetCarry changes Carry while others may ask.
func (h *Host) SetCarry(carry func(ctx context.Context, from string, request []byte) ([]byte, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Carry = carry
}

// Refuse has the site refuse all that comes from the host's address, or not any more.
func (h *Host) Refuse(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused = yes
}

// Asked is how many requests it sent to a path, "" for any.
func (h *Host) Asked(path string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked[path]
}

// Reads is how often it has read an account's record since the last call.
func (h *Host) Reads() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.reads
	h.reads = 0
	return n
}

// RoundTrip implements [http.RoundTripper].
func (h *Host) RoundTrip(r *http.Request) (*http.Response, error) {
	h.all.saw(h, r.URL.Path, false)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.asked[""]++
	h.asked[r.URL.Path]++
	refused := h.refused
	h.mu.Unlock()
	if refused {
		return &http.Response{StatusCode: http.StatusPreconditionFailed, Header: http.Header{}, Body: http.NoBody}, nil
	}
	response, err := h.all.Site.Transport().RoundTrip(r)
	h.all.saw(h, r.URL.Path, true)
	return response, err
}

// Owned implements [cluster.Membership].
func (h *Host) Owned(account string) bool { return h.LeaseLeft() > 0 && h.Owner(account) == h.Name }

// Owner implements [cluster.Membership].
func (h *Host) Owner(account string) string {
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	return h.all.owner[account]
}

// LeaseLeft implements [cluster.Membership].
func (h *Host) LeaseLeft() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lease
}

// SetAccounts implements [cluster.Membership]: an account that is new goes to the host that
// it belongs to.
func (h *Host) SetAccounts(names []string) {
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	for _, name := range names {
		if _, known := h.all.owner[name]; known || cluster.Best(h.all.names, name) != h.Name {
			continue
		}
		h.all.owner[name] = h.Name
		h.all.tells.Go(func() { h.Keeper.Shared().Gained([]string{name}) })
	}
}

// Trouble implements [cluster.Membership]: a host without a lease has no part.
func (h *Host) Trouble() error {
	if h.LeaseLeft() <= 0 {
		return cluster.ErrUnavailable
	}
	return nil
}

// Hosts implements [cluster.Membership].
func (h *Host) Hosts() (list []cluster.Host) {
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	for _, name := range h.all.names {
		list = append(list, cluster.Host{Name: name, Version: "test", Self: name == h.Name})
	}
	return list
}

// Ask implements [cluster.Membership].
func (h *Host) Ask(ctx context.Context, host string, request []byte) ([]byte, error) {
	other := h.all.Host(host)
	if other == nil {
		return nil, &cluster.AskError{Host: host, Err: cluster.ErrUnknownHost}
	}
	other.mu.Lock()
	carry := other.Carry
	other.mu.Unlock()
	if carry == nil {
		return nil, &cluster.AskError{Host: host, Err: cluster.ErrUnknownHost}
	}
	return carry(ctx, h.Name, request)
}

// Login logs an account in at a host, as a person with the right phone would.
func (h *Host) Login(name string, mid int64) {
	t := h.all.T
	t.Helper()
	l, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: name})
	if err != nil {
		t.Fatal(err)
	}
	h.all.Scan(l.URL, mid)
	time.Sleep(time.Minute)
	if a, err := h.Keeper.Accounts().Get(name); err != nil || a.State != client.StateValid {
		t.Fatalf("after the login: %+v, %v", a, err)
	}
}

// Scan scans a code, and confirms it.
func (all *Hosts) Scan(url string, mid int64) {
	all.T.Helper()
	if err := errors.Join(all.Site.QR.Scan(url, mid), all.Site.QR.Confirm(url, mid)); err != nil {
		all.T.Fatal(err)
	}
}

// fenced is the vault as a host uses it: it writes the records of its own accounts
// alone.
type fenced struct {
	vault.Vault
	h *Host
}

func (f fenced) Update(fn func(vault.Tx) error) error {
	f.h.mu.Lock()
	away, hang := f.h.away, f.h.hang
	f.h.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if away != nil {
		return away
	}
	return f.Vault.Update(func(tx vault.Tx) error {
		t := &fencedTx{Tx: tx, h: f.h}
		if err := fn(t); err != nil {
			return err
		}
		return t.refused()
	})
}

func (f fenced) View(fn func(vault.Tx) error) error {
	return f.Vault.View(func(tx vault.Tx) error { return fn(&fencedTx{Tx: tx, h: f.h}) })
}

type fencedTx struct {
	vault.Tx
	h       *Host
	touched []string
}

// touch notes whose a record is that is written.
func (t *fencedTx) touch(kind, key string) {
	if account, guarded := store.Guarded(kind, key); guarded {
		t.touched = append(t.touched, account)
	}
}

func (t *fencedTx) Get(kind, key string) (vault.Record, error) {
	if kind == store.KindAccount {
		t.h.mu.Lock()
		t.h.reads++
		t.h.mu.Unlock()
	}
	return t.Tx.Get(kind, t.own(kind)+key)
}

// own begins the keys of records of kinds that are each host's own.
func (t *fencedTx) own(kind string) string {
	if store.Local(kind) {
		return t.h.Name + "'s "
	}
	return ""
}

func (t *fencedTx) Keys(kind string) ([]string, error) {
	all, err := t.Tx.Keys(kind)
	keys := []string{}
	for _, key := range all {
		if key, ours := strings.CutPrefix(key, t.own(kind)); ours {
			keys = append(keys, key)
		}
	}
	return keys, err
}

func (t *fencedTx) Put(kind, key string, value []byte, was uint64) (uint64, error) {
	t.touch(kind, key)
	return t.Tx.Put(kind, t.own(kind)+key, value, was)
}

func (t *fencedTx) Delete(kind, key string, was uint64) error {
	t.touch(kind, key)
	return t.Tx.Delete(kind, t.own(kind)+key, was)
}

func (t *fencedTx) refused() error {
	for _, name := range t.touched {
		if name == "" && !t.h.Sends() || name != "" && t.h.Owner(name) != t.h.Name {
			return vault.ErrNotOwner
		}
	}
	return nil
}
