package account

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func logoutCommand(env *cli.Env) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:               "logout ACCOUNT",
		Short:             "End the session at the site, then forget the account",
		Args:              cli.Accounts(1, 1),
		ValidArgsFunction: cli.CompleteAccounts(env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := env.Confirm(cmd.Context(), yes, "Log %s out at the site and forget it here?", args[0]); err != nil {
				return err
			}
			r, err := env.Client().Logout(cmd.Context(), args[0])
			var p *client.Problem
			if err != nil {
				if errors.As(err, &p) && p.Type == client.ProblemSiteAway {
					return &cli.Failure{Code: cli.ExitSiteAway, Err: err, Hint: cli.Format("nothing was changed; bilikeeper forget %s removes it here without asking the site", args[0])}
				}
				return err
			}
			return env.Show(r, func() {
				if r.Ended {
					env.Say("%s is logged out at the site and forgotten here.", r.Account)
				} else {
					env.Say("%s is forgotten here; %s.", r.Account, cli.Format(r.Detail))
				}
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func forgetCommand(env *cli.Env) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:               "forget ACCOUNT",
		Short:             "Remove an account from the keeper; its session at the site lives on",
		Args:              cli.Accounts(1, 1),
		ValidArgsFunction: cli.CompleteAccounts(env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := env.Confirm(cmd.Context(), yes, "Forget %s here? Its credential is removed; the session at the site lives on.", args[0]); err != nil {
				return err
			}
			if err := env.Client().Forget(cmd.Context(), args[0]); err != nil {
				return err
			}
			return env.Show(map[string]any{"account": args[0], "forgotten": true}, func() {
				env.Say("%s is forgotten here. Its session at the site lives on until it expires.", args[0])
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
