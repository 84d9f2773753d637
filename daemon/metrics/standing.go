package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/passport"
)

// standing is how things stand when somebody asks.
type standing struct{ keeper *keeper.Keeper }

// descriptions are those of the metrics of standing.
type descriptions struct {
	accounts, state, expires, checked, reads, blocked, journal *prometheus.Desc
}

func describe() descriptions {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("bilikeeper_"+name, help, labels, nil)
	}
	return descriptions{
		accounts: desc("accounts", "Accounts, by site and state.", "site", "state"),
		state:    desc("account_state", "1 for the state that an account is in, 0 for the others.", "account", "state"),
		expires:  desc("account_expires_timestamp_seconds", "When an account's credential ends, as far as that is known.", "account"),
		checked:  desc("account_checked_timestamp_seconds", "When the site was last asked about an account and said something.", "account"),
		reads:    desc("credential_reads_total", "Credentials that were handed out, by account.", "account"),
		blocked:  desc("site_blocked", "1 while a host of the site, or the whole of it, is left alone.", "host"),
		journal:  desc("journal_entries", "Entries in the journal."),
	}
}

// Describe implements [prometheus.Collector].
func (s standing) Describe(ch chan<- *prometheus.Desc) {
	d := describe()
	for _, one := range []*prometheus.Desc{d.accounts, d.state, d.expires, d.checked, d.reads, d.blocked, d.journal} {
		ch <- one
	}
}

// Collect implements [prometheus.Collector].
func (s standing) Collect(ch chan<- prometheus.Metric) {
	d := describe()
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
	}
	states := []string{client.StateNew, client.StateValid, client.StateNeedsLogin, client.StateLoggingIn}
	type kind struct{ site, state string }
	count := map[kind]int{}
	reads := s.keeper.Credentials().Reads()
	for _, a := range s.keeper.Accounts().Status().Accounts {
		count[kind{a.Site, a.State}]++
		for _, state := range states {
			gauge(d.state, truth(a.State == state), a.Name, state)
		}
		when := func(desc *prometheus.Desc, at *time.Time) {
			if at != nil {
				gauge(desc, float64(at.UnixMilli())/1000, a.Name)
			}
		}
		when(d.expires, a.ExpiresAt)
		when(d.checked, a.CheckedAt)
		ch <- prometheus.MustNewConstMetric(d.reads, prometheus.CounterValue, float64(reads[a.Name]), a.Name)
	}
	for _, site := range []passport.Site{passport.Web, passport.Intl} {
		for _, state := range states {
			gauge(d.accounts, float64(count[kind{string(site), state}]), string(site), state)
		}
	}
	now := time.Now()
	blocked := map[string]float64{}
	for _, b := range s.keeper.Breakers() {
		blocked[b.Name()] = max(blocked[b.Name()], truth(b.Until.After(now)))
	}
	for host, v := range blocked {
		gauge(d.blocked, v, host)
	}
	gauge(d.journal, float64(s.keeper.Store().Vault().Info().Events))
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
