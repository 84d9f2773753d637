package metrics

import (
	stdlog "log"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/passport"
)

const (
	// mostAsking bounds the questions at a time. One that hangs, because the disk
	// does, must not pile up others behind it.
	mostAsking = 4
	// slow is how long an answer may take.
	slow = 15 * time.Second
	// mostHosts bounds the hosts that are told apart: a login's reply may lead to
	// others than those of the endpoints.
	mostHosts = 32
	otherHost = "other"
)

// Metrics are the keeper's. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	commits  prometheus.Histogram

	mu    sync.Mutex // guards hosts
	hosts map[string]bool
}

// New returns the metrics of a program of a version. [Metrics.Watch] adds what a
// keeper is asked for.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		hosts:    map[string]bool{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bilikeeper_site_requests_total", Help: "Requests that were sent to the site, by what came of them.",
		}, []string{"host", "class"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bilikeeper_site_request_seconds", Help: "How long requests to the site took.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20},
		}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bilikeeper_vault_commit_seconds", Help: "How long commits to the vault took, the wait for the one before included.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10},
		}),
	}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bilikeeper_build_info", Help: "1, with the program's version as a label.",
		ConstLabels: prometheus.Labels{"version": version},
	}, func() float64 { return 1 })
	m.registry.MustRegister(build, m.requests, m.seconds, m.commits,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Watch adds what a keeper knows. It counts what happens from now on.
func (m *Metrics) Watch(k *keeper.Keeper) {
	k.Store().Observe(func(took time.Duration, err error) {
		if err == nil {
			m.commits.Observe(took.Seconds())
		}
	})
	m.registry.MustRegister(guarded{standing{k}}, guarded{elsewhere{k}}, guarded{newHappened(k)})
}

// SiteRequest is told of each request that was sent to the site.
func (m *Metrics) SiteRequest(host string, class passport.Class, took time.Duration) {
	m.requests.WithLabelValues(m.host(host), string(class)).Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *Metrics) host(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hosts[name] && len(m.hosts) >= mostHosts {
		return otherHost
	}
	m.hosts[name] = true
	return name
}

// Handler answers with all metrics. What cannot be collected is left out, and
// said in the log.
func (m *Metrics) Handler(log zerolog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:      stdlog.New(log.With().Str("part", "metrics").Logger(), "", 0),
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: mostAsking, Timeout: slow,
	})
}

// guarded keeps a collector that panics from ending the keeper.
type guarded struct{ prometheus.Collector }

// Collect implements [prometheus.Collector].
func (g guarded) Collect(ch chan<- prometheus.Metric) {
	defer func() {
		if v := recover(); v != nil {
			ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(errPanicked), errPanicked)
		}
	}()
	g.Collector.Collect(ch)
}
