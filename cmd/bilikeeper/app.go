package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// The exit codes. Scripts rely on them; they never change.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2 // wrong usage or configuration
	exitNoKeeper     = 3 // no keeper answers on the socket
	exitNoAccount    = 4
	exitNeedsLogin   = 5
	exitSiteAway     = 6 // the site is blocking or unreachable; nothing is lost
	exitNotPermitted = 7
	// exitConfiguration is the daemon's where its configuration is wrong. It is
	// none that a program ends with that crashes, so that a service manager can
	// tell what trying again does not mend.
	exitConfiguration = 78
)

// app is what a command works with.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string

	flags config.Flags
	json  bool
	// keeper is made when a command first asks for it.
	keeper *client.Client
	// qrFile is where login keeps the code's picture, "" for nowhere.
	qrFile string
	// ran is true once a command's own code began; an error before is a mistake
	// in the command line.
	ran bool
}

// failure is an error with the exit code and the hint that go with it.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(code int, hint, format string, args ...any) error {
	return &failure{code: code, hint: hint, err: fmt.Errorf(format, args...)}
}

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, a *app, args []string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := &written{Writer: a.stdout}
	a.stdout = out
	root := a.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if out.err != nil && (err == nil || errors.Is(err, out.err)) {
		err = unwritten(out.err)
	}
	if err == nil {
		return exitDone
	}
	return a.report(err)
}

// report prints an error and returns its exit code.
func (a *app) report(err error) int {
	f := a.judge(err)
	if f.err != nil && f.err.Error() != "" {
		for _, line := range strings.Split(strings.TrimRight(f.err.Error(), "\n"), "\n") {
			fmt.Fprintf(a.stderr, "bilikeeper: error: %s\n", line)
		}
	}
	if f.hint != "" {
		fmt.Fprintf(a.stderr, "bilikeeper: hint: %s\n", f.hint)
	}
	return f.code
}

// judge finds the exit code and the hint of an error.
func (a *app) judge(err error) *failure {
	var f *failure
	var p *client.Problem
	var c *config.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &p):
		return &failure{code: problemCode(p.Type), err: err, hint: p.Hint}
	case errors.As(err, &c):
		return &failure{code: exitUsage, err: err}
	case errors.Is(err, client.ErrNoKeeper):
		return &failure{code: exitNoKeeper, err: err, hint: "start one: bilikeeper daemon, or as a service: bilikeeper service install && bilikeeper service start"}
	case errors.Is(err, client.ErrNoPermission):
		return &failure{code: exitNotPermitted, err: err, hint: "the socket belongs to another user; its owner can let you in with a [[control.allow]] entry" + forMe()}
	case errors.Is(err, context.Canceled):
		return &failure{code: exitFailed, err: errors.New("interrupted")}
	case !a.ran:
		return &failure{code: exitUsage, err: err, hint: "bilikeeper help lists the commands; bilikeeper help COMMAND shows one"}
	}
	return &failure{code: exitFailed, err: err}
}

func problemCode(kind string) int {
	switch kind {
	case client.ProblemNoAccount:
		return exitNoAccount
	case client.ProblemNeedsLogin:
		return exitNeedsLogin
	case client.ProblemSiteAway:
		return exitSiteAway
	case client.ProblemNotPermitted:
		return exitNotPermitted
	case client.ProblemBadRequest, client.ProblemNoChannel:
		return exitUsage
	}
	return exitFailed
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "bilikeeper",
		Short: "Keeps Bilibili logins alive and hands them to the tools that need them",
		Long: `bilikeeper keeps Bilibili logins alive and hands them to the tools that need them.

A keeper runs in the background (bilikeeper daemon, or as a service). It asks
the site now and then whether each account is still logged in. When a login has
died it starts a new one by itself and sends the QR code to your phone or
desktop. Recorders and downloaders get the fresh cookies with bilikeeper get.

Begin with:  bilikeeper demo
             bilikeeper daemon        (in one terminal)
             bilikeeper login main    (in another)
             bilikeeper get main

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 no keeper
answers, 4 no such account, 5 the account needs a login, 6 the site is blocking
or unreachable (nothing is lost), 7 not permitted; daemon ends with 78 where its
configuration is wrong.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
		Args:          subcommandOnly,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRun: func(*cobra.Command, []string) {
			a.ran = true
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetVersionTemplate("bilikeeper {{.Version}}\n")
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(badFlag)
	f := root.PersistentFlags()
	f.StringVar(&a.flags.Config, "config", "", "configuration `file`")
	f.StringVar(&a.flags.Socket, "socket", "", "the keeper's control socket (`path`)")
	f.BoolVar(&a.json, "json", false, "machine-readable output on stdout")
	root.AddCommand(
		a.daemonCommand(), a.demoCommand(), a.loginCommand(), a.statusCommand(), a.checkCommand(),
		a.getCommand(), a.execCommand(), a.refreshCommand(), a.reloadCommand(), a.importCommand(), a.logoutCommand(), a.forgetCommand(), a.waitCommand(), a.eventsCommand(), a.notifyCommand(), a.outputCommand(), a.agentCommand(),
		a.vaultCommand(), a.configCommand(), a.doctorCommand(), a.serviceCommand(), a.versionCommand(),
	)
	return root
}

// printJSON writes one document, indented for a person who looks at it.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// streamJSON writes one object on one line.
func (a *app) streamJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// say writes a line for people, who read stderr when stdout is data.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.stderr, format+"\n", args...)
}
