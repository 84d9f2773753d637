package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/root"
)

func TestEveryCommandHasAPage(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir, "1.2.3", time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	pages := 0
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		if cmd.Hidden {
			return
		}
		pages++
		page := read("man1/" + strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1")
		if !strings.Contains(page, `"Nov 2026" "bilikeeper 1.2.3" "User Commands"`) {
			t.Errorf("%s: %.200s", cmd.CommandPath(), page)
		}
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check(root.Command(&cli.Env{Getenv: func(string) string { return "" }}))
	if page := read("man1/bilikeeper.1"); !strings.Contains(page, "\n.EX\nBegin with:  bilikeeper demo\n             bilikeeper setup ") {
		t.Errorf("the columns are lost: %s", page)
	}
	if pages < 40 {
		t.Errorf("there are %d pages", pages)
	}
	for _, name := range []string{"completions/bilikeeper", "completions/_bilikeeper", "completions/bilikeeper.fish", "config.toml", "man5/bilikeeper.toml.5"} {
		if len(read(name)) < 1000 {
			t.Errorf("%s is nearly empty", name)
		}
	}
}
