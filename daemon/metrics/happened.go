package metrics

import (
	"cmp"
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// errPanicked stands for a panic, whose value may hold anything.
var errPanicked = errors.New("a collector panicked")

// portion is how many entries of the journal are read at a time.
const portion = 256

// happened counts what the journal tells. It reads on from where it was when it
// was asked last.
type happened struct {
	keeper *keeper.Keeper
	store  *store.Store

	mu       sync.Mutex // guards position and unchanged, and lets one question count at a time
	position uint64
	// unchanged is how many checks that are no event were counted.
	unchanged uint64

	checks, refreshes, logins, deliveries, runs *prometheus.CounterVec
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func newHappened(k *keeper.Keeper) *happened {
	h := &happened{
		keeper: k, store: k.Store(), position: k.Store().Newest(),
		checks:     counter("bilikeeper_checks_total", "Checks of sessions, by outcome.", "outcome"),
		refreshes:  counter("bilikeeper_refreshes_total", "Refreshes of credentials, by outcome.", "outcome"),
		logins:     counter("bilikeeper_logins_total", "Logins that ended, by method and outcome.", "method", "outcome"),
		deliveries: counter("bilikeeper_notify_deliveries_total", "Messages to people, by channel and outcome.", "channel", "outcome"),
		runs:       counter("bilikeeper_output_runs_total", "Runs of outputs, by outcome.", "output", "outcome"),
	}
	// A series that begins with its first event has no rise that a query could see.
	for _, outcome := range []string{client.CheckOK, client.CheckDead, client.CheckUnreachable, client.CheckBlocked} {
		h.checks.WithLabelValues(outcome)
	}
	for _, outcome := range []string{client.RefreshDone, client.RefreshFailed} {
		h.refreshes.WithLabelValues(outcome)
	}
	for _, method := range []string{client.MethodQR, client.MethodSMS, methodImport} {
		for _, outcome := range []string{client.LoginSucceeded, client.LoginFailed, client.LoginCancelled} {
			if method != methodImport || outcome == client.LoginSucceeded {
				h.logins.WithLabelValues(method, outcome)
			}
		}
	}
	return h
}

// methodImport is how a login came that another program had made.
const methodImport = "import"

func (h *happened) vectors() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{h.checks, h.refreshes, h.logins, h.deliveries, h.runs}
}

// Describe implements [prometheus.Collector].
func (h *happened) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range h.vectors() {
		v.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (h *happened) Collect(ch chan<- prometheus.Metric) {
	h.expect()
	h.read()
	for _, v := range h.vectors() {
		v.Collect(ch)
	}
}

// expect begins the series of what is configured now.
func (h *happened) expect() {
	c := h.keeper.Settings().Config
	for _, n := range c.Notify {
		h.deliveries.WithLabelValues(n.Name, "delivered")
		h.deliveries.WithLabelValues(n.Name, "failed")
	}
	for _, o := range c.Output {
		h.runs.WithLabelValues(o.Name, "written")
		h.runs.WithLabelValues(o.Name, "failed")
	}
}

// read counts what was added to the journal. Entries that nobody asked about
// before they left the journal are not counted; a vault that does not answer
// leaves the counters as they are.
func (h *happened) read() {
	h.mu.Lock()
	defer h.mu.Unlock()
	unchanged := h.keeper.Accounts().Unchanged()
	h.checks.WithLabelValues(client.CheckOK).Add(float64(unchanged - h.unchanged))
	h.unchanged = unchanged
	for {
		list, err := h.store.Events(h.position, portion)
		if errors.Is(err, &client.Problem{Type: client.ProblemFellOut}) {
			if oldest := h.store.Oldest(); oldest > h.position+1 {
				h.position = oldest - 1
				continue
			}
		}
		if err != nil || len(list) == 0 {
			return
		}
		for _, e := range list {
			h.position = e.ID
			if data, err := e.Decode(); err == nil {
				h.count(data)
			}
		}
	}
}

func (h *happened) count(data client.EventData) {
	switch d := data.(type) {
	case client.CheckAlive:
		h.checks.WithLabelValues(client.CheckOK).Inc()
	case client.CheckDenied:
		h.checks.WithLabelValues(client.CheckDead).Inc()
	case client.CheckUndecided:
		outcome := client.CheckUnreachable
		if d.Blocks {
			outcome = client.CheckBlocked
		}
		h.checks.WithLabelValues(outcome).Inc()
	case client.Refreshed:
		h.refreshes.WithLabelValues(client.RefreshDone).Inc()
	case client.RefreshUndone:
		h.refreshes.WithLabelValues(client.RefreshFailed).Inc()
	case client.LoginDone:
		if method := methodOf(d.LoginRef, d.Imported); !d.Revived {
			h.logins.WithLabelValues(method, client.LoginSucceeded).Inc()
		}
	case client.LoginUndone:
		outcome := client.LoginFailed
		if d.Reason == client.ReasonCancelled {
			outcome = client.LoginCancelled
		}
		h.logins.WithLabelValues(methodOf(d.LoginRef, false), outcome).Inc()
	case client.Delivery:
		h.deliveries.WithLabelValues(d.Channel, outcome(d.Failed, "delivered")).Inc()
	case client.OutputRun:
		h.runs.WithLabelValues(d.Output, outcome(d.Failed, "written")).Inc()
	}
}

func methodOf(ref client.LoginRef, imported bool) string {
	if imported {
		return methodImport
	}
	return cmp.Or(ref.Method, client.MethodQR)
}

func outcome(failed bool, done string) string {
	if failed {
		return "failed"
	}
	return done
}
