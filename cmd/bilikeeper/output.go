package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (a *app) outputCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "output",
		Short: "Show and write the outputs: files and programs that follow a credential",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "Show the outputs: when each last succeeded and failed, why, and how its command went",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client().Outputs(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(client.OutputList{Outputs: list})
			}
			return a.printOutputs(list)
		},
	}, &cobra.Command{
		Use:   "run [NAME]",
		Short: "Write an output now, and run its command; all of them when none is named",
		Args:  cobra.MaximumNArgs(1),
		RunE:  a.runOutputs,
	})
	return cmd
}

func (a *app) printOutputs(list []client.Output) error {
	if len(list) == 0 {
		a.say("No output is configured. Add an [[output]] entry to the configuration; bilikeeper config init writes one to start from.")
		return nil
	}
	fmt.Fprint(a.stdout, outputTable(list, a.screen(a.stdout), time.Now()))
	return nil
}

// outputTable is a line for each output, and below it why one failed.
func outputTable(list []client.Output, out screen, now time.Time) string {
	rows := [][]string{{"OUTPUT", "ACCOUNT", "KIND", "FORMAT", "STATE", "LAST SUCCESS", "LAST FAILURE", "COMMAND", "NEXT TRY", "PLACE"}}
	for _, o := range list {
		state := out.paint(outputColour(o.State), o.State)
		rows = append(rows, []string{o.Name, o.Account, o.Kind, dash(o.Format), state, ago(o.LastWritten, now), ago(o.LastFailed, now), command(o, now), until(o.RetryAt, now), dash(o.Place)})
	}
	var b strings.Builder
	for _, line := range align(rows) {
		fmt.Fprintln(&b, line)
	}
	for _, o := range list {
		if o.LastError != "" {
			fmt.Fprintf(&b, "%s: %s\n", o.Name, o.LastError)
		}
		if o.HookError != "" {
			fmt.Fprintf(&b, "%s: its command: %s\n", o.Name, o.HookError)
		}
	}
	return b.String()
}

func outputColour(state string) string {
	switch state {
	case client.OutputOK:
		return green
	case client.OutputFailed, client.OutputHook:
		return red
	case client.OutputRetrying, client.OutputWaiting:
		return yellow
	}
	return ""
}

// command is how an output's commands went when they last ran.
func command(o client.Output, now time.Time) string {
	switch {
	case o.HookAt == nil:
		return "-"
	case o.HookError == "":
		return "ok " + ago(o.HookAt, now)
	case o.HookExit > 0:
		return fmt.Sprintf("exit %d, %s", o.HookExit, ago(o.HookAt, now))
	}
	return "failed " + ago(o.HookAt, now)
}

func (a *app) runOutputs(cmd *cobra.Command, names []string) error {
	if len(names) == 0 {
		list, err := a.client().Outputs(cmd.Context())
		if err != nil {
			return err
		}
		for _, o := range list {
			names = append(names, o.Name)
		}
		if len(names) == 0 {
			return a.printOutputs(nil)
		}
	}
	var failed error
	for _, name := range names {
		o, err := a.client().RunOutput(cmd.Context(), name)
		var p *client.Problem
		switch {
		case errors.As(err, &p) && len(names) > 1:
			a.say("bilikeeper: error: %s", err)
			failed = &failure{code: problemCode(p.Type), err: errors.New("")}
		case err != nil:
			return err
		case a.json:
			if err := a.streamJSON(o); err != nil {
				return err
			}
		default:
			fmt.Fprintf(a.stdout, "%s: %s, generation %d\n", o.Name, o.State, o.Generation)
		}
	}
	return failed
}
