package account

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// selection says whose credential a command is to have: that of an account, or
// of one of the accounts with a tag.
type selection struct {
	account       string
	tag, strategy string
	wait          waitFlag
}

func (s *selection) flags(env *cli.Env, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.tag, "tag", "", "take one of the accounts with this `tag`, one that lives")
	f.StringVar(&s.strategy, "strategy", client.StrategyRoundRobin, "with --tag: round-robin or random")
	f.Var(&s.wait, "wait", "wait for a living session, as --wait=10m for no longer than that")
	f.Lookup("wait").NoOptDefVal = forever
	cli.TagFlag(env, cmd, "tag")
	cli.OneOf(cmd, "wait", "1m", "10m", "1h")
	cli.OneOf(cmd, "strategy", client.StrategyRoundRobin, client.StrategyRandom)
}

// offer is what the shell offers: an account, then a program, then files.
func (s *selection) offer(env *cli.Env) cobra.CompletionFunc {
	accounts := cli.CompleteAccounts(env, 1)
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		names := 1
		if s.tag != "" {
			names = 0
		}
		switch len(args) - names {
		case -1:
			return accounts(cmd, args, typed)
		case 0:
			return cli.Programs(env, typed), cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
}

// arguments wants an account's name, which a tag replaces, and then least words
// more; where that is none, nothing may follow.
func (s *selection) arguments(least int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		names := 1
		if s.tag != "" {
			names = 0
		}
		usage := cli.Usage(cmd)
		switch {
		case s.tag == "" && cmd.Flags().Changed("strategy"):
			return cli.Fail(cli.ExitUsage, "add --tag TAG", "--strategy chooses among the accounts with a tag")
		case s.strategy != client.StrategyRoundRobin && s.strategy != client.StrategyRandom:
			return cli.Fail(cli.ExitUsage, "", "--strategy %q is not known: there are %s and %s", s.strategy, client.StrategyRoundRobin, client.StrategyRandom)
		case len(args) < names:
			return cli.FailWith(cli.ExitUsage, usage, "%s needs an account's name", cmd.CommandPath())
		case len(args) < names+least:
			return cli.FailWith(cli.ExitUsage, usage, "%s needs a command to run", cmd.CommandPath())
		case least > 0 || len(args) == names:
			return nil
		}
		extra := args[names]
		if _, err := time.ParseDuration(extra); err == nil && s.wait.on {
			return cli.Unexpected(cmd, cli.Format("write it in one word: --wait=%s", extra), extra)
		}
		if s.tag != "" {
			usage = cli.Format("name an account or a tag, not both")
		}
		return cli.Unexpected(cmd, usage, extra)
	}
}

// take takes the account from the arguments and returns the rest.
func (s *selection) take(args []string) []string {
	if s.tag != "" {
		return args
	}
	s.account = args[0]
	return args[1:]
}

// forever is the wait without a time.
const forever = "forever"

// waitFlag is a flag with or without a duration.
type waitFlag struct {
	on    bool
	limit time.Duration // 0 is no limit
}

func (w *waitFlag) String() string {
	switch {
	case !w.on:
		return ""
	case w.limit == 0:
		return forever
	}
	return w.limit.String()
}

func (w *waitFlag) Set(text string) error {
	if text == forever {
		*w = waitFlag{on: true}
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("write a duration, as in --wait=10m")
	}
	*w = waitFlag{on: true, limit: d}
	return nil
}

// Type names the value in the help.
func (w *waitFlag) Type() string { return "duration" }

// credential fetches a credential, and waits for it where that is asked for.
// The keeper waits within a request; what it cannot wait for is waited for
// here: itself, and the account.
func (s *selection) credential(ctx context.Context, env *cli.Env, o client.CredentialOptions) (client.Credential, error) {
	if !s.wait.on {
		return s.ask(ctx, env, o)
	}
	const longest, again = time.Minute, time.Second
	var end time.Time
	if s.wait.limit > 0 {
		end = time.Now().Add(s.wait.limit)
	}
	for {
		o.Wait = longest
		if !end.IsZero() {
			o.Wait = max(min(o.Wait, time.Until(end)), 0)
		}
		got, err := s.ask(ctx, env, o)
		if err == nil || !passing(err) && !errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) &&
			!errors.Is(err, &client.Problem{Type: client.ProblemBusy}) {
			return got, err
		}
		pause := again
		if !end.IsZero() {
			if pause = min(pause, time.Until(end)); pause <= 0 {
				return got, err
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return got, ctx.Err()
		}
	}
}

func (s *selection) ask(ctx context.Context, env *cli.Env, o client.CredentialOptions) (client.Credential, error) {
	if s.tag == "" {
		return env.Client().Credential(ctx, s.account, o)
	}
	o.Strategy = s.strategy
	return env.Client().AnyCredential(ctx, s.tag, o)
}
