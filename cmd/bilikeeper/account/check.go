package account

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func checkCommand(env *cli.Env) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "check [ACCOUNT...]",
		Short: "Ask the site now whether the sessions live",
		Long: `Asks the site now whether the sessions live; all accounts when none is named.

When the site denies a session, it is asked a second time after
check.confirm_after before anybody believes it, and the command waits for that.
While the site is to be left alone the command answers 6 without asking.`,
		ValidArgsFunction: env.CompleteAccounts(-1),
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				accounts, err := env.Client().Accounts(cmd.Context())
				if err != nil {
					return err
				}
				for _, acc := range accounts {
					if acc.State != client.StateNew {
						names = append(names, acc.Name)
					}
				}
			}
			return checkEach(cmd, env, names, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "ask even while the site is to be left alone")
	return cmd
}

// checkEach checks one account after the other: the site is asked by one
// request at a time anyway. The worst outcome decides the exit code.
func checkEach(cmd *cobra.Command, env *cli.Env, names []string, force bool) error {
	results := []client.CheckResult{}
	var worst *cli.Failure
	var dead []string
	for _, name := range names {
		r, err := env.Client().Check(cmd.Context(), name, force)
		var p *client.Problem
		switch {
		case errors.As(err, &p) && len(names) > 1:
			env.SayError(fmt.Errorf("%s: %w", name, err))
			worst = worse(worst, cli.Exit(cli.ProblemCode(p), ""))
			continue
		case err != nil:
			return err
		}
		results = append(results, r)
		if !env.JSON {
			printCheck(env, r)
		}
		if r.Outcome == client.CheckDead {
			dead = append(dead, "bilikeeper login "+r.Account.Name)
		}
		worst = worse(worst, outcome(r))
	}
	if err := env.Show(map[string]any{"checks": results}, func() {}); err != nil || worst == nil {
		return err
	}
	if worst.Code == cli.ExitNeedsLogin && len(dead) > 0 {
		worst.Hint = cli.Format("log in again: %s", strings.Join(dead, "; "))
	}
	return worst
}

func printCheck(env *cli.Env, r client.CheckResult) {
	out := env.Out()
	colour := map[string]string{client.CheckOK: cli.Green, client.CheckDead: cli.Red}[r.Outcome]
	if colour == "" {
		colour = cli.Yellow
	}
	line := fmt.Sprintf("%s: %s", r.Account.Name, out.Paint(colour, r.Outcome))
	if r.Detail != "" {
		line += out.Text(" (%s)", out.Told(r.Detail))
	}
	if !r.Asked && r.Account.BlockedUntil != nil {
		line += out.Text("; not asked this time, the site is left alone until %s", r.Account.BlockedUntil.Local().Format("15:04:05"))
	}
	env.Print("%s\n", line)
}

// outcome turns a check's outcome into the exit code that goes with it. What
// there is to say was printed already.
func outcome(r client.CheckResult) *cli.Failure {
	switch {
	case r.Outcome == client.CheckOK:
		return nil
	case r.Outcome == client.CheckDead:
		return cli.Exit(cli.ExitNeedsLogin, "")
	case !r.Asked:
		return cli.Exit(cli.ExitSiteAway, "--force asks all the same")
	}
	return cli.Exit(cli.ExitSiteAway, "")
}

// worse keeps the failure that matters more: a dead session before a site that
// does not answer, and anything before nothing.
func worse(a, b *cli.Failure) *cli.Failure {
	if a == nil || b != nil && a.Code == cli.ExitSiteAway {
		return b
	}
	return a
}
