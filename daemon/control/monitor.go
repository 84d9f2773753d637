package control

import (
	"context"
	"net/http"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// monitor serves programs that watch over the keeper.
type monitor struct {
	version string
	ready   func(ctx context.Context, part string) (client.Readiness, bool)
	scraped http.Handler
}

// healthz answers everybody: that there is an answer is all that it says.
func (m *monitor) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, client.Health{Status: client.HealthOK, Version: m.version})
}

// readyz tells of all parts, or of the one in the path.
func (m *monitor) readyz(w http.ResponseWriter, r *http.Request) error {
	ready, ok := m.ready(r.Context(), r.PathValue("part"))
	if !ok {
		return notFound("the keeper has no such part")
	}
	status := http.StatusOK
	if !ready.Ready {
		status = http.StatusServiceUnavailable
	}
	return writeStatus(w, status, ready)
}

// metrics answers Prometheus, which adds no parameters of its own.
func (m *monitor) metrics(w http.ResponseWriter, r *http.Request) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(slow))
	m.scraped.ServeHTTP(w, r)
	return nil
}
