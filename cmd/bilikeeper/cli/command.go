package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Group makes a command that does nothing by itself but has others below it.
func Group(name, short, long string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Long: long, Args: subcommandOnly, RunE: help}
	cmd.AddCommand(below...)
	return cmd
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// Usage shows how a command is written.
func Usage(cmd *cobra.Command) Message {
	return Format("usage: %s", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
}

// Unexpected is the failure of an argument too many.
func Unexpected(cmd *cobra.Command, hint Message, arg string) error {
	return FailWith(ExitUsage, hint, "%s does not know what to do with %q", cmd.CommandPath(), arg)
}

// Accounts wants between least and most names after a command. The library's
// own checks count, where a person wants to know what belongs there.
func Accounts(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return FailWith(ExitUsage, Usage(cmd), "%s needs an account's name", cmd.CommandPath())
		case most >= 0 && len(args) > most:
			return Unexpected(cmd, Usage(cmd), args[most])
		}
		return nil
	}
}

// Nothing wants no argument.
func Nothing(cmd *cobra.Command, args []string) error { return Accounts(0, 0)(cmd, args) }

// One wants one argument that is no account.
func One(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return FailWith(ExitUsage, Usage(cmd), "%s needs %s", cmd.CommandPath(), Format(what))
		}
		return nil
	}
}

// subcommandOnly is for commands that others stand below. A word after one is
// a command that does not exist, most often because of a slip.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := Format("%s --help lists the commands", cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = Format("did you mean %s %s?", cmd.CommandPath(), orMessage(near))
	}
	return FailWith(ExitUsage, hint, "%s has no command %q", cmd.CommandPath(), args[0])
}

// orMessage names one or the other.
func orMessage(names []string) Message {
	list := Format("%s", names[0])
	for _, name := range names[1:] {
		list = Format("%s or %s", list, name)
	}
	return list
}

func badFlag(cmd *cobra.Command, err error) error {
	hint := Format("%s --help lists its flags", cmd.CommandPath())
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := setting.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			hint = Format("did you mean --%s?", near)
		}
	}
	return FailWith(ExitUsage, hint, "%w", err)
}
