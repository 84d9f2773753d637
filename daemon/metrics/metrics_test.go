package metrics_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/metrics"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
)

// scrape asks as Prometheus does.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(zerolog.Nop()).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %v: %s", w.Code, w.Header(), w.Body)
	}
	return w.Body.String()
}

// values are the samples, by name and labels as they are written.
func values(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok && !strings.HasPrefix(line, "#") {
			all[name+"}"] = value
		} else if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			all[name] = value
		}
	}
	return all
}

func want(t *testing.T, text string, samples map[string]string) {
	t.Helper()
	got := values(text)
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		if got[name] != samples[name] {
			t.Errorf("%s is %q, want %q", name, got[name], samples[name])
		}
	}
}

// life is a keeper whose account has been through a few things.
func life(t *testing.T, test func(h *keepertest.Fixture, m *metrics.Metrics)) {
	m := metrics.New("1.2.3")
	keepertest.Run(t, func(c *config.Config) {
		c.Notify = []config.Notify{{Name: "quiet"}}
		c.Output = []config.Output{{Name: "idle"}}
	}, func(h *keepertest.Fixture) {
		m.Watch(h.Keeper)
		h.Login("main", keepertest.Mid)
		m.SiteRequest("api.bilibili.com", passport.OK, 300*time.Millisecond)
		if _, err := h.Keeper.Accounts().Check(context.Background(), "main", false); err != nil {
			t.Fatal(err)
		}
		err := h.Keeper.Store().Tell(
			store.Event{Data: client.Delivery{Channel: "phone"}}, store.Event{Data: client.Delivery{Channel: "phone", Failed: true}},
			store.Event{Account: "main", Data: client.OutputRun{Output: "file"}})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := h.Keeper.Credentials().NoteRead(audit.Reading{Account: "main", Format: "header", Generation: 1}); err != nil {
				t.Fatal(err)
			}
		}
		test(h, m)
	})
}

func TestMetrics(t *testing.T) {
	life(t, func(h *keepertest.Fixture, m *metrics.Metrics) {
		samples := map[string]string{
			`bilikeeper_build_info{version="1.2.3"}`:                                  "1",
			`bilikeeper_accounts{site="web",state="valid"}`:                           "1",
			`bilikeeper_accounts{site="intl",state="valid"}`:                          "0",
			`bilikeeper_account_state{account="main",state="valid"}`:                  "1",
			`bilikeeper_account_state{account="main",state="needs_login"}`:            "0",
			`bilikeeper_logins_total{method="qr",outcome="succeeded"}`:                "1",
			`bilikeeper_logins_total{method="sms",outcome="failed"}`:                  "0",
			`bilikeeper_checks_total{outcome="ok"}`:                                   "1",
			`bilikeeper_checks_total{outcome="dead"}`:                                 "0",
			`bilikeeper_refreshes_total{outcome="failed"}`:                            "0",
			`bilikeeper_notify_deliveries_total{channel="phone",outcome="delivered"}`: "1",
			`bilikeeper_notify_deliveries_total{channel="phone",outcome="failed"}`:    "1",
			`bilikeeper_output_runs_total{outcome="written",output="file"}`:           "1",
			`bilikeeper_notify_deliveries_total{channel="quiet",outcome="failed"}`:    "0",
			`bilikeeper_output_runs_total{outcome="failed",output="idle"}`:            "0",
			`bilikeeper_credential_reads_total{account="main"}`:                       "3",
			`bilikeeper_site_requests_total{class="ok",host="api.bilibili.com"}`:      "1",
			`bilikeeper_site_request_seconds_count`:                                   "1",
			`bilikeeper_site_blocked{host="bilibili.com"}`:                            "0",
			`bilikeeper_journal_entries`:                                              fmt.Sprint(h.Vault.Info().Events),
		}
		want(t, scrape(t, m), samples)
		// A second question counts nothing again.
		want(t, scrape(t, m), samples)
		h.Kill()
		h.Site.QR.Codes()
		want(t, scrape(t, m), map[string]string{
			`bilikeeper_checks_total{outcome="dead"}`:                      "2",
			`bilikeeper_account_state{account="main",state="valid"}`:       "0",
			`bilikeeper_logins_total{method="qr",outcome="succeeded"}`:     "1",
			`bilikeeper_account_state{account="main",state="logging_in"}`:  "1",
			`bilikeeper_account_state{account="main",state="needs_login"}`: "0",
		})
	})
}

// promised are the names that users build upon.
func promised() []string {
	return []string{
		"bilikeeper_build_info", "bilikeeper_accounts", "bilikeeper_account_state", "bilikeeper_account_expires_timestamp_seconds",
		"bilikeeper_account_checked_timestamp_seconds", "bilikeeper_checks_total", "bilikeeper_refreshes_total", "bilikeeper_logins_total",
		"bilikeeper_site_requests_total", "bilikeeper_site_request_seconds", "bilikeeper_site_blocked", "bilikeeper_notify_deliveries_total",
		"bilikeeper_output_runs_total", "bilikeeper_credential_reads_total", "bilikeeper_vault_commit_seconds", "bilikeeper_journal_entries",
	}
}

// The names are those that were promised, and as Prometheus wants names to be;
// the program's own and Go's are there too.
func TestNames(t *testing.T) {
	life(t, func(_ *keepertest.Fixture, m *metrics.Metrics) {
		text := scrape(t, m)
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
		var got []string
		for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "# TYPE bilikeeper_"); ok {
				name, _, _ = strings.Cut(name, " ")
				got = append(got, "bilikeeper_"+name)
			}
		}
		if all := slices.Sorted(slices.Values(promised())); !slices.Equal(slices.Sorted(slices.Values(got)), all) {
			t.Errorf("there are\n%v, promised are\n%v", got, all)
		}
		for _, name := range []string{"go_goroutines", "process_start_time_seconds"} {
			if !strings.Contains(text, "\n"+name+" ") {
				t.Errorf("%s is missing", name)
			}
		}
	})
}

// Hosts that nobody knows do not make ever more series.
func TestHostsAreBounded(t *testing.T) {
	m := metrics.New("1")
	for i := range 1000 {
		m.SiteRequest(fmt.Sprintf("host%d.example.net", i), passport.OK, time.Second)
	}
	text := scrape(t, m)
	if n := strings.Count(text, "bilikeeper_site_requests_total{"); n > 40 {
		t.Errorf("%d series", n)
	}
	want(t, text, map[string]string{`bilikeeper_site_requests_total{class="ok",host="other"}`: "968"})
}

// Entries that left the journal before anybody asked do not stop the counting.
func TestJournalThatFellOut(t *testing.T) {
	life(t, func(h *keepertest.Fixture, m *metrics.Metrics) {
		scrape(t, m)
		list := make([]store.Event, 500)
		for i := range list {
			list[i] = store.Event{Data: client.Delivery{Channel: "flood"}}
		}
		for range 24 { // more than the journal keeps
			if err := h.Keeper.Store().Tell(list...); err != nil {
				t.Fatal(err)
			}
		}
		want(t, scrape(t, m), map[string]string{`bilikeeper_notify_deliveries_total{channel="flood",outcome="delivered"}`: fmt.Sprint(h.Vault.Info().Events)})
		if err := h.Keeper.Store().Tell(list[:1]...); err != nil {
			t.Fatal(err)
		}
		want(t, scrape(t, m), map[string]string{`bilikeeper_notify_deliveries_total{channel="flood",outcome="delivered"}`: fmt.Sprint(h.Vault.Info().Events + 1)})
	})
}

// A vault that is closed leaves the answer without what it would have told.
func TestClosedVault(t *testing.T) {
	life(t, func(h *keepertest.Fixture, m *metrics.Metrics) {
		scrape(t, m)
		h.Stop()
		h.Stop = func() {}
		want(t, scrape(t, m), map[string]string{`bilikeeper_checks_total{outcome="ok"}`: "1"})
	})
}

// What is installed beside the program asks for names that there are.
func TestPackagedFiles(t *testing.T) {
	known := append(promised(), promisedElsewhere()...)
	for _, name := range promised() {
		known = append(known, name+"_bucket", name+"_count", name+"_sum")
	}
	for _, file := range []string{"../../packaging/prometheus/alerts.yml", "../../packaging/grafana/bilikeeper.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
		found := regexp.MustCompile(`\bbilikeeper_[a-z_]+`).FindAllString(string(text), -1)
		if len(found) < 8 {
			t.Errorf("%s asks for %v only", file, found)
		}
		for _, name := range found {
			if !slices.Contains(known, name) {
				t.Errorf("%s asks for %s, which there is not", file, name)
			}
		}
	}
}
