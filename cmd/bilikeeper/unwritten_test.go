package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/root"
)

// full is what writing to a full disk is like.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// silent are the commands that write nothing to standard output for themselves: what
// people are told goes to standard error. Those with an answer for programs are in
// the table as well, with --json.
func silent() map[string]string {
	return map[string]string{
		"daemon": "its log goes to standard error", "agent": "it shows messages", "setup": "a conversation", "demo": "in its own test",
		"exec": "what is on standard output is the command's", "service start": "", "service stop": "", "service restart": "", "service uninstall": "",
		"agent uninstall": "", "help": "", "page revoke": "it needs a browser that is signed in", "vault slots remove": "it needs a slot that is not the last",
	}
}

// unwritten are command lines that write to standard output, in the order in which
// they are run.
func unwritten() []string {
	return []string{
		"version", "version --json", "--version", "completion bash", "completion zsh", "completion fish", "completion powershell",
		"config check --json", "config init --stdout", "config init --config DIR/other.toml --json", "config print", "config print --json",
		"status", "status main", "status --json", "status --watch", "status --watch --json", "doctor", "doctor --json",
		"check main", "check main --json", "refresh main", "refresh main --json", "account show main", "account show main --json",
		"account set main --tags a --json", "get main", "get main --format json", "get main --json",
		"events", "events --json", "events --follow --since 1h", "events --follow --since 1h --json",
		"notify list", "notify list --json", "notify test phone", "notify test phone --json",
		"output list", "output list --json", "output run jar", "output run jar --json", "reload --json", "wait main --json",
		"import - --account copy --json", "forget copy --yes --json", "login third --timeout 60s --json",
		"page link", "page link --json", "page sessions --json",
		"vault info", "vault info --json", "vault verify --json", "vault backup -", "vault backup DIR/copy.db --json",
		"vault slots list", "vault slots list --json", "vault slots add recovery", "vault slots add recovery --json",
		"service status", "service status --json", "service install --print", "service install --print --json", "service install --print --manager openrc",
		"agent install --print", "agent install --print --json",
		"vault compact --json --state-dir DIR/second --socket DIR/none", "vault rekey --json --state-dir DIR/second --socket DIR/none",
		"vault repair --json --state-dir DIR/second --socket DIR/none", "vault restore DIR/second/before.db --json --force --state-dir DIR/second --socket DIR/none",
		"vault migrate --to bolt:DIR/third.db --json --state-dir DIR/second --socket DIR/none",
		"logout main --yes --json",
	}
}

// A command whose output could not be written says so and ends with 1, each of them.
func TestUnwrittenOutput(t *testing.T) {
	b := newBench(t, `
[[output]]
name = "jar"
account = "main"
format = "netscape"
path = "DIR/jar.txt"

[page]
listen = "127.0.0.1:0"
may = ["status"]
`)
	b.login("main", mid)
	_, cookie, _ := b.run("", "get", "main")
	second := filepath.Join(b.dir, "second")
	b.steps([]step{{args: "vault backup DIR/second.db", stderr: "^Wrote "}})
	key, err := os.ReadFile(filepath.Join(b.dir, "state", "vault.key"))
	if err := errors.Join(err, os.Mkdir(second, 0o700), os.Rename(filepath.Join(b.dir, "second.db"), filepath.Join(second, "vault.db"))); err != nil {
		t.Fatal(err)
	}
	b.write("second/vault.key", string(key))
	b.steps([]step{{args: "vault backup DIR/second/before.db --state-dir DIR/second --socket DIR/none", stderr: "Wrote "}})

	table := map[string]bool{}
	for _, line := range unwritten() {
		words := strings.Fields(line)
		for n := range words {
			table[strings.Join(words[:n+1], " ")] = true
		}
		var said stream
		env := &cli.Env{Stdin: strings.NewReader(cookie), Stdout: full{}, Stderr: &said, Getenv: b.getenv, Version: "test"}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		code := env.Execute(ctx, root.Command(env), strings.Fields(strings.ReplaceAll(line, "DIR", b.dir)))
		if ctx.Err() != nil {
			t.Errorf("%s: goes on for ever", line)
		}
		cancel()
		if text := said.String(); code != 1 || !strings.Contains(text, "could not be written") && !strings.Contains(text, "could not be shown") {
			t.Errorf("%s: ended with %d: %s", line, code, text)
		}
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		name := strings.TrimPrefix(c.CommandPath(), "bilikeeper ")
		if _, ok := silent()[name]; c.Runnable() && !c.HasSubCommands() && !ok && !table[name] {
			t.Errorf("%s is not in the table", name)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	env := &cli.Env{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Getenv: b.getenv}
	walk(root.Command(env))
}
