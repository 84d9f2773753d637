package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (a *app) notifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Show and try the notification channels",
		Args:  subcommandOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "Show the channels and when each last delivered or failed",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			channels, err := a.client().Channels(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"channels": channels})
			}
			return a.printChannels(channels)
		},
	}, &cobra.Command{
		Use:   "test [NAME]",
		Short: "Send a sample with a sample code; over all channels when none is named",
		Args:  arguments(0, 1),
		RunE:  a.testChannels,
	})
	return cmd
}

func (a *app) printChannels(channels []client.Channel) error {
	if len(channels) == 0 {
		a.say("No channel is configured. Add a [[notify]] entry to the configuration; bilikeeper config init writes one to start from.")
		return nil
	}
	now := time.Now()
	rows := [][]string{{"CHANNEL", "TYPE", "LAST DELIVERED", "LAST FAILED", "EVENTS"}}
	for _, c := range channels {
		rows = append(rows, []string{c.Name, c.Type, ago(c.LastDelivered, now), ago(c.LastFailed, now), strings.Join(c.Events, " ")})
	}
	for _, line := range align(rows) {
		fmt.Fprintln(a.stdout, line)
	}
	for _, c := range channels {
		if c.LastError != "" {
			fmt.Fprintf(a.stdout, "%s: %s", c.Name, c.LastError)
			if c.RetryAt != nil {
				fmt.Fprintf(a.stdout, "; next try %s", until(c.RetryAt, now))
			}
			fmt.Fprintln(a.stdout)
		}
	}
	return nil
}

func (a *app) testChannels(cmd *cobra.Command, names []string) error {
	if len(names) == 0 {
		channels, err := a.client().Channels(cmd.Context())
		if err != nil {
			return err
		}
		for _, c := range channels {
			names = append(names, c.Name)
		}
		if len(names) == 0 {
			return a.printChannels(nil)
		}
	}
	var failed error
	for _, name := range names {
		r, err := a.client().TestChannel(cmd.Context(), name)
		if err != nil {
			return err
		}
		if !r.Delivered {
			failed = &failure{code: exitFailed, err: errors.New("")}
		}
		if a.json {
			if err := a.streamJSON(r); err != nil {
				return err
			}
			continue
		}
		out := a.screen(a.stdout)
		if r.Delivered {
			fmt.Fprintf(a.stdout, "%s: %s %s\n", name, out.paint(green, "delivered"), r.Answer)
		} else {
			fmt.Fprintf(a.stdout, "%s: %s %s\n", name, out.paint(red, "not delivered:"), r.Error)
		}
	}
	return failed
}
