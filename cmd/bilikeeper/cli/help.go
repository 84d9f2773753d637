package cli

import (
	"cmp"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helper shows help in the person's language: in English as the library does.
func helper(e *Env, root *cobra.Command) func(*cobra.Command, []string) {
	usual := root.HelpFunc()
	return func(cmd *cobra.Command, args []string) {
		if e.Language() == English {
			usual(cmd, args)
			return
		}
		speak(e, root)
		text := strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)) + "\n\n"
		if cmd.Runnable() || cmd.HasSubCommands() {
			text += strings.ReplaceAll(cmd.UsageString(), "(default ", e.Language().Text("(default "))
		}
		_, _ = io.WriteString(e, text)
	}
}

// speak puts the texts of the tree into the person's language. That of a help
// is not known before the flags are, which may name a configuration.
func speak(e *Env, root *cobra.Command) {
	l := e.Language()
	if l == English || e.spoke {
		return
	}
	e.spoke = true
	root.SetUsageTemplate(usageIn(l, root.UsageTemplate()))
	describe(l, root)
}

func describe(l Language, cmd *cobra.Command) {
	cmd.Short, cmd.Long, cmd.Example = l.Told(cmd.Short), l.Told(cmd.Long), l.Told(cmd.Example)
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) { f.Usage = l.Told(f.Usage) })
	}
	for _, below := range cmd.Commands() {
		describe(l, below)
	}
}

// usageIn is the library's template for the usage, with its words in another
// language.
func usageIn(l Language, template string) string {
	var pairs []string
	for _, words := range []string{
		"Usage:", "Aliases:", "Examples:", "Available Commands:", "Additional Commands:", "Global Flags:", "Flags:", "Additional help topics:",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`,
	} {
		pairs = append(pairs, words, l.Told(words))
	}
	return strings.NewReplacer(pairs...).Replace(template)
}
