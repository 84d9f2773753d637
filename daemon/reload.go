package daemon

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/heartbeat"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/listener"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/upkeep"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
	"github.com/bilikeeper/bilikeeper/internal/servicemanager"
)

// set is all that a configuration makes of the daemon, built and not yet in
// force.
type set struct {
	config    config.Config
	settings  *keeper.Settings
	channels  *alert.Channels
	outputs   *engine.Outputs
	readers   *listener.Listener
	scrapes   *listener.Listener
	heartbeat *heartbeat.Heartbeat
	upkeep    *upkeep.Upkeep
	policy    socket.Policy
	proxies   clientaddr.Proxies
	// left are the parts that could not be built, by what people call them.
	left parts.LeftOut
}

// prepare builds a set. Whatever can be wrong with a configuration is found here: a
// part that cannot be built is left out, anything else is an error.
func (d *daemon) prepare(c config.Config) (s set, err error) {
	s.config, s.policy, s.left = c, parts.Policy(c), parts.LeftOut{}
	s.upkeep = upkeep.New(d.keeper, c, d.Places)
	if err := s.policy.Validate(); err != nil {
		return s, err
	}
	if s.proxies, err = clientaddr.New(c.TrustedProxies); err != nil {
		return s, err
	}
	if s.settings, err = keeper.NewSettings(c); err != nil {
		return s, err
	}
	if s.readers, err = newReadServer(d.keeper, c); err != nil {
		s.left["serve"] = err
	}
	s.scrapes = d.newScrapes(c.Metrics)
	if s.heartbeat, err = heartbeat.New(d.keeper, c.Heartbeat, d.health.Working); err != nil {
		s.left["heartbeat"] = err
	}
	s.outputs = engine.Configured(d.keeper, c, parts.Own(d.Places, c, d.keeper.Store().Vault().Info().Slots))
	s.left.Add("output", s.outputs.LeftOut())
	// Last, because channels may hold a connection from here on.
	if s.channels, err = alert.New(d.keeper, c); err != nil {
		return s, err
	}
	s.left.Add("channel", s.channels.LeftOut())
	return s, nil
}

// Reload reads the configuration anew, builds all that it makes, and puts it into
// force; that cannot fail. On an error the old one stays as a whole; the log says
// so, and the status until a reload succeeds.
func (d *daemon) Reload(context.Context) (client.Reloaded, error) {
	const what = "configuration"
	d.mu.Lock()
	defer d.mu.Unlock()
	defer servicemanager.Reloading()()
	changed, err := d.reload()
	if err != nil {
		d.Log.Error().Err(err).Msg("the configuration was not reloaded; the old one stays")
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		d.keeper.Problems().Set(what, errors.New("it was not reloaded, and the old one stays: "+text))
		return client.Reloaded{}, account.BadRequest("%s", err)
	}
	d.keeper.Problems().Clear(what)
	r := client.Reloaded{Changed: changed, NeedsRestart: d.needsRestart()}
	d.Log.Info().Strs("changed", r.Changed).Strs("needs_restart", r.NeedsRestart).Msg("configuration reloaded")
	return r, nil
}

func (d *daemon) reload() (changed []string, err error) {
	if d.Reread == nil {
		return nil, errors.New("this keeper has no configuration to reload")
	}
	next, err := d.Reread()
	if err != nil {
		return nil, err
	}
	s, err := d.prepare(next)
	if err != nil {
		return nil, err
	}
	previous := d.Config
	d.use(s)
	d.compare(next)
	return slices.DeleteFunc(previous.Changes(next), keeper.NeedRestart), nil
}

// compare notes which keys of a configuration wait for a restart.
func (d *daemon) compare(c config.Config) {
	keys := slices.DeleteFunc(d.began.Changes(c), func(key string) bool { return !keeper.NeedRestart(key) })
	d.waiting.Store(&keys)
}

// needsRestart are the keys that wait for a restart.
func (d *daemon) needsRestart() []string {
	if keys := d.waiting.Load(); keys != nil {
		return *keys
	}
	return nil
}

// compareFile is compare for the file, where that has changed. A fault in it is
// for the reload to tell.
func (d *daemon) compareFile() {
	look := "there is none"
	if info, err := os.Stat(d.Places.Config); err == nil {
		look = info.ModTime().String() + " " + strconv.FormatInt(info.Size(), 10)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if look == d.seen || d.Reread == nil {
		return
	}
	d.seen = look
	if c, err := d.Reread(); err == nil {
		d.compare(c)
	}
}

// use puts a set into force.
func (d *daemon) use(s set) {
	d.keeper.Use(s.settings)
	d.channels.put(d.ctx, s.channels)
	old := d.outputs.current()
	d.outputs.put(d.ctx, s.outputs)
	s.outputs.Replaces(old)
	d.server.SetPolicy(s.policy)
	d.grant(s.policy)
	d.readers.put(d.ctx, s.readers)
	d.scrapes.put(d.ctx, s.scrapes)
	d.beats.put(d.ctx, s.heartbeat)
	if p := d.page.Load(); p != nil {
		p.Trust(s.proxies)
	}
	d.upkeep.put(d.ctx, s.upkeep)
	d.tellLeftOut(s.left)
	d.Config = s.config
}
