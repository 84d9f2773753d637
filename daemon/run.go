package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/control"
	"github.com/bilikeeper/bilikeeper/daemon/health"
	"github.com/bilikeeper/bilikeeper/daemon/heartbeat"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/listener"
	"github.com/bilikeeper/bilikeeper/daemon/metrics"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/page"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/upkeep"
	"github.com/bilikeeper/bilikeeper/internal/memory"
	"github.com/bilikeeper/bilikeeper/internal/servicemanager"
	"github.com/bilikeeper/bilikeeper/notify/qr"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Options are what Run needs to know.
type Options struct {
	Config  config.Config
	Places  config.Places
	Version string
	Log     zerolog.Logger
	// Reread returns the configuration anew, for a reload.
	Reread func() (config.Config, error)
	// Ready is called once the keeper answers on its socket.
	Ready func()
	// Transport is the way to the site; its zero value is the network.
	Transport passport.Options
	// Keys are the ways to open the vault beside its key file. Stores are what this
	// program can keep the accounts in, beside a file.
	Keys   vault.Keys
	Stores parts.Stores
	// Examine looks at the keeper from outside, for the account page; it may be nil.
	Examine parts.Examine
	// Reload asks for a reload each time something comes in.
	Reload <-chan os.Signal

	// open is the vault that is open, where it lies in a file.
	open *atomic.Pointer[vault.File]
}

// ErrConfiguration: something in the configuration cannot be carried out.
var ErrConfiguration = parts.ErrConfiguration

// VaultFile, KeyFile and CopyFile are the names of the files in the state directory.
const (
	VaultFile = parts.VaultFile
	KeyFile   = parts.KeyFile
	CopyFile  = parts.CopyFile
)

// Run is the daemon: it opens the vault, answers on the socket and keeps the
// accounts until ctx ends. It returns nil after a clean stop, and [keeper.ErrStuck]
// after one that did not come to an end; the process has to end then.
func Run(ctx context.Context, o Options) error {
	o.open = new(atomic.Pointer[vault.File])
	return keeper.RunBounded(ctx, o.open, func() error {
		return keeper.RunAgain(ctx, o.Log, o.Ready, func(ready func()) error {
			o.Ready = ready
			return runOnce(ctx, o)
		})
	})
}

// runOnce is Run up to the first end of its vault.
//
// The vault's lock comes first: it is what keeps a second keeper out, and its
// holder alone may replace a socket that lies about.
func runOnce(ctx context.Context, o Options) error {
	defer servicemanager.Stopping(ctx)()
	host := parts.NewHost(o.Version, o.Log)
	v, err := o.Stores.Begin(parts.Opening{Store: o.Config.Store, Places: o.Places, Keys: o.Keys, Host: host}, o.Log)
	if err != nil {
		return err
	}
	file, _ := v.(*vault.File)
	o.open.Store(file)
	defer func() {
		if err := v.Close(); err != nil {
			o.Log.Error().Err(err).Msg("the vault did not close cleanly")
		}
	}()
	if err := host.Join(v); err != nil {
		return err
	}
	defer host.Leave()
	d := &daemon{Options: o, began: o.Config, host: host, metrics: metrics.New(o.Version)}
	o.Transport.Observe = d.metrics.SiteRequest
	k, err := keeper.New(keeper.Parts{
		Vault: v, Config: o.Config, Transport: o.Transport, PageLink: d.pageLink, Log: o.Log, Version: o.Version,
		Cluster: host.Membership(), StateDir: o.Places.StateDir,
	})
	if err != nil {
		return err
	}
	host.Keeps(k)
	d.keeper = k
	d.health = d.newHealth()
	d.metrics.Watch(k)
	return d.run(ctx)
}

// daemon is a running keeper with everything around it.
type daemon struct {
	Options
	keeper   *keeper.Keeper
	host     *parts.Host
	health   *health.Health
	channels *runner[*alert.Channels] // those that run now
	outputs  *runner[*engine.Outputs]
	readers  *runner[*listener.Listener]
	metrics  *metrics.Metrics
	scrapes  *runner[*listener.Listener] // of the metrics
	beats    *runner[*heartbeat.Heartbeat]
	upkeep   *runner[*upkeep.Upkeep]
	page     atomic.Pointer[page.Page] // nil where none is served
	signIn   *signin.SignIn            // nil where there is no account page
	server   *control.Server
	socket   *socket.Listener
	ctx      context.Context
	mu       sync.Mutex // guards Config, seen, began and left, and lets one reload run at a time
	seen     string     // what the configuration's file looked like when it was read
	began    config.Config
	waiting  atomic.Pointer[[]string] // keys that wait for a restart
	left     parts.LeftOut
}

func (d *daemon) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.ctx = ctx
	set, err := d.prepare(d.Config)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfiguration, err)
	}
	d.channels = newRunner(d.Log, "notifications", set.channels)
	d.outputs = newRunner(d.Log, "outputs", set.outputs)
	d.readers = newRunner(d.Log, readListener, set.readers)
	d.scrapes = newRunner(d.Log, metricsListener, set.scrapes)
	d.beats = newRunner(d.Log, "heartbeat", set.heartbeat)
	d.upkeep = newRunner(d.Log, "upkeep of the vault", set.upkeep)
	d.openSignIn()
	d.tellLeftOut(set.left)
	if err := d.listen(); err != nil {
		return err
	}
	d.keeper.Begin(ctx)
	go d.giveBack(ctx)
	defer d.servePage(ctx)()
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(d.socket) }()
	kept := make(chan struct{})
	go func() { defer close(kept); d.keeper.Keep(ctx) }()
	d.channels.start(ctx)
	d.outputs.start(ctx)
	d.readers.start(ctx)
	d.scrapes.start(ctx)
	d.beats.start(ctx)
	live := keeper.NewLiveness(d.keeper)
	go live.Watch(ctx)
	go servicemanager.Watchdog(ctx, live.Works)
	go live.Tell(ctx)
	go d.keeper.Credentials().KeepCounts(ctx)
	go d.watchFiles(ctx)
	go parts.WatchStore(ctx, d.keeper.Store().Vault(), d.keeper.Problems(), d.Log)
	d.upkeep.start(ctx)
	go d.retryLeftOut(ctx)

	d.announce()
	err = d.wait(ctx, served)
	d.Log.Info().Msg("stopping; waiting for what is under way, a second signal ends it at once")
	cancel()
	grace, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	if stopErr := d.server.Shutdown(grace); stopErr != nil {
		d.Log.Warn().Err(stopErr).Msg("some callers were cut off")
	}
	<-kept
	d.channels.wait()
	d.host.Leave() // before what takes longer: the others look after the accounts from here on
	d.readers.wait()
	d.scrapes.wait()
	d.beats.wait()
	d.upkeep.wait()
	if err := d.keeper.Credentials().SaveCounts(); err != nil {
		d.Log.Warn().Err(err).Msg("readings that were counted and not noted are forgotten")
	}
	d.outputs.wait()
	d.Log.Info().Msg("stopped")
	return err
}

// longestCatchUp is how long the accounts' catching up is waited for.
const longestCatchUp = time.Minute

// giveBack gives the memory back that the start took and nothing else takes, and what
// the accounts took that had much to catch up with.
func (d *daemon) giveBack(ctx context.Context) {
	select {
	case <-d.keeper.Resumed():
	case <-ctx.Done():
		return
	}
	for over := time.Now().Add(longestCatchUp); ; {
		last := d.keeper.Resting() || time.Now().After(over)
		if file := d.open.Load(); file != nil {
			file.Disk().GiveBack()
		}
		memory.GiveBack()
		if last {
			return
		}
		for !d.keeper.Resting() && time.Now().Before(over) {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return
			}
		}
	}
}

func (d *daemon) wait(ctx context.Context, served <-chan error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			return fmt.Errorf("the control socket failed: %w", err)
		case err := <-d.host.Taken():
			return err
		case <-d.keeper.Store().Vault().Failed():
			// Nothing more can be kept. A new start finds out what is on the disk
			// and goes on from there, which this process cannot.
			return fmt.Errorf("the vault failed: %w", d.keeper.Store().Vault().Err())
		case <-d.Options.Reload:
			go d.restoreSocket() // a disk that hangs must not hold up a stop
			_, _ = d.Reload(ctx) // it says itself how it went
		}
	}
}

func (d *daemon) listen() error {
	var err error
	d.server, err = control.New(control.Config{
		Keeper: d.keeper, Channels: d.channels.current, Outputs: d.outputs.current,
		Reload: d.Reload, NeedsRestart: d.needsRestart, File: d.Places.Config, Ready: d.health.Ready,
		Metrics: d.metrics.Handler(d.Log), SignIn: d.signIn, QR: qr.PNG,
		Policy: parts.Policy(d.Config), Log: d.Log, Version: d.Version,
	})
	if err != nil {
		return err
	}
	d.host.Serve(d.server.Carry)
	if d.socket, err = socket.Listen(d.Places.Socket, len(d.Config.Control.Allow) > 0); err != nil {
		return err
	}
	d.grant(parts.Policy(d.Config))
	return nil
}

// grant opens the socket's way for those whom the policy names. A failure keeps
// only them from the keeper, so it is told and no reason to stop.
func (d *daemon) grant(p socket.Policy) {
	troubles := socket.Grant(d.Places.Socket, p)
	for _, trouble := range troubles {
		d.Log.Warn().Str("socket", d.Places.Socket).Msg(trouble)
	}
	if len(troubles) == 0 {
		d.keeper.Problems().Clear("socket")
		return
	}
	d.keeper.Problems().Set("socket", errors.New(strings.Join(troubles, "; ")))
}

func (d *daemon) announce() {
	d.Log.Info().Str("version", d.Version).Str("socket", d.Places.Socket).
		Str("vault", d.keeper.Store().Vault().Info().Path).Int("accounts", d.keeper.Count()).Msg("keeping")
	d.keeper.Vault().AdviseRecovery()
	if err := servicemanager.Ready(); err != nil {
		d.Log.Warn().Err(err).Msg("the service manager was not told that the keeper is ready")
	}
	d.Ready()
}
