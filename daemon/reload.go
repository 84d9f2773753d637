package daemon

import (
	"context"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/heartbeat"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/listener"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
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
	policy    socket.Policy
	proxies   clientaddr.Proxies
}

// prepare builds a set. Whatever can be wrong with a configuration is found here.
func (d *daemon) prepare(c config.Config) (s set, err error) {
	s.config, s.policy = c, policyOf(c)
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
		return s, err
	}
	s.scrapes = d.newScrapes(c.Metrics)
	if s.heartbeat, err = heartbeat.New(d.keeper, c.Heartbeat, d.health.Working); err != nil {
		return s, err
	}
	if s.outputs, err = engine.Configured(d.keeper, c); err != nil {
		return s, err
	}
	// Last, because channels may hold a connection from here on.
	s.channels, err = alert.New(d.keeper, c)
	return s, err
}

// Reload reads the configuration anew, builds all that it makes, and puts it into
// force; that cannot fail. On an error the old one stays as a whole.
func (d *daemon) Reload(context.Context) (client.Reloaded, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Reread == nil {
		return client.Reloaded{}, account.BadRequest("this keeper has no configuration to reload")
	}
	next, err := d.Reread()
	if err != nil {
		return client.Reloaded{}, account.BadRequest("%s", err)
	}
	s, err := d.prepare(next)
	if err != nil {
		return client.Reloaded{}, account.BadRequest("%s", err)
	}
	previous := d.Config
	d.use(s)
	result := client.Reloaded{Changed: []string{}, NeedsRestart: []string{}}
	for _, key := range previous.Changes(next) {
		if keeper.NeedRestart(key) {
			result.NeedsRestart = append(result.NeedsRestart, key)
		} else {
			result.Changed = append(result.Changed, key)
		}
	}
	return result, nil
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
	d.Config = s.config
}
