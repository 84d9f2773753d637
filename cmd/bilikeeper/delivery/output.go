package delivery

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func outputCommand(env *cli.Env) *cobra.Command {
	cmd := cli.Group("output", "Show and write the outputs: files and programs that follow a credential", "", &cobra.Command{
		Use:   "list",
		Short: "Show the outputs: when each last succeeded and failed, why, and how its command went",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := env.Client().Outputs(cmd.Context())
			if err != nil {
				return err
			}
			return env.Show(client.OutputList{Outputs: list}, func() { printOutputs(env, list) })
		},
	}, &cobra.Command{
		Use:               "run [NAME]",
		Short:             "Write an output now, and run its command; all of them when none is named",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cli.CompleteOutputs(env, 1),
		RunE:              func(cmd *cobra.Command, names []string) error { return runOutputs(cmd, env, names) },
	})
	cmd.Args = cobra.NoArgs
	return cmd
}

func printOutputs(env *cli.Env, list []client.Output) {
	if len(list) == 0 {
		env.Say("No output is configured. Add an [[output]] entry to the configuration; bilikeeper config init writes one to start from.")
		return
	}
	env.Print("%s", outputTable(list, env.Out(), time.Now()))
}

// outputTable is a line for each output, and below it why one failed.
func outputTable(list []client.Output, out cli.Screen, now time.Time) string {
	rows := [][]string{out.Heads("OUTPUT", "ACCOUNT", "KIND", "FORMAT", "STATE", "LAST SUCCESS", "LAST FAILURE", "COMMAND", "NEXT TRY", "PLACE")}
	for _, o := range list {
		state := out.Paint(outputColour(o.State), o.State)
		rows = append(rows, []string{o.Name, o.Account, o.Kind, cli.Dash(o.Format), state, out.Ago(o.LastWritten, now), out.Ago(o.LastFailed, now), command(o, out, now), out.Until(o.RetryAt, now), cli.Dash(o.Place)})
	}
	text := out.Table(rows)
	for _, o := range list {
		if o.LastError != "" {
			text += out.Fold(out.Text("%s: %s", o.Name, cli.Format(o.LastError)), 2) + "\n"
		}
		if o.HookError != "" {
			text += out.Fold(out.Text("%s: its command: %s", o.Name, cli.Format(o.HookError)), 2) + "\n"
		}
	}
	return text
}

func outputColour(state string) string {
	switch state {
	case client.OutputOK:
		return cli.Green
	case client.OutputFailed, client.OutputHook:
		return cli.Red
	case client.OutputRetrying, client.OutputWaiting:
		return cli.Yellow
	}
	return ""
}

// command is how an output's commands went when they last ran.
func command(o client.Output, out cli.Screen, now time.Time) string {
	switch {
	case o.HookAt == nil:
		return "-"
	case o.HookError == "":
		return out.Text("ok %s", out.Ago(o.HookAt, now))
	case o.HookExit > 0:
		return out.Text("exit %d, %s", o.HookExit, out.Ago(o.HookAt, now))
	}
	return out.Text("failed %s", out.Ago(o.HookAt, now))
}

func runOutputs(cmd *cobra.Command, env *cli.Env, names []string) error {
	names, err := chosen(cmd.Context(), names, env.Client().Outputs, func(o client.Output) string { return o.Name })
	if err != nil {
		return err
	}
	if len(names) == 0 {
		printOutputs(env, nil)
	}
	var failed error
	for _, name := range names {
		o, err := env.Client().RunOutput(cmd.Context(), name)
		var p *client.Problem
		switch {
		case errors.As(err, &p) && len(names) > 1:
			env.SayError(err)
			failed = cli.Exit(cli.ProblemCode(p), "")
			continue
		case err != nil:
			return err
		case env.JSON:
			err = env.Stream(o)
		default:
			err = env.Print("%s: %s, generation %d\n", o.Name, o.State, o.Generation)
		}
		if err != nil {
			return err
		}
	}
	return failed
}
