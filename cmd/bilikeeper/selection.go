package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// selection says whose credential a command is to have: that of an account, or of
// one of the accounts with a tag.
type selection struct {
	account       string
	tag, strategy string
	wait          waitFlag
}

func (w *selection) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.tag, "tag", "", "take one of the accounts with this `tag`, one that lives")
	f.StringVar(&w.strategy, "strategy", client.StrategyRoundRobin, "with --tag: round-robin or random")
	f.Var(&w.wait, "wait", "wait for a living session, as --wait=10m for no longer than that")
	f.Lookup("wait").NoOptDefVal = forever
	oneOf(cmd, "strategy", client.StrategyRoundRobin, client.StrategyRandom)
}

// arguments wants an account's name, which a tag replaces, and then least words
// more; where that is none, nothing may follow.
func (w *selection) arguments(least int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		names := 1
		if w.tag != "" {
			names = 0
		}
		usage := "usage: " + strings.TrimSuffix(cmd.UseLine(), " [flags]")
		switch {
		case w.tag == "" && cmd.Flags().Changed("strategy"):
			return fail(exitUsage, "add --tag TAG", "--strategy chooses among the accounts with a tag")
		case w.strategy != client.StrategyRoundRobin && w.strategy != client.StrategyRandom:
			return fail(exitUsage, "", "--strategy %q is not known: there are %s and %s", w.strategy, client.StrategyRoundRobin, client.StrategyRandom)
		case len(args) < names:
			return fail(exitUsage, usage, "%s needs an account's name", cmd.CommandPath())
		case len(args) < names+least:
			return fail(exitUsage, usage, "%s needs a command to run", cmd.CommandPath())
		case least > 0 || len(args) == names:
			return nil
		}
		extra := args[names]
		if _, err := time.ParseDuration(extra); err == nil && w.wait.on {
			return fail(exitUsage, "write it in one word: --wait="+extra, "%s does not know what to do with %q", cmd.CommandPath(), extra)
		}
		if w.tag != "" {
			usage = "name an account or a tag, not both"
		}
		return fail(exitUsage, usage, "%s does not know what to do with %q", cmd.CommandPath(), extra)
	}
}

// name takes the account from the arguments and returns the rest.
func (w *selection) name(args []string) []string {
	if w.tag != "" {
		return args
	}
	w.account = args[0]
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
func (a *app) credential(ctx context.Context, w selection, o client.CredentialOptions) (client.Credential, error) {
	if !w.wait.on {
		return a.ask(ctx, w, o)
	}
	const longest, again = time.Minute, time.Second
	var end time.Time
	if w.wait.limit > 0 {
		end = time.Now().Add(w.wait.limit)
	}
	for {
		o.Wait = longest
		if !end.IsZero() {
			o.Wait = max(min(o.Wait, time.Until(end)), 0)
		}
		got, err := a.ask(ctx, w, o)
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

func (a *app) ask(ctx context.Context, w selection, o client.CredentialOptions) (client.Credential, error) {
	if w.tag == "" {
		return a.client().Credential(ctx, w.account, o)
	}
	o.Strategy = w.strategy
	return a.client().AnyCredential(ctx, w.tag, o)
}

// forMe names the calling user as a [[control.allow]] entry does.
func forMe() string {
	name := ""
	if me, err := user.Current(); err == nil {
		name = me.Username
	}
	if uid := os.Getuid(); name == "" && uid >= 0 {
		name = strconv.Itoa(uid)
	}
	return fmt.Sprintf(": user = %q", name)
}
