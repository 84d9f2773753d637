//go:build browser

package page

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// axeVersion is the version of axe-core that the documents are examined with.
const axeVersion = "4.10.3"

// axe is the script of axe-core, "" where it cannot be had: that is a test that is
// skipped, and the others go on.
func axe(t *testing.T) (script string) {
	t.Helper()
	t.Run("axe-core", func(t *testing.T) { script = installedAxe(t) })
	return script
}

func installedAxe(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not installed")
	}
	dir := t.TempDir()
	cmd := exec.Command("npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", "axe-core@"+axeVersion)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("axe-core could not be installed: %v: %s", err, out)
	}
	script, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// examined reports what axe-core has against a document.
func (b *chromium) examined(script, what string) {
	b.t.Helper()
	if script == "" {
		return
	}
	var text string
	b.call("POST", "/execute/async", map[string]any{"script": script + `;
		const done = arguments[0];
		axe.run(document, { resultTypes: ['violations'] }).then(r => done(JSON.stringify({ passed: r.passes.length, violations: r.violations.map(v =>
			({ id: v.id, help: v.help, nodes: v.nodes.map(n => n.html + ' ' + n.failureSummary) })) })), e => done(JSON.stringify({ violations: [{ id: String(e) }] })));`, "args": []any{}}, &text)
	var found struct {
		Passed     int
		Violations []struct {
			ID, Help string
			Nodes    []string
		}
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		b.t.Fatalf("%s: %v: %.200s", what, err, text)
	}
	if found.Passed < 10 {
		b.t.Errorf("%s: only %d rules were looked at", what, found.Passed)
	}
	for _, v := range found.Violations {
		b.t.Errorf("%s: %s: %s: %s", what, v.ID, v.Help, fmt.Sprintf("%.700s", strings.Join(v.Nodes, "\n")))
	}
}
