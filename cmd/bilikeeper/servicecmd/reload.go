package servicecmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

func reloadCommand(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Let the running keeper read its configuration anew",
		Long: `Lets the running keeper read its configuration anew, and says what changed and
what waits for a restart. Where the configuration has a fault the old one stays as
a whole; the fault is printed and the command ends with 2.`,
		Args: cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := env.Client().Reload(cmd.Context())
			if err != nil {
				return err
			}
			return env.Show(r, func() {
				switch {
				case len(r.Changed)+len(r.NeedsRestart) == 0:
					env.Say("Nothing changed.")
				case len(r.Changed) > 0:
					env.Say("In force now: %s", strings.Join(r.Changed, ", "))
				}
				if len(r.NeedsRestart) > 0 {
					env.Say("Waits for a restart of the keeper: %s", strings.Join(r.NeedsRestart, ", "))
				}
				tellLeftOut(cmd.Context(), env)
			})
		},
	}
	// A unit that names the directory does so to both commands.
	cmd.Flags().StringVar(&env.Flags.StateDir, "state-dir", "", "where the keeper's vault lies (`directory`)")
	cli.DirectoryFlag(cmd, "state-dir")
	return cmd
}

// tellLeftOut repeats what the keeper says of parts that it could not build: to
// whoever has just added one, a reload that went well says too little.
func tellLeftOut(ctx context.Context, env *cli.Env) {
	s, err := env.Client().Status(ctx)
	if err != nil {
		return
	}
	for _, problem := range s.Daemon.Problems {
		if strings.Contains(problem, ": left out: ") {
			env.Warn("%s", problem)
		}
	}
}
