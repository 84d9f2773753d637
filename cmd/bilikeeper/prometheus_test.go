//go:build prometheus

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What Prometheus itself says of the metrics, of the alerts and of the dashboard's
// questions.

func promtool(t *testing.T, stdin, dir string, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed here")
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said)
	}
}

// TestPrometheusMetrics looks at those of a keeper that has had something to do.
func TestPrometheusMetrics(t *testing.T) {
	b := newBench(t, `
[[output]]
name = "media"
account = "main"
format = "netscape"
path = "DIR/cookies.txt"
`)
	b.login("main", mid)
	b.site.Kill(mid)
	for _, args := range [][]string{{"get", "main"}, {"refresh", "main", "--force"}, {"check", "main", "--force"}, {"notify", "test"}, {"output", "run"}} {
		b.run("", args...)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", b.env["BILIKEEPER_SOCKET"])
	}
	answer, err := (&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}).Get("http://bilikeeper/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`bilikeeper_account_state{account="main"`, "bilikeeper_credential_reads_total{", "bilikeeper_site_requests_total{", "bilikeeper_vault_commit_seconds_bucket{"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	promtool(t, string(text), ".", "check", "metrics")
}

func TestPrometheusRules(t *testing.T) {
	const dir = "../../packaging/prometheus"
	promtool(t, "", dir, "check", "rules", "alerts.yml")
	promtool(t, "", dir, "test", "rules", "alerts.test.yml")
}

// The dashboard's questions, as rules: those are read by the same parser.
func TestPrometheusDashboard(t *testing.T) {
	var dashboard any
	if err := json.Unmarshal([]byte(repositoryFile(t, "packaging/grafana/bilikeeper.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	var rules strings.Builder
	n := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if question, ok := v["expr"].(string); ok {
				n++
				quoted, _ := json.Marshal(question)
				fmt.Fprintf(&rules, "      - {record: dashboard:question%d, expr: %s}\n", n, quoted)
			}
			for _, below := range v {
				walk(below)
			}
		case []any:
			for _, below := range v {
				walk(below)
			}
		}
	}
	walk(dashboard)
	if n < 15 {
		t.Errorf("only %d questions were found", n)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.yml"), []byte("groups:\n  - name: dashboard\n    rules:\n"+rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", dir, "check", "rules", "rules.yml")
}
