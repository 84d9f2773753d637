// Package cli is what every group of commands works with: the streams, the
// flags that all commands share, the connection to the keeper, and the way in
// which texts, JSON and failures reach people and scripts.
//
// What belongs to one group of commands may not come in, and nothing that
// decides anything about an account or a vault.
//
// What the package guarantees:
//
//   - Data goes to stdout, everything else to stderr. With --json stdout holds
//     one JSON document, or one JSON object a line where a command streams.
//   - Every text passes through Print, Say, Warn, Fail, Text or the help of the
//     tree, in English, and is put into the language of the person there. JSON,
//     names, exit codes and the log stay as they are.
//   - An error is one line, "bilikeeper: error: …", followed where possible by
//     "bilikeeper: hint: …", which says what to do. Its exit code is one of
//     those below, or that of a program which a command runs.
//   - Output that could not be written ends the command with 1.
//   - What cannot be undone is asked about at a terminal.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Env is what a command works with.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	// Version and Commit are what the program was built from; Commit is "" where
	// the build did not say.
	Version, Commit string
	// Stores are what this program can keep accounts in, beside a file.
	Stores parts.Stores
	// StoreDoctor looks at a store that is no file, by what the environment has to open
	// it; nil where this program keeps accounts in a file alone.
	StoreDoctor func(vault.Keys) doctor.StoreLooker

	// Events, where there are any, take the log in the place of Stderr.
	Events zerolog.LevelWriter

	// Flags and JSON are the flags that every command has.
	Flags config.Flags
	JSON  bool
	// MakesConfig is set by a command that writes the configuration: one that is not
	// there yet is then no fault.
	MakesConfig bool

	// connecting is held while the connection is made, when a command first asks for
	// it, perhaps from several goroutines. places are those that it was made of.
	connecting sync.Mutex
	keeper     *client.Client
	places     config.Places
	// work is what is under way and shown, nil where nothing is.
	work *work
	// ran is true once a command's own code began; an error before is a mistake
	// in the command line.
	ran bool
	// args are the command line's, without the program.
	args []string
	// unwritten is the first failure of a write to stdout: a full disk, a closed
	// pipe. The command does not end then as if all were well.
	unwritten error

	language struct {
		once  sync.Once
		found Language
	}
	// spoke is true where the texts of the tree are in that language.
	spoke bool
}

// Execute runs a command line on the tree of commands below root and returns
// the exit code.
func (e *Env) Execute(ctx context.Context, root *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	e.args = args
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if e.unwritten != nil && (err == nil || errors.Is(err, e.unwritten)) {
		err = unwritten(e.unwritten)
	}
	if err == nil {
		return ExitDone
	}
	return e.Report(err)
}

// Prepare makes a command the root of a tree that works with this Env.
func (e *Env) Prepare(root *cobra.Command) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = e.Version
	root.Args = subcommandOnly
	root.RunE = help
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		e.ran = true
		if cmd.Name() == cobra.ShellCompRequestCmd {
			speak(e, root)
		}
	}
	root.SetHelpFunc(helper(e, root))
	root.SetVersionTemplate("bilikeeper {{.Version}}\n")
	root.SetIn(e.Stdin)
	root.SetOut(e)
	root.SetErr(e.Stderr)
	root.SetFlagErrorFunc(badFlag)
	f := root.PersistentFlags()
	f.StringVar(&e.Flags.Config, "config", "", "configuration `file`")
	f.StringVar(&e.Flags.Socket, "socket", "", "the keeper's control socket (`path`)")
	f.BoolVar(&e.JSON, "json", false, "machine-readable output on stdout")
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	FileFlag(root, "config", "socket")
}

// Show prints an answer: v as a JSON document with --json, else what text
// prints. It returns the first failure of a write to stdout.
func (e *Env) Show(v any, text func()) error {
	if !e.JSON {
		text()
		return e.unwritten
	}
	j := json.NewEncoder(e)
	j.SetIndent("", "  ")
	j.SetEscapeHTML(false)
	return j.Encode(v)
}

// Stream prints one object on one line.
func (e *Env) Stream(v any) error {
	j := json.NewEncoder(e)
	j.SetEscapeHTML(false)
	return j.Encode(v)
}

// Print writes a text to stdout. The error need not be looked at where the
// command ends anyway: Execute reports it.
func (e *Env) Print(format string, args ...any) error {
	_, err := io.WriteString(e, e.Language().Text(format, args...))
	return err
}

// Write writes to stdout and keeps the first failure.
func (e *Env) Write(p []byte) (int, error) {
	n, err := e.Stdout.Write(p)
	if e.unwritten == nil {
		e.unwritten = err
	}
	return n, err
}

// Say writes a line for people, who read stderr when stdout is data.
func (e *Env) Say(format string, args ...any) {
	_, _ = io.WriteString(e.Stderr, e.Screen(e.Stderr).Fold(e.Language().Text(format, args...), 0)+"\n")
}

// Warn says what may not be meant, and does not keep the command from going on.
func (e *Env) Warn(format string, args ...any) {
	remark(e, journal.PriWarning, "bilikeeper: warning: %s", e.Language().Text(format, args...))
}

// remark says a text behind what it is, with its priority where the journal reads it.
func remark(e *Env, p journal.Priority, what, text string) {
	const indent = 2
	line := Hang(e.Language().Text(what, ""), text, e.Screen(e.Stderr).Width, indent) + "\n"
	if journalReads(e.Stderr) {
		line = mark(p) + line
	}
	_, _ = io.WriteString(e.Stderr, line)
}

// Systemd is what that service manager is called among the groups of commands.
const Systemd = "systemd"

// Program is the path of this program, for what is to start it again: the one by
// which it was called, where that leads to the same file. A link that an update
// moves on is worth more than what it led to on the day.
func Program() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	if called := calledAs(os.Args[0]); called != "" && sameFile(called, path) {
		return called, nil
	}
	return filepath.EvalSymlinks(path)
}

func calledAs(name string) string {
	if !strings.ContainsRune(name, filepath.Separator) {
		found, err := exec.LookPath(name)
		if err != nil {
			return ""
		}
		name = found
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return ""
	}
	return path
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}
