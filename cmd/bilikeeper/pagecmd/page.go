// Package pagecmd has the commands for the account page: a link that signs a
// browser in, and the browsers that are signed in. What the page shows is the
// keeper's, and nothing of it may be known here.
package pagecmd

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Commands are the commands of this group.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{cli.Group("page", "Sign browsers in to the account page, and out", "", &cobra.Command{
		Use:   "link",
		Short: "Print a link that signs a browser in to the account page",
		Long: `Prints a link that signs one browser in to the account page. It is good once, and
for ten minutes. Whoever opens it first may do there what page.may allows.`,
		Args: cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return link(cmd, env) },
	}, &cobra.Command{
		Use:   "sessions",
		Short: "Show the browsers that are signed in",
		Args:  cli.Nothing,
		RunE:  func(cmd *cobra.Command, _ []string) error { return sessions(cmd, env) },
	}, &cobra.Command{
		Use:               "revoke ID",
		Short:             "Sign a browser out",
		Args:              cli.One("the ID of a session, as bilikeeper page sessions shows it"),
		ValidArgsFunction: cli.CompleteBrowsers(env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := env.Client().RevokePageSession(cmd.Context(), args[0]); err != nil {
				return err
			}
			if env.JSON {
				return env.Stream(map[string]string{"revoked": args[0]})
			}
			env.Say("The browser is signed out.")
			return nil
		},
	})}
}

func link(cmd *cobra.Command, env *cli.Env) error {
	l, err := env.Client().PageLink(cmd.Context())
	if err != nil {
		return err
	}
	return env.Show(l, func() {
		_ = env.Print("%s\n", l.URL)
		env.Say("It is good once, until %s.", l.ExpiresAt.Local().Format("15:04:05 MST"))
	})
}

func sessions(cmd *cobra.Command, env *cli.Env) error {
	list, err := env.Client().PageSessions(cmd.Context())
	if err != nil {
		return err
	}
	return env.Show(client.PageSessionList{Sessions: list}, func() {
		if len(list) == 0 {
			env.Say("No browser is signed in. bilikeeper page link prints a link that signs one in.")
			return
		}
		_ = env.Print("%s", sessionTable(list, env.Out(), time.Now()))
	})
}

// sessionTable is a line for each browser.
func sessionTable(list []client.PageSession, out cli.Screen, now time.Time) string {
	rows := [][]string{out.Heads("ID", "BY", "SIGNED IN", "LAST SEEN", "ENDS", "ADDRESS", "BROWSER")}
	for _, s := range list {
		rows = append(rows, []string{s.ID, s.Method, out.Ago(&s.CreatedAt, now), out.Ago(&s.SeenAt, now), out.Until(&s.ExpiresAt, now),
			cli.Dash(s.Address), cli.Dash(s.Browser)})
	}
	return out.Table(rows)
}
