// Command bilikeeper keeps Bilibili logins alive and hands them, fresh, to the
// tools that need them.
//
// This package puts the tree of commands together and ends with an exit code;
// the packages below it are a group of commands each, on what package cli gives
// them. A command parses, calls the keeper over its socket and prints. No rule of
// the keeper may come in, and no group uses another: what two groups need is in
// cli or handed in here.
//
// What it guarantees stands with package cli: what goes to stdout and to stderr,
// what an error looks like, what each exit code means. Colour is used on a
// terminal only, and never with NO_COLOR.
package main

import (
	"context"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/account"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/agentcmd"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/configcmd"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/delivery"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/demo"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/journal"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/servicecmd"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/setup"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/vaultcmd"
)

// version is set by the build of a release.
var version = "dev"

func main() {
	env := &cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Version: version}
	os.Exit(env.Execute(context.Background(), tree(env), os.Args[1:]))
}

// tree is all commands.
func tree(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "bilikeeper",
		Short: "Keeps Bilibili logins alive and hands them to the tools that need them",
		Long: `bilikeeper keeps Bilibili logins alive and hands them to the tools that need them.

A keeper runs in the background (bilikeeper daemon, or as a service). It asks
the site now and then whether each account is still logged in. When a login has
died it starts a new one by itself and sends the QR code to your phone or
desktop. Recorders and downloaders get the fresh cookies with bilikeeper get.

Begin with:  bilikeeper demo
             bilikeeper setup         (asks, step by step, and does it)
or:          bilikeeper daemon        (in one terminal)
             bilikeeper login main    (in another)
             bilikeeper get main

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 no keeper
answers, 4 no such account, 5 the account needs a login, 6 the site is blocking
or unreachable (nothing is lost), 7 not permitted; daemon ends with 78 where its
configuration is wrong.`,
	}
	env.Prepare(root)
	root.AddCommand(slices.Concat(
		account.Commands(env), agentcmd.Commands(env), configcmd.Commands(env, servicecmd.Examine), delivery.Commands(env),
		demo.Commands(env), journal.Commands(env), servicecmd.Commands(env), vaultcmd.Commands(env),
		setup.Commands(env, setup.Parts{Install: servicecmd.Install, Control: servicecmd.Control, Service: servicecmd.Service, Login: account.LogIn}),
	)...)
	return root
}
