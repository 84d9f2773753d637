// Package root puts the tree of commands together, for the program itself and for
// what describes its commands: the manual's pages, the shells' completions and the
// tests of the documentation.
//
// It names the groups of commands and nothing more; what a command does belongs to
// its group.
package root

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/account"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/agentcmd"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/configcmd"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/delivery"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/demo"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/journal"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/pagecmd"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/servicecmd"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/setup"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/vaultcmd"
)

// Command is bilikeeper with all its commands.
func Command(env *cli.Env) *cobra.Command {
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
		demo.Commands(env), journal.Commands(env), pagecmd.Commands(env), servicecmd.Commands(env), vaultcmd.Commands(env),
		setup.Commands(env, setup.Parts{Install: servicecmd.Install, Control: servicecmd.Control, Service: servicecmd.Service, Login: account.LogIn}),
	)...)
	return root
}
