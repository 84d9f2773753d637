package daemon

import (
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/health"
)

// newHealth is the keeper as those see it who watch over it. The channels and the
// outputs are those that run when it is asked.
func (d *daemon) newHealth() *health.Health {
	h := health.New(health.Parts{
		Keeper: d.keeper, Socket: d.Places.Socket,
		Channels: func() []client.Channel { return d.channels.Channels() },
		Outputs:  func() []client.Output { return d.outputs.Outputs() },
		Listeners: []health.Listener{
			{Part: health.PartPage, Problem: pageListener, On: func() bool { return d.page.Load() != nil }},
			{Part: health.PartServe, Problem: readListener, On: func() bool { return d.readers.current().handler != nil }},
		},
	})
	d.keeper.Store().Observe(h.Committed)
	return h
}
