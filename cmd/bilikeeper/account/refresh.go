package account

import (
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func refreshCommand(env *cli.Env) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "refresh ACCOUNT",
		Short: "Rotate the credential now, if the site says that it is due",
		Long: `Rotates the credential now, if the site says that it is due. The keeper does so by
itself; this is for those who do not want to wait.

The old credential works until the new one is saved, proven and handed out, and
for a moment longer. A failure at any step leaves one of them in use.`,
		Args:              cli.Accounts(1, 1),
		ValidArgsFunction: cli.CompleteAccounts(env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := env.Client().Refresh(cmd.Context(), args[0], force)
			if err != nil {
				return err
			}
			text, failure := refreshed(r, env.Out())
			err = env.Show(r, func() { env.Print("%s: %s\n", r.Account.Name, text) })
			if err == nil && failure != nil {
				return failure
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "rotate even if it is not due; at most limits.refreshes_per_hour times")
	return cmd
}

// refreshed says what came of a refresh, and what the command ends with.
func refreshed(r client.RefreshResult, out cli.Screen) (string, *cli.Failure) {
	switch r.Outcome {
	case client.RefreshDone:
		text := out.Text("refreshed, generation %d", r.Account.Generation)
		if r.Account.PendingConfirm {
			text += out.Text("; the site is yet to be told that the old one is no longer used")
		}
		return out.Paint(cli.Green, text), nil
	case client.RefreshNotDue:
		return out.Text("not due; --force rotates all the same"), nil
	case client.RefreshImpossible:
		failure := cli.Exit(cli.ExitNeedsLogin, "")
		failure.Hint = cli.Format("log in again: bilikeeper login %s", r.Account.Name)
		return out.Paint(cli.Red, out.Told(r.Detail)), failure
	}
	return out.Paint(cli.Yellow, out.Text("not refreshed: %s", cli.Format(r.Detail))), cli.Exit(cli.ExitSiteAway, "nothing is lost; the credential in use goes on working")
}
