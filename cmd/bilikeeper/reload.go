package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Let the running keeper read its configuration anew",
		Long: `Lets the running keeper read its configuration anew, and says what changed and
what waits for a restart. Where the configuration has a fault the old one stays as
a whole; the fault is printed and the command ends with 2.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := a.client().Reload(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(r)
			}
			switch {
			case len(r.Changed)+len(r.NeedsRestart) == 0:
				a.say("Nothing changed.")
			case len(r.Changed) > 0:
				a.say("In force now: %s", strings.Join(r.Changed, ", "))
			}
			if len(r.NeedsRestart) > 0 {
				a.say("Waits for a restart of the keeper: %s", strings.Join(r.NeedsRestart, ", "))
			}
			return nil
		},
	}
}
