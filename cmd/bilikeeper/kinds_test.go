package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/output"
)

// Each type of channel has a row in the table of both pages and an entry that shows
// how it is configured.
func TestNotifiersPageHasEveryType(t *testing.T) {
	kinds := daemon.Checks().Channels
	if len(kinds) < 10 {
		t.Fatalf("only %d types were found", len(kinds))
	}
	for _, path := range []string{"docs/notifiers.md", "docs/zh-CN/notifiers.md"} {
		text := repositoryFile(t, path)
		rows := firstCells(text)
		entries := strings.Join(blocks(text, "toml"), "\n")
		for _, kind := range kinds {
			if !slices.Contains(rows, kind.Name) {
				t.Errorf("%s: no row of the table begins with `%s`", path, kind.Name)
			}
			if !strings.Contains(entries, "\ntype = \""+kind.Name+"\"\n") {
				t.Errorf("%s: no entry shows a channel of type %s", path, kind.Name)
			}
		}
	}
}

// firstCells are the words in code type that the rows of a page's tables begin with.
func firstCells(text string) []string {
	var list []string
	for line := range strings.Lines(prose(text)) {
		cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			list = append(list, m[1])
		}
	}
	return list
}

// Each format is named on the pages about outputs, each preset in their table.
func TestOutputsPageHasEveryFormat(t *testing.T) {
	for _, path := range []string{"docs/outputs-and-tools.md", "docs/zh-CN/outputs-and-tools.md"} {
		text := repositoryFile(t, path)
		for _, format := range output.Formats() {
			if !strings.Contains(text, "`"+format+"`") && !strings.Contains(text, "format = \""+format+"\"") {
				t.Errorf("%s does not name the format %s", path, format)
			}
		}
		for _, preset := range output.Presets() {
			if !slices.Contains(firstCells(text), preset) {
				t.Errorf("%s: no row of a table begins with `%s`", path, preset)
			}
		}
	}
}
