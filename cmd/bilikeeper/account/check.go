package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/periodic"
)

func checkCommand(env *cli.Env) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "check [ACCOUNT...]",
		Short: "Ask the site now whether the sessions live",
		Long: `Asks the site now whether the sessions live; all accounts when none is named.

When the site denies a session, it is asked a second time after
check.confirm_after before anybody believes it, and the command waits for that.
Several accounts are asked about side by side, and shown as the answers come.
While the site is to be left alone the command answers 6 without asking.`,
		ValidArgsFunction: cli.CompleteAccounts(env, -1),
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

// sideBySide bounds how many accounts are asked about at the same time. The keeper
// itself bounds what it asks of the site, and writes together what is answered at the same
// time; the longest check is the wait for the second question about a session that was denied.
const sideBySide = 64

// checked is what came of asking about one account.
type checked struct {
	index  int
	result client.CheckResult
	err    error
}

// checkEach asks about the accounts side by side and shows each answer when it
// comes; as JSON they are one document, in the order asked. The worst outcome
// decides the exit code.
func checkEach(cmd *cobra.Command, env *cli.Env, names []string, force bool) error {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	results, failures := make([]*client.CheckResult, len(names)), make([]*cli.Failure, len(names))
	var failed error
	for one := range askEach(ctx, env, names, force) {
		name := names[one.index]
		var p *client.Problem
		switch {
		case errors.As(one.err, &p) && len(names) > 1:
			env.SayError(fmt.Errorf("%s: %w", name, one.err))
			failures[one.index] = cli.Exit(cli.ProblemCode(p), "")
		case one.err != nil:
			if failed == nil {
				failed = one.err
			}
			cancel()
		default:
			results[one.index] = &one.result
			if !env.JSON {
				printCheck(env, one.result)
			}
			failures[one.index] = outcome(one.result)
		}
	}
	if failed != nil {
		return failed
	}
	return checkEnd(env, results, failures)
}

// checkEnd shows the document that all answers make, and decides the exit code.
func checkEnd(env *cli.Env, results []*client.CheckResult, failures []*cli.Failure) error {
	var worst *cli.Failure
	for _, f := range failures {
		worst = worse(worst, f)
	}
	answers, dead := []client.CheckResult{}, []string{}
	for _, r := range results {
		if r != nil {
			answers = append(answers, *r)
		}
		if r != nil && r.Outcome == client.CheckDead {
			dead = append(dead, "bilikeeper login "+r.Account.Name)
		}
	}
	if err := env.Show(map[string]any{"checks": answers}, func() {}); err != nil || worst == nil {
		return err
	}
	if worst.Code == cli.ExitNeedsLogin && len(dead) > 0 {
		worst.Hint = cli.Format("log in again: %s", strings.Join(dead, "; "))
	}
	return worst
}

// askEach gives the answers as they come, and closes the channel after the last.
func askEach(ctx context.Context, env *cli.Env, names []string, force bool) <-chan checked {
	answers := make(chan checked)
	places := make(chan struct{}, sideBySide)
	var asking sync.WaitGroup
	for i, name := range names {
		asking.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			stop := sayDoubt(ctx, env, name)
			r, err := env.Client().Check(ctx, name, force)
			stop()
			answers <- checked{i, r, err}
		})
	}
	go func() {
		asking.Wait()
		close(answers)
	}()
	return answers
}

// asksAgain is the keeper's word for the second question.
const asksAgain = "confirm_death"

// doubtAfter is how long a check takes that is not just answered.
const doubtAfter = time.Second

// sayDoubt says of a check that goes on, once, that the site has denied the session
// and when it is asked again. What it returns ends that.
func sayDoubt(ctx context.Context, env *cli.Env, name string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var saying sync.WaitGroup
	saying.Go(func() {
		for range periodic.Each(ctx, doubtAfter) {
			acc, err := env.Client().Account(ctx, name)
			if err == nil && acc.Next != nil && acc.Next.Action == asksAgain {
				wait := max(time.Until(acc.Next.At), 0).Round(time.Second)
				env.Say("%s: the site denied the session; it is asked again in %.0f s", name, wait.Seconds())
				return
			}
		}
	})
	return func() {
		cancel()
		saying.Wait()
	}
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
		line += out.Text("; not asked this time, the site is left alone until %s", r.Account.BlockedUntil.Local().Format("15:04:05 MST"))
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
