package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/root"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/packaging/reference"
)

// What people read is part of what the program promises. These tests fail where it
// names what does not exist, or leaves out what does.

// page is a file that people read, by its path in the repository.
type page struct{ path, text string }

func (p page) chinese() bool { return strings.Contains(p.path, "zh-CN") }

func pages(t *testing.T) []page {
	t.Helper()
	paths := []string{"README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/zh-CN/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range found {
			paths = append(paths, filepath.ToSlash(strings.TrimPrefix(path, filepath.Join("..", "..")+string(filepath.Separator))))
		}
	}
	var list []page
	for _, path := range paths {
		list = append(list, page{path, repositoryFile(t, path)})
	}
	return list
}

// manuals are the pages of each language as one text.
func manuals(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, p := range pages(t) {
		language := "English"
		if p.chinese() {
			language = "Chinese"
		}
		texts[language] += p.text
	}
	return texts
}

func repositoryFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// blocks returns the code blocks of a language, comments cut off.
func blocks(text, language string) []string {
	var list []string
	var block strings.Builder
	inside, wanted := false, false
	for line := range strings.Lines(text) {
		mark, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && inside:
			if wanted {
				list = append(list, block.String())
			}
			inside = false
			block.Reset()
		case fence:
			inside, wanted = true, mark == language
		case inside && wanted:
			code, _, _ := strings.Cut(line, " #")
			block.WriteString(strings.TrimRight(code, " \n") + "\n")
		}
	}
	return list
}

func testRoot() *cobra.Command {
	tree := root.Command(&cli.Env{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }})
	tree.InitDefaultHelpCmd()
	tree.InitDefaultCompletionCmd()
	return tree
}

var ourCommands = regexp.MustCompile(`(?:^|[\s$(;&|"])bilikeeper((?:[ \t]+[^\s|;&>()"]+)+)`)

func TestDocumentedCommandsExist(t *testing.T) {
	found := map[bool]int{}
	for _, p := range pages(t) {
		for _, block := range blocks(p.text, "sh") {
			for line := range strings.Lines(block) {
				for _, m := range ourCommands.FindAllStringSubmatch(line, -1) {
					if strings.HasPrefix(line, "go build") || strings.Contains(m[1], "/usr/local/bin") {
						continue
					}
					found[p.chinese()]++
					checkCommand(t, p.path, strings.Fields(m[1]))
				}
			}
		}
	}
	if found[true] < 30 || found[false] < 30 {
		t.Errorf("only %d commands were found in code blocks in English, %d in Chinese", found[false], found[true])
	}
}

func checkCommand(t *testing.T, file string, args []string) {
	t.Helper()
	cmd, rest, err := testRoot().Find(args)
	if err != nil || cmd.Parent() == nil {
		t.Errorf("%s: there is no command %q", file, strings.Join(args, " "))
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%s: %s: %v", file, strings.Join(args, " "), err)
		return
	}
	if cmd.Args != nil {
		if err := cmd.Args(cmd, cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %s: %v", file, strings.Join(args, " "), err)
		}
	}
}

func TestDocumentationNamesEveryCommand(t *testing.T) {
	var names []string
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Hidden || sub.Parent().Name() == "completion" {
				continue
			}
			names = append(names, sub.Name())
			walk(sub)
		}
	}
	walk(testRoot())
	for language, text := range manuals(t) {
		for _, name := range names {
			if !regexp.MustCompile("`(?:[a-z]+ )?" + name + "[` ]").MatchString(text) {
				t.Errorf("the %s pages do not mention the command %s", language, name)
			}
		}
	}
}

// keyLine is a key of the example, commented out or not.
var keyLine = regexp.MustCompile(`^#?([a-z_]+) = `)

const configurationPage = "docs/configuration.md"

func TestConfigurationPageIsOfTheExample(t *testing.T) {
	text := repositoryFile(t, configurationPage)
	renewed, err := reference.Page(text, config.Example(daemon.Checks().Channels))
	if err != nil {
		t.Fatalf("%s: %v", configurationPage, err)
	}
	if text != renewed {
		t.Errorf("%s is not what the example says; if this is meant: go generate ./packaging/manual", configurationPage)
	}
}

// The Chinese page is written by hand. It names every key, with its default.
func TestChineseConfigurationNamesEveryKey(t *testing.T) {
	example := string(config.Example(daemon.Checks().Channels))
	var defaults map[string]any
	if err := toml.Unmarshal([]byte(example), &defaults); err != nil {
		t.Fatal(err)
	}
	const path = "docs/zh-CN/configuration.md"
	text, table := repositoryFile(t, path), ""
	for line := range strings.Lines(example) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(strings.TrimPrefix(line, "#"), "[") {
			table = line
		}
		m := keyLine.FindStringSubmatch(line)
		switch {
		case m == nil:
		case strings.HasPrefix(line, "#"): // a list's entry
			if !strings.Contains(text, "`"+m[1]+"`") {
				t.Errorf("%s does not mention %s of %s", path, m[1], table)
			}
		default:
			key := m[1]
			if table != "" {
				key = strings.Trim(table, "[]") + "." + key
			}
			row := "| `" + key + "` | `" + strings.TrimPrefix(line, m[1]+" = ") + "` |"
			if !strings.Contains(text, row) {
				t.Errorf("%s has no row %s", path, row)
			}
		}
	}
}

// The configuration that is shown has to be taken.
func TestDocumentedConfigurationIsValid(t *testing.T) {
	found := map[bool]int{}
	for _, p := range pages(t) {
		for _, block := range blocks(p.text, "toml") {
			found[p.chinese()]++
			if _, err := config.Parse([]byte(block), p.path, daemon.Checks()); err != nil {
				t.Error(err)
			}
		}
	}
	if found[true] < 20 || found[false] < 20 {
		t.Errorf("%d pieces of configuration in English, %d in Chinese", found[false], found[true])
	}
}

func TestDocumentationNamesStatesProblemsAndEvents(t *testing.T) {
	words := []string{
		client.StateNew, client.StateValid, client.StateNeedsLogin, client.StateLoggingIn,
		client.CheckOK, client.CheckDead, client.CheckUnreachable, client.CheckBlocked,
		client.ProblemNoAccount, client.ProblemNoLogin, client.ProblemNoChannel, client.ProblemNeedsLogin,
		client.ProblemSiteAway, client.ProblemNotPermitted, client.ProblemBadRequest, client.ProblemNotFound,
		client.ProblemMethod, client.ProblemBusy, client.ProblemFellOut, client.ProblemStorage, client.ProblemInternal,
	}
	words = append(words, client.EventTypes()...)
	for language, text := range manuals(t) {
		for _, word := range words {
			if !strings.Contains(text, "`"+word+"`") {
				t.Errorf("the %s pages do not mention %s", language, word)
			}
		}
	}
}

// onlyEnglish are the pages for those who change the program.
func onlyEnglish() []string {
	return []string{"CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/performance.md"}
}

// Both languages have the same pages, with the same commands and configuration.
func TestLanguagesAgree(t *testing.T) {
	chinese := map[string]string{}
	for _, p := range pages(t) {
		if p.chinese() {
			chinese[strings.NewReplacer(".zh-CN", "", "zh-CN/", "").Replace(p.path)] = p.text
		}
	}
	for _, p := range pages(t) {
		if p.chinese() || slices.Contains(onlyEnglish(), p.path) {
			continue
		}
		other, ok := chinese[p.path]
		if delete(chinese, p.path); !ok {
			t.Errorf("%s is not there in Chinese", p.path)
			continue
		}
		for _, language := range []string{"sh", "toml", "ini"} {
			a, b := blocks(p.text, language), blocks(other, language)
			if !slices.Equal(a, b) {
				t.Errorf("%s: the %s blocks differ:\n%s\n---\n%s", p.path, language, strings.Join(a, "\n"), strings.Join(b, "\n"))
			}
		}
		a, b := strings.Count(p.text, "\n## "), strings.Count(other, "\n## ")
		if a != b && p.path != configurationPage {
			t.Errorf("%s has %d sections in English and %d in Chinese", p.path, a, b)
		}
		for _, what := range []string{"\n|", "\n- ", "\n### "} { // rows, items, sections below
			if a, b := strings.Count(p.text, what), strings.Count(other, what); a != b && p.path != configurationPage {
				t.Errorf("%s has %d times %q in English and %d in Chinese", p.path, a, what, b)
			}
		}
	}
	for path := range chinese {
		t.Errorf("%s is there in Chinese alone", path)
	}
}

// The command that people are told to test with is the one that is run by
// .ci/run, which takes it from here.
func TestReadmeTestCommand(t *testing.T) {
	for _, file := range []string{"README.md", "README.zh-CN.md"} {
		var commands []string
		for _, block := range blocks(repositoryFile(t, file), "sh") {
			for line := range strings.Lines(block) {
				if strings.HasPrefix(line, "go test") {
					commands = append(commands, strings.TrimSpace(line))
				}
			}
		}
		if !slices.Equal(commands, []string{"go test ./..."}) {
			t.Errorf("%s tells to test with %q", file, commands)
		}
	}
	script := repositoryFile(t, ".ci/run")
	if !strings.Contains(script, "README.md") || !bytes.Contains([]byte(script), []byte(`/^go test/`)) {
		t.Error(".ci/run does not take the test command from README.md")
	}
}

var taggedRow = regexp.MustCompile(`(?m)^\t"([a-z]+)\|`)

// Who changes the program learns of every tag that CI knows.
func TestContributingNamesTheTags(t *testing.T) {
	text := repositoryFile(t, "CONTRIBUTING.md")
	rows := taggedRow.FindAllStringSubmatch(repositoryFile(t, ".ci/run"), -1)
	if len(rows) < 10 {
		t.Errorf("only %d rows were found in .ci/run", len(rows))
	}
	for _, row := range rows {
		if !strings.Contains(text, "`"+row[1]+"`") {
			t.Errorf("CONTRIBUTING.md does not name the tag %s", row[1])
		}
	}
}
