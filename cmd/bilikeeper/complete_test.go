package main

import (
	"regexp"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// takesArguments are commands whose line names one.
var takesArguments = regexp.MustCompile(`^\S+ .*[A-Za-z]`)

// Whatever a command takes, the shell offers something for it, or nothing on purpose.
func TestEveryValueCompletes(t *testing.T) {
	arguments, values := 0, 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Name() != "help" && sub.Name() != "completion" {
				walk(sub)
			}
		}
		if takesArguments.MatchString(cmd.Use) {
			if arguments++; cmd.ValidArgsFunction == nil {
				t.Errorf("%s says nothing of what it takes", cmd.CommandPath())
			}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" {
				return
			}
			if _, ok := cmd.GetFlagCompletionFunc(f.Name); !ok {
				t.Errorf("%s --%s says nothing of its values", cmd.CommandPath(), f.Name)
			}
			values++
		})
	}
	walk(testRoot())
	if arguments < 15 || values < 30 {
		t.Errorf("only %d commands with arguments and %d flags with values were found", arguments, values)
	}
}
