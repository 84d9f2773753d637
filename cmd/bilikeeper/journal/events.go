// Package journal has the command that shows the keeper's journal: what
// happened, and who read which credential. Nothing here may decide what an
// event means for an account.
//
// What the package guarantees: names that others chose do not command the
// terminal.
package journal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Commands are the commands of this group.
func Commands(env *cli.Env) []*cobra.Command { return []*cobra.Command{eventsCommand(env)} }

func eventsCommand(env *cli.Env) *cobra.Command {
	var follow bool
	var since, account string
	var types []string
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show the journal: what happened, and who read which credential",
		Example: `  bilikeeper events --since 24h
  bilikeeper events --follow --account main --json
  bilikeeper events --type credential.read     # who read which credential`,
		Args: cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			begin, err := parseSince(since, time.Now())
			if err != nil {
				return err
			}
			if err := knownTypes(types); err != nil {
				return err
			}
			if !follow {
				return listEvents(cmd, env, client.EventQuery{Since: begin, Account: account, Types: types})
			}
			q := client.WatchQuery{Since: begin, Account: account, Types: types, Resume: true}
			if begin.IsZero() {
				q.After = client.Live
			}
			err = env.Client().Watch(cmd.Context(), q, func(e client.Event) error { return printEvent(env, e) })
			if cmd.Context().Err() != nil {
				return nil // Ctrl-C is how a person ends it
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&follow, "follow", false, "go on with what happens from now on")
	f.StringVar(&since, "since", "", "a duration (24h) or a time (RFC 3339)")
	f.StringVar(&account, "account", "", "events of this account only")
	f.StringSliceVar(&types, "type", nil, "events of this `type` only; may be given several times")
	cli.OneOf(cmd, "type", client.EventTypes()...)
	cli.OneOf(cmd, "since", "1h", "24h", "168h")
	cli.AccountFlag(env, cmd, "account")
	return cmd
}

func knownTypes(types []string) error {
	for _, one := range types {
		if !slices.Contains(client.EventTypes(), one) {
			return cli.FailWith(cli.ExitUsage, cli.Format("there are %s", strings.Join(client.EventTypes(), ", ")), "--type %q is no type of event", one)
		}
	}
	return nil
}

// listEvents asks for as many as the keeper ever keeps. Pages would not do: the
// first one holds the newest events, and there is nothing after it.
func listEvents(cmd *cobra.Command, env *cli.Env, q client.EventQuery) error {
	q.Limit = 10_000
	events, err := env.Client().Events(cmd.Context(), q)
	if err != nil {
		return err
	}
	for _, e := range events {
		if err := printEvent(env, e); err != nil {
			return err
		}
	}
	return nil
}

func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, cli.Fail(cli.ExitUsage, "write a duration such as 24h, or a time such as 2026-11-20T01:02:03Z", "--since %q is neither a duration nor a time", s)
	}
	return t, nil
}

func printEvent(env *cli.Env, e client.Event) error {
	if env.JSON {
		return env.Stream(e)
	}
	out := env.Out()
	colour := ""
	switch e.Type {
	case client.EventLoginRequired, client.EventCheckDead, client.EventNotifyFailed, client.EventLoginFailed, client.EventAccountAttention:
		colour = cli.Red
	case client.EventLoginSucceeded, client.EventCheckOK, client.EventNotifyDelivered:
		colour = cli.Green
	case client.EventCheckBlocked, client.EventCheckUnreachable, client.EventLoginCode, client.EventLoginScanned:
		colour = cli.Yellow
	}
	const indent = 7
	head := fmt.Sprintf("%5d  %s  %s  %-10s ", e.ID, e.Time.Local().Format(eventTime), out.Paint(colour, fmt.Sprintf("%-18s", e.Type)), cli.Dash(e.Account))
	data := out.Paint(cli.Faint, cmp.Or(readingLine(out.Language, e), pairs(e.Data)))
	if !out.Fits(head) {
		head, data = head[:indent], head[indent:]+data
	}
	return env.Print("%s\n", cli.Hang(head, data, out.Width, indent))
}

const eventTime = "01-02 15:04:05"

// pairs writes an event's data as name=value, in the order of the names.
func pairs(data json.RawMessage) string {
	var m map[string]any
	if json.Unmarshal(data, &m) != nil {
		return ""
	}
	list := make([]string, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		switch v := m[name].(type) {
		case nil:
		case string:
			if t, err := time.Parse(time.RFC3339, v); err == nil {
				v = t.Local().Format(eventTime)
			}
			if v != "" {
				list = append(list, fmt.Sprintf("%s=%s", name, quoted(v)))
			}
		default:
			text, _ := json.Marshal(v)
			list = append(list, fmt.Sprintf("%s=%s", name, text))
		}
	}
	return strings.Join(list, " ")
}

func quoted(s string) string {
	if strings.ContainsAny(s, " \"=") {
		return fmt.Sprintf("%q", s)
	}
	return s
}
