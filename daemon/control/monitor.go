package control

import (
	"net/http"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// What programs ask that watch over the keeper.

// healthz answers everybody: that there is an answer is all that it says.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, client.Health{Status: client.HealthOK, Version: s.parts.Version})
}

// readyz tells of all parts, or of the one in the path.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	ready, ok := s.parts.Ready(r.Context(), r.PathValue("part"))
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
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(slow))
	s.parts.Metrics.ServeHTTP(w, r)
	return nil
}
