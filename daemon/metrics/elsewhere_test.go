package metrics_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/metrics"
)

// TestHosts: a host that shares its accounts says what part it has. What there is to say
// of a vault in etcd is seen with one.
func TestHosts(t *testing.T) {
	keepertest.RunHosts(t, []string{"a", "b"}, func(all *keepertest.Hosts) {
		m := metrics.New("1.2.3")
		a := all.Host("a")
		m.Watch(a.Keeper)
		all.Move("main", "a")
		a.Login("main", keepertest.Mid)
		want(t, scrape(t, m), map[string]string{
			"bilikeeper_cluster_hosts":          "2",
			"bilikeeper_cluster_joined":         "1",
			"bilikeeper_cluster_accounts_owned": "1",
		})
		all.Move("main", "b")
		text := scrape(t, m)
		want(t, text, map[string]string{
			"bilikeeper_cluster_accounts_owned":                         "0",
			`bilikeeper_cluster_ownership_changes_total{change="lost"}`: "1",
		})
		a.Lease(0)
		want(t, scrape(t, m), map[string]string{"bilikeeper_cluster_joined": "0"})
		a.Lease(time.Minute)
		if problems, err := promlint.New(strings.NewReader(text)).Lint(); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}

// promisedElsewhere are the names that are there where accounts are kept in etcd.
func promisedElsewhere() []string {
	return strings.Fields(`bilikeeper_cluster_accounts_owned bilikeeper_cluster_hosts bilikeeper_cluster_joined
		bilikeeper_cluster_ownership_changes_total bilikeeper_cluster_sender
		bilikeeper_store_away_seconds bilikeeper_store_commits_total bilikeeper_store_conflicts_total bilikeeper_store_copy_lag_seconds
		bilikeeper_store_lag_seconds bilikeeper_store_reachable bilikeeper_store_refused_total`)
}

// TestNamesElsewhere: all that is collected has a name that was promised, and the
// documentation tells of it.
func TestNamesElsewhere(t *testing.T) {
	for _, file := range []string{"../../docs/monitoring.md", "../../docs/zh-CN/monitoring.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(promised(), promisedElsewhere()...) {
			if !strings.Contains(string(text), "`"+name) {
				t.Errorf("%s does not tell of %s", file, name)
			}
		}
	}
	if got := metrics.NamesElsewhere(); !slices.Equal(got, promisedElsewhere()) {
		t.Errorf("there are\n%v, promised are\n%v", got, promisedElsewhere())
	}
}
