package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func waitCommand(env *cli.Env) *cobra.Command {
	states := []string{client.StateNew, client.StateValid, client.StateNeedsLogin, client.StateLoggingIn}
	var wanted string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:               "wait ACCOUNT",
		Short:             "Wait until an account is in a state, for scripts",
		Args:              cli.Accounts(1, 1),
		ValidArgsFunction: cli.CompleteAccounts(env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(states, wanted) {
				return cli.Fail(cli.ExitUsage, "", "--for %q is not a state: there are %s", wanted, strings.Join(states, ", "))
			}
			acc, err := waitFor(cmd.Context(), env.Client(), args[0], wanted, timeout)
			if err != nil {
				return err
			}
			return env.Show(acc, func() { env.Say("%s is %s", acc.Name, acc.State) })
		},
	}
	cmd.Flags().StringVar(&wanted, "for", client.StateValid, "new, valid, needs_login or logging_in")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this long (0 = never)")
	cli.OneOf(cmd, "for", states...)
	cli.OneOf(cmd, "timeout", "1m", "10m", "1h")
	return cmd
}

// waitFor waits until an account is in a state. It follows the events, and
// looks anew at the account at each of them: the events say when, the account
// says what. An account or a keeper that is not there yet is waited for too.
func waitFor(ctx context.Context, c *client.Client, name, state string, timeout time.Duration) (client.Account, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	for {
		acc, err := c.Account(ctx, name)
		if err == nil && in(acc, state) {
			return acc, nil
		}
		if err != nil && !passing(err) && ctx.Err() == nil {
			return acc, err
		}
		nextEvent(ctx, c)
		if ctx.Err() != nil {
			return acc, waitedInVain(ctx, name, state, acc, err)
		}
	}
}

// in reports whether an account is in a state. One whose session died needs a
// login while the keeper's own is under way, too: that begins at once, and the
// moment between would be missed.
func in(acc client.Account, state string) bool {
	dead := acc.State == client.StateLoggingIn && acc.Generation > 0
	return acc.State == state || state == client.StateNeedsLogin && dead
}

// passing reports whether an error may go away by waiting.
func passing(err error) bool {
	return errors.Is(err, client.ErrNoKeeper) || errors.Is(err, client.ErrBroken) ||
		errors.Is(err, &client.Problem{Type: client.ProblemNoAccount})
}

// nextEvent returns at the next event, or after a second: an event between the
// look at the account and the begin of the stream would be missed otherwise.
func nextEvent(ctx context.Context, c *client.Client) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := c.Watch(ctx, client.WatchQuery{After: client.Live}, func(client.Event) error { return errSeen })
	if err != nil && !errors.Is(err, errSeen) {
		<-ctx.Done()
	}
}

var errSeen = errors.New("an event came")

func waitedInVain(ctx context.Context, name, state string, acc client.Account, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	code, hint := cli.ExitFailed, cli.Format("")
	if acc.State == client.StateNeedsLogin {
		code, hint = cli.ExitNeedsLogin, cli.Format("log in again: bilikeeper login %s", name)
	}
	return cli.FailWith(code, hint, "%s is %s, not %s", name, acc.State, state)
}
