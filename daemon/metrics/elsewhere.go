package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/vault"
)

// elsewhere is how a vault that lies elsewhere is doing, and this host's part among those
// that share it. A keeper with a vault in a file has none of it.
type elsewhere struct{ keeper *keeper.Keeper }

// figure is one of the metrics of elsewhere.
type figure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value float64
	label []string
}

// storeFigures are those of a vault.
func storeFigures(f vault.Figures, now time.Time) []figure {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("bilikeeper_store_"+name, help, nil, nil)
	}
	away := 0.0
	if !f.Away.IsZero() {
		away = max(now.Sub(f.Away).Seconds(), 0)
	}
	return []figure{
		{desc("reachable", "1 while the cluster that keeps the accounts can be reached."), gauge, truth(f.Away.IsZero()), nil},
		{desc("away_seconds", "For how long it has not been reached, 0 while it is."), gauge, away, nil},
		{desc("lag_seconds", "For how long what is read here may not be all that there is, asked each second."), gauge, f.Lag.Seconds(), nil},
		{desc("copy_lag_seconds", "How old the oldest change is that this host's disk does not have yet."), gauge, f.CopyLag.Seconds(), nil},
		{desc("commits_total", "Transactions that arrived."), counter, float64(f.Commits), nil},
		{desc("conflicts_total", "Transactions that were run again because another host was quicker."), counter, float64(f.Conflicts), nil},
		{desc("refused_total", "Changes by somebody without the key that were not taken over."), counter, float64(f.Refused), nil},
	}
}

// partFigures are those of a host among others.
func partFigures(p keeper.Part) []figure {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("bilikeeper_cluster_"+name, help, labels, nil)
	}
	changes := desc("ownership_changes_total", "Accounts that came to this host, and that it ceased to look after.", "change")
	return []figure{
		{desc("joined", "1 while this host has a part among those that share the accounts."), gauge, truth(p.Joined), nil},
		{desc("hosts", "Hosts that share the accounts and are there, as this one sees it."), gauge, float64(p.Hosts), nil},
		{desc("accounts_owned", "Accounts that this host looks after."), gauge, float64(p.Accounts), nil},
		{desc("sender", "1 for the host that sends messages."), gauge, truth(p.Sends), nil},
		{changes, counter, float64(p.Gained), []string{"gained"}},
		{changes, counter, float64(p.Lost), []string{"lost"}},
	}
}

// Describe implements [prometheus.Collector].
func (e elsewhere) Describe(ch chan<- *prometheus.Desc) {
	seen := map[*prometheus.Desc]bool{}
	for _, f := range append(storeFigures(vault.Figures{}, time.Time{}), partFigures(keeper.Part{})...) {
		if !seen[f.desc] {
			seen[f.desc] = true
			ch <- f.desc
		}
	}
}

// Collect implements [prometheus.Collector].
func (e elsewhere) Collect(ch chan<- prometheus.Metric) {
	var all []figure
	if f, ok := vault.FiguresOf(e.keeper.Store().Vault()); ok {
		all = storeFigures(f, time.Now())
	}
	if p, ok := e.keeper.Shared().Part(); ok {
		all = append(all, partFigures(p)...)
	}
	for _, f := range all {
		ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value, f.label...)
	}
}
