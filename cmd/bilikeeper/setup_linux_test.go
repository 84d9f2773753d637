package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// TestSetupAtATerminal answers at a terminal as narrow as a phone's: what is typed as
// a secret is not shown, and nothing is broken inside a word.
func TestSetupAtATerminal(t *testing.T) {
	const columns, secret = 40, "an-invented-secret-token"
	for _, tt := range []struct {
		name, lang, term string
		asked            []string // the ends of the questions
	}{
		{"English", "en_US.UTF-8", "xterm", []string{"]: ", "]: ", "]: ", "(not shown): ", "100200300: ", "empty): ", "false: ", "1080: ", "]: "}},
		{"Chinese", "zh_CN.UTF-8", "dumb", []string{"]：", "]：", "]：", "（不显示）：", "100200300：", "空）：", "false：", "1080：", "]："}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			config := filepath.Join(home, "config.toml")
			cmd := exec.Command("bilikeeper", "setup")
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=" + tt.lang, "TERM=" + tt.term, "BILIKEEPER_CONFIG=" + config,
				"BILIKEEPER_STATE_DIR=" + filepath.Join(home, "state"), "BILIKEEPER_SOCKET=" + filepath.Join(home, "none.sock")}
			tty := startAtTerminal(t, cmd, columns, 20)
			times := map[string]int{}
			for i, answer := range []string{"none", "telegram", "", secret, "100200300", "", "", "", ""} {
				times[tt.asked[i]]++
				tty.await(t, tt.asked[i], times[tt.asked[i]])
				tty.write(t, answer+"\r")
			}
			tty.await(t, "bilikeeper status", 1)
			shown := tty.text()
			if strings.Contains(shown, secret) {
				t.Errorf("the secret is shown:\n%s", shown)
			}
			for line := range strings.SplitSeq(strings.ReplaceAll(shown, "\r", ""), "\n") {
				// Paths and commands stay whole.
				if cli.Rows(line+"\n", columns) > 1 && !strings.ContainsRune(line, '/') && !strings.HasPrefix(line, "  bilikeeper ") {
					t.Errorf("a line is wider than the terminal: %q", line)
				}
			}
			text, err := os.ReadFile(config)
			if err != nil || !strings.Contains(string(text), "chat = \"100200300\"") || strings.Contains(string(text), secret) {
				t.Errorf("the configuration is %q, %v", text, err)
			}
			kept := filepath.Join(home, "telegram.token")
			if text, err := os.ReadFile(kept); err != nil || string(text) != secret+"\n" {
				t.Errorf("the secret is %q, %v", text, err)
			}
		})
	}
}
