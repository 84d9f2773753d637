package delivery

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func notifyCommand(env *cli.Env) *cobra.Command {
	return cli.Group("notify", "Show and try the notification channels", "", &cobra.Command{
		Use:   "list",
		Short: "Show the channels and when each last delivered or failed",
		Args:  cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			channels, err := env.Client().Channels(cmd.Context())
			if err != nil {
				return err
			}
			return env.Show(map[string]any{"channels": channels}, func() { printChannels(env, channels) })
		},
	}, &cobra.Command{
		Use:               "test [NAME]",
		Short:             "Send a sample with a sample code; over all channels when none is named",
		Args:              cli.Accounts(0, 1),
		ValidArgsFunction: cli.CompleteChannels(env, 1),
		RunE:              func(cmd *cobra.Command, names []string) error { return testChannels(cmd, env, names) },
	})
}

func printChannels(env *cli.Env, channels []client.Channel) {
	if len(channels) == 0 {
		env.Say("No channel is configured. Add a [[notify]] entry to the configuration; bilikeeper config init writes one to start from.")
		return
	}
	env.Print("%s", channelTable(channels, env.Out(), time.Now()))
}

// channelTable is a line for each channel, and below it why one failed.
func channelTable(channels []client.Channel, out cli.Screen, now time.Time) string {
	rows := [][]string{out.Heads("CHANNEL", "TYPE", "LAST DELIVERED", "LAST FAILED", "EVENTS")}
	for _, c := range channels {
		rows = append(rows, []string{c.Name, c.Type, out.Ago(c.LastDelivered, now), out.Ago(c.LastFailed, now), strings.Join(c.Events, " ")})
	}
	text := out.Table(rows)
	for _, c := range channels {
		if c.LastError == "" {
			continue
		}
		failure := out.Text("%s: %s", c.Name, cli.Format(c.LastError))
		if c.RetryAt != nil {
			failure += out.Text("; next try %s", out.Until(c.RetryAt, now))
		}
		text += out.Fold(failure, 2) + "\n"
	}
	return text
}

func testChannels(cmd *cobra.Command, env *cli.Env, names []string) error {
	names, err := chosen(cmd.Context(), names, env.Client().Channels, func(c client.Channel) string { return c.Name })
	if err != nil {
		return err
	}
	if len(names) == 0 {
		printChannels(env, nil)
	}
	var failed error
	for _, name := range names {
		r, err := env.Client().TestChannel(cmd.Context(), name)
		if err != nil {
			return err
		}
		word, text := env.Out().Paint(cli.Green, env.Language().Text("delivered")), r.Answer
		if !r.Delivered {
			word, text = env.Out().Paint(cli.Red, env.Language().Text("not delivered:")), env.Language().Told(r.Error)
			failed = cli.Exit(cli.ExitFailed, "")
		}
		if env.JSON {
			err = env.Stream(r)
		} else {
			err = env.Print("%s: %s %s\n", name, word, text)
		}
		if err != nil {
			return err
		}
	}
	return failed
}
