package account_test

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/loginqueue"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// mid is whose the account is, stranger somebody else, phone a number that belongs
// to nobody until the simulator is told whose it is.
const (
	mid      = 100200300
	stranger = 400500600
	phone    = "13800000000"
)

// fixture is one account, the simulator of the site that it is an account of, and
// the worker that lives at the time, on the fake clock of a synctest bubble.
type fixture struct {
	*testing.T
	options
	*life
	dir  string // where the vault is
	site *passporttest.Site
	log  lines
	// dying are the workers that crashed.
	dying sync.WaitGroup
}

// options are what a test has otherwise than the others.
type options struct {
	realm     passport.Site
	platform  string // of a login at the international site
	perMinute int
	perHour   int // of one account's requests, 0 for no such limit
	settings  account.Settings
	plan      string    // the schedule of the checks
	replaced  time.Time // when the schedule took the place of the one before
	policy    func(*lifecycle.Policy)
}

// life is a worker with what it works with, from a start to the stop or the crash.
type life struct {
	vault    *vault.File
	store    *store.Store
	wire     *wire
	limiter  *passport.Limiter
	due      schedule.Queue
	checks   account.CheckQueue
	logins   loginqueue.Queue
	problems account.Problems
	parts    *account.Parts
	w        *account.Worker
	first    *store.Record // as it was on the disk at the start

	committed    atomic.Pointer[func()] // is called after each commit
	called, gone atomic.Bool            // CallNext was called, and Gone
	goroutines   sync.WaitGroup
	running      context.Context
	stop         context.CancelFunc // ends running
	abandon      context.CancelFunc // ends parts.Work
}

// run runs a test in a bubble with the worker of an account that was just added.
func run(t *testing.T, change func(o *options), test func(h *fixture)) {
	t.Helper()
	dir := filepath.Join(dirtest.Dir(t), "state") // made by the vault, with its own mode
	synctest.Test(t, func(t *testing.T) {
		h := &fixture{T: t, dir: dir, site: passporttest.New(passporttest.WithUser(mid, "example"), passporttest.WithUser(stranger, "somebody"))}
		h.options = options{realm: passport.Web, settings: account.Settings{RefreshesPerHour: 6}, plan: "@every 8h"}
		if change != nil {
			change(&h.options)
		}
		h.open()
		r := &store.Record{
			Brief:   store.Brief{Account: lifecycle.New("main", h.realm, time.Now().UTC())},
			Secrets: store.Secrets{Device: passport.Device{UserAgent: passport.NewUserAgent("main"), Key: "main"}},
		}
		h.must(h.store.Save(r, store.Of("main", client.AccountAdded{Site: string(h.realm)}), nil))
		h.begin(account.New(h.parts, r))
		defer func() { h.end(h.life); h.dying.Wait() }()
		test(h)
	})
}

// must ends the test where something that it needs cannot be had.
func (h *fixture) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// open opens the vault and makes what a worker works with.
func (h *fixture) open() {
	h.Helper()
	l := &life{wire: &wire{site: h.site.Transport()}}
	h.life = l
	var err error
	l.vault, err = vault.Open(vault.Options{Path: filepath.Join(h.dir, "vault.db"), KeyFile: filepath.Join(h.dir, "vault.key")})
	h.must(err)
	l.store = store.New(l.vault)
	l.store.Observe(func(time.Duration, error) {
		if fn := l.committed.Load(); fn != nil {
			(*fn)()
		}
	})
	l.limiter = passport.NewLimiter(passport.Limits{PerMinute: h.perMinute, PerAccountHour: h.perHour}, passport.LimiterOptions{Keep: l.keepSpent})
	site, err := passport.New(passport.Options{
		Endpoints: h.site.Endpoints("http://site.invalid"), Limiter: l.limiter, Transport: l.wire,
		CorrespondKey: h.site.Refresh.CorrespondKey(), Intl: passport.IntlOptions{Platform: h.platform},
	})
	h.must(err)
	l.running, l.stop = context.WithCancel(context.Background())
	var work context.Context
	work, l.abandon = context.WithCancel(context.Background())
	l.parts = &account.Parts{
		Site: func(string) *passport.Client { l.wire.panicNow(); return site }, Store: l.store, Due: &l.due, Checks: func(string) *account.CheckQueue { return &l.checks }, Logins: &l.logins,
		Problems: &l.problems, Log: zerolog.New(&h.log), Work: work, Policy: h.policyOf,
		Settings: func() account.Settings { return h.settings },
		Gone:     func(*account.Worker) { l.gone.Store(true) }, Kept: func(*account.Worker) bool { return !l.gone.Load() },
		CallNext: func() { l.called.Store(true) }, Own: func(work func()) bool { l.goroutines.Go(work); return true },
	}
}

// keepSpent writes down what is spent. A full disk keeps no request back, a vault that
// has failed does.
func (l *life) keepSpent(s passport.Spent) error {
	_ = l.store.Keep(store.Small{Kind: store.KindSpent, Key: "spent", Value: s})
	return l.vault.Err()
}

// begin lets the schedule wake a worker, and waits for what it does at once.
func (h *fixture) begin(w *account.Worker) {
	l := h.life
	l.w = w
	l.goroutines.Go(func() { l.due.Run(l.running, func(string) { w.Nudge() }) })
	synctest.Wait()
}

// end ends a worker as the keeper's stop does, and closes the vault.
func (h *fixture) end(l *life) {
	h.Helper()
	l.stop()
	cut := time.AfterFunc(25*time.Second, l.abandon)
	l.w.Retire()
	<-l.w.Ended()
	l.goroutines.Wait()
	cut.Stop()
	l.abandon()
	if err := l.vault.Close(); err != nil {
		h.Error(err)
	}
}

// resume starts the worker of what is on the disk.
func (h *fixture) resume() {
	h.Helper()
	h.open()
	w := h.unread()
	if w == nil {
		return
	}
	h.first = h.onDisk()
	h.logins.Restore([]lifecycle.Account{w.Shown().Account})
	account.Plan{Worker: w}.Resume()
	h.begin(w)
}

// unread is a worker of what is on the disk, nil where the account was forgotten.
func (h *fixture) unread() (w *account.Worker) {
	h.Helper()
	h.must(h.store.Texts(func(t store.Text) error {
		w = account.Unread(h.parts, t.Name)
		return w.Read(t)
	}))
	return w
}

// restart ends the worker in good order, and starts another.
func (h *fixture) restart() {
	h.Helper()
	h.end(h.life)
	h.resume()
}

// policyOf is what holds for the account.
func (h *fixture) policyOf(r *store.Brief) lifecycle.Policy {
	spec := h.plan
	if r.Preferences.Schedule != "" {
		spec = r.Preferences.Schedule
	}
	plan, err := schedule.Parse(spec, time.Minute)
	if err != nil {
		h.Error(err)
	}
	paused := r.Preferences.Paused
	p := lifecycle.Policy{
		ConfirmAfter: time.Minute, AutoLogin: !paused, AutoRefresh: !paused, Paused: paused, ConfirmDelay: time.Second,
		Codes: 3, Remind: []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}, Poll: 2 * time.Second,
		FirstCheck: func(now time.Time) time.Time { return plan.First(now, 0) },
		CheckAfter: func(last time.Time) time.Time { return plan.After(last, 0) },
		Replaced:   func(string) time.Time { return h.replaced },
		Plan:       spec, Interval: plan.Interval(), Spread: schedule.Spread(r.Name),
	}
	if h.policy != nil {
		h.policy(&p)
	}
	return p
}
