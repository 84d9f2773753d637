// Command manual writes what people read about the program's commands and keys
// where no browser is: the manual's pages, the shells' completions, and the example
// of the configuration. All of it comes from the tree of commands and from the
// example; nothing is written here by hand.
//
// Usage:
//
//	manual -o DIR -version 1.2.3 -date 1796025315   man1, man5, completions, config.toml
//	manual -page docs/configuration.md              the reference in that page, anew
package main

//go:generate go run . -page ../../docs/configuration.md

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/root"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/packaging/reference"
)

func main() {
	dir := flag.String("o", "", "write everything below this `directory`")
	version := flag.String("version", "dev", "the program's version")
	date := flag.Int64("date", 0, "the pages' date, in `seconds` since 1970")
	page := flag.String("page", "", "make the reference in this `file` of docs/ anew")
	flag.Parse()
	var err error
	switch {
	case flag.NArg() > 0 || (*dir == "") == (*page == ""):
		flag.Usage()
		os.Exit(2)
	case *page != "":
		err = renew(*page)
	default:
		err = write(*dir, *version, time.Unix(*date, 0).UTC())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func example() []byte { return config.Example(daemon.Checks().Channels) }

func renew(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	renewed, err := reference.Page(string(text), example())
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(renewed), 0o644)
}

func write(dir, version string, date time.Time) error {
	for _, sub := range []string{"man1", "man5", "completions"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	env := &cli.Env{Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }, Version: version}
	tree := root.Command(env)
	tree.DisableAutoGenTag = true
	keepColumns(tree)
	if err := completions(tree, filepath.Join(dir, "completions")); err != nil {
		return err
	}
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: "bilikeeper " + version, Manual: "User Commands"}
	if err := doc.GenManTree(tree, header, filepath.Join(dir, "man1")); err != nil {
		return err
	}
	man := []byte(reference.Man(example(), version, date))
	if err := os.WriteFile(filepath.Join(dir, "man5", "bilikeeper.toml.5"), man, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.toml"), example(), 0o644)
}

// keepColumns marks the paragraphs of help texts that have columns, so that they are
// not filled as prose: in Markdown, which a page is made of, by four blanks.
func keepColumns(cmd *cobra.Command) {
	paragraphs := strings.Split(cmd.Long, "\n\n")
	for i, p := range paragraphs {
		if strings.HasPrefix(p, " ") || strings.Contains(p, "\n ") {
			paragraphs[i] = "    " + strings.ReplaceAll(p, "\n", "\n    ")
		}
	}
	cmd.Long = strings.Join(paragraphs, "\n\n")
	for _, sub := range cmd.Commands() {
		keepColumns(sub)
	}
}

// completions writes them under the names by which the shells find them.
func completions(tree *cobra.Command, dir string) error {
	if err := tree.GenBashCompletionFileV2(filepath.Join(dir, "bilikeeper"), true); err != nil {
		return err
	}
	if err := tree.GenZshCompletionFile(filepath.Join(dir, "_bilikeeper")); err != nil {
		return err
	}
	return tree.GenFishCompletionFile(filepath.Join(dir, "bilikeeper.fish"), true)
}
