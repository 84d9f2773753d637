package daemon

import (
	"net/http"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/health"
	"github.com/bilikeeper/bilikeeper/daemon/listener"
)

// metricsListener is what the listener is called in the log and the status.
const metricsListener = "metrics listener"

// newScrapes builds what [metrics] says: the listener that Prometheus asks.
func (d *daemon) newScrapes(c config.Metrics) *listener.Listener {
	l := &listener.Listener{Keeper: d.keeper, Name: metricsListener, Does: "serving metrics", Address: c.Listen}
	if c.Listen != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", d.metrics.Handler(d.Log))
		l.Handler = mux
	}
	return l
}

// newHealth is the keeper as those see it who watch over it. The channels and the
// outputs are those that run when it is asked.
func (d *daemon) newHealth() *health.Health {
	h := health.New(health.Parts{
		Keeper: d.keeper, Socket: d.Places.Socket,
		Channels: func() []client.Channel { return d.channels.current().Status() },
		Outputs:  func() []client.Output { return d.outputs.current().Status() },
		Listeners: []health.Listener{
			{Part: health.PartPage, Problem: pageListener, On: func() bool { return d.began.Page.Listen != "" }},
			{Part: health.PartServe, Problem: readListener, On: func() bool { return d.readers.current().On() }},
			{Part: health.PartMetrics, Problem: metricsListener, On: func() bool { return d.scrapes.current().On() }},
		},
	})
	d.keeper.Store().Observe(h.Committed)
	return h
}
