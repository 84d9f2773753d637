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
)

// The README is part of what the program promises. These tests fail where it
// names what does not exist, or leaves out what does.

func readmes(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range []string{"README.md", "README.zh-CN.md"} {
		texts[name] = repositoryFile(t, name)
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

func TestReadmeCommandsExist(t *testing.T) {
	for name, text := range readmes(t) {
		found := 0
		for _, block := range blocks(text, "sh") {
			for line := range strings.Lines(block) {
				for _, m := range ourCommands.FindAllStringSubmatch(line, -1) {
					if strings.HasPrefix(line, "go build") || strings.Contains(m[1], "/usr/local/bin") {
						continue
					}
					found++
					checkCommand(t, name, strings.Fields(m[1]))
				}
			}
		}
		if found < 15 {
			t.Errorf("%s: only %d commands were found in its code blocks", name, found)
		}
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

func TestReadmeNamesEveryCommandAndFlag(t *testing.T) {
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
	for file, text := range readmes(t) {
		for _, name := range names {
			if !regexp.MustCompile("`(?:[a-z]+ )?" + name + "[` ]").MatchString(text) {
				t.Errorf("%s does not mention the command %s", file, name)
			}
		}
	}
}

// keyLine is a key of the example, commented out or not.
var keyLine = regexp.MustCompile(`^#?([a-z_]+) = `)

func TestReadmeNamesEveryKeyWithItsDefault(t *testing.T) {
	example := string(config.Example(daemon.Checks().Channels))
	var defaults map[string]any
	if err := toml.Unmarshal([]byte(example), &defaults); err != nil {
		t.Fatal(err)
	}
	for file, text := range readmes(t) {
		table := ""
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
					t.Errorf("%s does not mention %s of %s", file, m[1], table)
				}
			default:
				key := m[1]
				if table != "" {
					key = strings.Trim(table, "[]") + "." + key
				}
				row := "| `" + key + "` | `" + strings.TrimPrefix(line, m[1]+" = ") + "` |"
				if !strings.Contains(text, row) {
					t.Errorf("%s has no row %s", file, row)
				}
			}
		}
	}
}

// The configuration that the README shows has to be taken.
func TestReadmeConfigurationIsValid(t *testing.T) {
	for file, text := range readmes(t) {
		found := blocks(text, "toml")
		if len(found) < 3 {
			t.Errorf("%s shows %d pieces of configuration", file, len(found))
		}
		for _, block := range found {
			if _, err := config.Parse([]byte(block), file, daemon.Checks()); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestReadmeNamesStatesProblemsAndEvents(t *testing.T) {
	words := []string{
		client.StateNew, client.StateValid, client.StateNeedsLogin, client.StateLoggingIn,
		client.CheckOK, client.CheckDead, client.CheckUnreachable, client.CheckBlocked,
		client.ProblemNoAccount, client.ProblemNoLogin, client.ProblemNoChannel, client.ProblemNeedsLogin,
		client.ProblemSiteAway, client.ProblemNotPermitted, client.ProblemBadRequest, client.ProblemNotFound,
		client.ProblemMethod, client.ProblemBusy, client.ProblemFellOut, client.ProblemStorage, client.ProblemInternal,
		client.EventAccountAdded, client.EventAccountRemoved, client.EventCheckOK, client.EventCheckDead,
		client.EventLoginScanned, client.EventCredentialRead, client.EventNotifyDelivered, client.EventNotifyFailed,
	}
	words = append(words, config.DefaultEvents()...)
	for file, text := range readmes(t) {
		for _, word := range words {
			if !strings.Contains(text, "`"+word+"`") {
				t.Errorf("%s does not mention %s", file, word)
			}
		}
	}
}

// Both languages show the same commands and configuration.
func TestReadmesAgree(t *testing.T) {
	texts := readmes(t)
	for _, language := range []string{"sh", "toml", "ini"} {
		english, chinese := blocks(texts["README.md"], language), blocks(texts["README.zh-CN.md"], language)
		if !slices.Equal(english, chinese) {
			t.Errorf("the %s blocks differ:\n%s\n---\n%s", language, strings.Join(english, "\n"), strings.Join(chinese, "\n"))
		}
	}
	if a, b := strings.Count(texts["README.md"], "\n## "), strings.Count(texts["README.zh-CN.md"], "\n## "); a != b {
		t.Errorf("there are %d sections in English and %d in Chinese", a, b)
	}
}

// The command that people are told to test with is the one that is run by
// .ci/run, which takes it from here.
func TestReadmeTestCommand(t *testing.T) {
	for file, text := range readmes(t) {
		var commands []string
		for _, block := range blocks(text, "sh") {
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
