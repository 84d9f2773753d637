package daemon

import (
	"context"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/upkeep"
)

// set is all that a configuration makes of the daemon, built and not yet in
// force.
type set struct {
	config   config.Config
	settings *keeper.Settings
	channels *alert.Channels
	outputs  *engine.Outputs
	readers  *readServer
	upkeep   *upkeep.Upkeep
	policy   socket.Policy
	// left are the parts that could not be built, by what people call them.
	left parts.LeftOut
}

// prepare builds a set. Whatever can be wrong with a configuration is found here: a
// part that cannot be built is left out, anything else is an error.
func (d *daemon) prepare(c config.Config) (s set, err error) {
	s.config, s.policy, s.left = c, policyOf(c), parts.LeftOut{}
	s.upkeep = upkeep.New(d.keeper, c, d.Places)
	if err := s.policy.Validate(); err != nil {
		return s, err
	}
	if s.settings, err = keeper.NewSettings(c); err != nil {
		return s, err
	}
	if s.readers, err = newReadServer(d.keeper, c.Serve); err != nil {
		s.left["serve"] = err
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
	d.upkeep.put(d.ctx, s.upkeep)
	d.tellLeftOut(s.left)
	d.Config = s.config
}
