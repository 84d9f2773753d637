package cli

import (
	"cmp"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helper shows help as the library does, in the person's language and no wider than
// the screen.
func helper(e *Env, root *cobra.Command) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, _ []string) {
		speak(e, root)
		text := strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)) + "\n\n"
		if cmd.Runnable() || cmd.HasSubCommands() {
			text += strings.ReplaceAll(cmd.UsageString(), "(default ", e.Language().Text("(default "))
		}
		_, _ = io.WriteString(e, narrowed(text, e.Out().Width))
	}
}

var (
	// listed is a line of a list: what it is about, and behind a gap what it says of it.
	listed = regexp.MustCompile(`^( *\S.*? {2,})(\S.*)$`)
	// example is a line that can be copied.
	example = regexp.MustCompile(`^ +(.*[(|] ?)?bilikeeper `)
)

// narrowed breaks the lines of a help that are wider than the screen, but no command.
// What a list says goes on below itself, or further left where that leaves too little.
func narrowed(help string, columns int) string {
	const least = 20
	lines := strings.Split(help, "\n")
	for i, line := range lines {
		if columns == 0 || visible(line) <= columns || example.MatchString(line) {
			continue
		}
		rest := strings.TrimLeft(line, " ")
		space := line[:len(line)-len(rest)]
		m := listed.FindStringSubmatch(line)
		switch {
		case m == nil:
			lines[i] = Hang(space, rest, columns, len(space))
		case columns-visible(m[1]) >= least:
			lines[i] = Hang(m[1], m[2], columns, visible(m[1]))
		default:
			space += "    "
			lines[i] = strings.TrimRight(m[1], " ") + "\n" + Hang(space, m[2], columns, len(space))
		}
	}
	return strings.Join(lines, "\n")
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
