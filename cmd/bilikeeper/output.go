package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (a *app) outputCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "output",
		Short: "Show and write the outputs: files that follow a credential",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "Show the outputs, when each was last written, and how its command went",
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
	now := time.Now()
	rows := [][]string{{"OUTPUT", "ACCOUNT", "FORMAT", "STATE", "LAST WRITTEN", "PLACE"}}
	for _, o := range list {
		rows = append(rows, []string{o.Name, o.Account, o.Format, o.State, ago(o.LastWritten, now), dash(o.Place)})
	}
	for _, line := range align(rows) {
		fmt.Fprintln(a.stdout, line)
	}
	for _, o := range list {
		if o.LastError != "" {
			fmt.Fprintf(a.stdout, "%s: %s\n", o.Name, o.LastError)
		}
		if o.HookError != "" {
			fmt.Fprintf(a.stdout, "%s: its command: %s\n", o.Name, o.HookError)
		}
	}
	return nil
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
