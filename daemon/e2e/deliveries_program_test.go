//go:build unix

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// hastyProgram builds the program with one time shortened that no configuration
// can shorten, because it is the site's own: how long a code lives. All else is
// the program that people get.
func hastyProgram(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	path, err := filepath.Abs(filepath.Join("..", "..", "passport", "qr.go"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	life := regexp.MustCompile(`(\bcodeLifetime += )[^\n]+`)
	if !life.Match(text) {
		t.Fatalf("%s has nothing like %s, which is to be shortened for this test", path, life)
	}
	changed := filepath.Join(dir, "qr.go")
	text = life.ReplaceAll(text, fmt.Appendf(nil, "${1}%d * time.Millisecond", deliveryCodes.Milliseconds()))
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	file, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "bilikeeper")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", stripped, "-overlay", file, "-o", program, "github.com/bilikeeper/bilikeeper/cmd/bilikeeper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	return program
}
