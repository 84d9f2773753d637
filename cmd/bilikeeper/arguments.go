package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// arguments wants between least and most names after a command. The library's
// own checks count, where a person wants to know what belongs there.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		usage := "usage: " + strings.TrimSuffix(cmd.UseLine(), " [flags]")
		switch {
		case len(args) < least:
			return fail(exitUsage, usage, "%s needs an account's name", cmd.CommandPath())
		case most >= 0 && len(args) > most:
			return fail(exitUsage, usage, "%s does not know what to do with %q", cmd.CommandPath(), args[most])
		}
		return nil
	}
}

// subcommandOnly is for commands that do nothing by themselves. A word after
// one is a command that does not exist, most often because of a slip.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := cmd.CommandPath() + " --help lists the commands"
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + cmd.CommandPath() + " " + strings.Join(near, " or ") + "?"
	}
	return fail(exitUsage, hint, "%s has no command %q", cmd.CommandPath(), args[0])
}

func badFlag(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " --help lists its flags"
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := setting.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			hint = "did you mean --" + near + "?"
		}
	}
	return fail(exitUsage, hint, "%w", err)
}

// completeAccounts offers the keeper's accounts to the shell, which waits for
// the answer at every press of the key.
func (a *app) completeAccounts(most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most >= 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		accounts, _ := a.client().Accounts(ctx)
		names := make([]cobra.Completion, 0, len(accounts))
		for _, acc := range accounts {
			names = append(names, cobra.CompletionWithDesc(acc.Name, dash(acc.Uname)+", "+acc.State))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// oneOf is a flag whose values are known.
func oneOf(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
