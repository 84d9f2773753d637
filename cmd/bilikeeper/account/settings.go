package account

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func accountCommand(env *cli.Env) *cobra.Command {
	return cli.Group("account", "Show and change an account's settings", `Shows and changes the settings of one account. The keeper keeps them beside the
credential. What the configuration file says of an account in [[account]] wins,
and cannot be set here.`, &cobra.Command{
		Use:               "show NAME",
		Short:             "Show when an account is checked, its tags, and whether it is paused",
		Args:              cli.Accounts(1, 1),
		ValidArgsFunction: cli.CompleteAccounts(env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			acc, err := env.Client().Account(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return env.Show(acc, func() { env.Print("%s", settingsTable(acc, env.Out(), time.Now())) })
		},
	}, setCommand(env))
}

func setCommand(env *cli.Env) *cobra.Command {
	var schedule string
	var tags []string
	var pause, resume bool
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change when an account is checked, its tags, or whether it is paused",
		Long: `Changes when an account is checked, its tags, or whether it is paused. A setting
whose flag is not given stays as it is.

A paused account is left alone: it is not checked, refreshed or logged in to by
itself. bilikeeper check, refresh and login do so all the same, and get goes on
handing out its credential.`,
		Example: `  bilikeeper account set main --schedule "@every 2h"
  bilikeeper account set main --tags recorders,downloaders
  bilikeeper account set main --pause`,
		Args:              cli.Accounts(1, 1),
		ValidArgsFunction: cli.CompleteAccounts(env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var patch client.AccountPatch
			if cmd.Flags().Changed("schedule") {
				patch.Schedule = &schedule
			}
			if cmd.Flags().Changed("tags") {
				list := []string{}
				for _, tag := range tags {
					list = append(list, strings.TrimSpace(tag))
				}
				patch.Tags = &list
			}
			switch {
			case pause && resume:
				return cli.Fail(cli.ExitUsage, "", "--pause and --resume cannot both be meant")
			case pause || resume:
				patch.Paused = &pause
			case patch == client.AccountPatch{}:
				return cli.Fail(cli.ExitUsage, "add --schedule, --tags, --pause or --resume", "there is nothing to set")
			}
			acc, err := env.Client().Patch(cmd.Context(), args[0], patch)
			if err != nil {
				return err
			}
			return env.Show(acc, func() { env.Print("%s", settingsTable(acc, env.Out(), time.Now())) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&schedule, "schedule", "", "when it is checked, as in check.schedule; empty is that of all accounts")
	f.StringSliceVar(&tags, "tags", nil, "its `tags`, with commas between them; empty is none")
	f.BoolVar(&pause, "pause", false, "leave the account alone")
	f.BoolVar(&resume, "resume", false, "go on with it")
	cli.OneOf(cmd, "schedule", "@every 4h", "@every 8h", "@daily", "0 4,16 * * *")
	cli.TagFlag(env, cmd, "tags")
	return cmd
}

// settingsTable is what people can set of an account, and what follows from it.
func settingsTable(acc client.Account, out cli.Screen, now time.Time) string {
	return out.Pairs([][]string{
		{out.Text("account"), acc.Name},
		{out.Text("schedule"), acc.Schedule},
		{out.Text("tags"), cli.Dash(strings.Join(acc.Tags, ", "))},
		{out.Text("paused"), yes(acc.Paused, out)},
		{out.Text("next"), next(acc, out, now)},
	})
}
