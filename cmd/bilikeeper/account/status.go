package account

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func statusCommand(env *cli.Env) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status [ACCOUNT]",
		Short: "Show what the keeper knows, without asking the site",
		Long: `Shows what the keeper knows, without asking the site. With --watch it stays on
the screen and follows what changes; elsewhere than on a terminal, and with
--json, it is written anew at each change.`,
		Args:              cli.Accounts(0, 1),
		ValidArgsFunction: env.CompleteAccounts(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch {
				return watchStatus(cmd.Context(), env, args)
			}
			s, err := statusOf(cmd.Context(), env, args)
			if err != nil {
				return err
			}
			return env.Show(s, func() { printStatus(env, s, len(args) == 1) })
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "keep it on the screen")
	return cmd
}

// statusOf is the keeper's status, of one account where one is named.
func statusOf(ctx context.Context, env *cli.Env, args []string) (client.Status, error) {
	s, err := env.Client().Status(ctx)
	if err != nil || len(args) == 0 {
		return s, err
	}
	one, err := env.Client().Account(ctx, args[0])
	s.Accounts = []client.Account{one}
	return s, err
}

func printStatus(env *cli.Env, s client.Status, one bool) {
	for _, p := range s.Daemon.Problems {
		if !one {
			env.Warn("%s", p)
		}
	}
	if waiting := s.Daemon.NeedsRestart; len(waiting) > 0 && !one {
		env.Warn("waits for a restart of the keeper: %s", strings.Join(waiting, ", "))
	}
	if len(s.Accounts) == 0 {
		env.Say("The keeper (pid %d, %s) has no account yet. Add one: bilikeeper login main", s.Daemon.PID, s.Daemon.Version)
		return
	}
	env.Print("%s", statusText(s, one, env.Out()))
}

func statusText(s client.Status, one bool, out cli.Screen) string {
	if one {
		return accountTable(s.Accounts[0], out, time.Now())
	}
	return statusTable(s.Accounts, out, time.Now())
}

// statusTable is a line for each account, and below it what a person should
// know or do. Where the screen is too narrow for a line, columns go, the least
// needed first; what comes next then stands on a line of its own.
func statusTable(accounts []client.Account, out cli.Screen, now time.Time) string {
	rows := [][]string{{"ACCOUNT", "STATE", "USER", "LAST CHECK", "NEXT", "EXPIRES"}}
	for _, acc := range accounts {
		rows = append(rows, []string{acc.Name, paintState(out, acc.State), cli.Dash(acc.Uname), lastCheck(acc, now), next(acc, now), expires(acc, now)})
	}
	below := false
	for _, column := range []string{"USER", "LAST CHECK", "EXPIRES", "NEXT"} {
		if out.Fits(cli.Table(rows)) {
			break
		}
		at := slices.Index(rows[0], column)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], at, at+1)
		}
		below = column == "NEXT"
	}
	var b strings.Builder
	i := 0
	for line := range strings.Lines(cli.Table(rows)) {
		b.WriteString(line)
		if i > 0 && below {
			fmt.Fprintln(&b, "  "+next(accounts[i-1], now))
		}
		i++
	}
	for _, acc := range accounts {
		if note := note(acc); note != "" {
			fmt.Fprintf(&b, "%s: %s\n", acc.Name, note)
		}
	}
	return b.String()
}

// accountTable is all that is known of one account.
func accountTable(acc client.Account, out cli.Screen, now time.Time) string {
	rows := [][]string{
		{"account", acc.Name},
		{"state", paintState(out, acc.State)},
		{"user", cli.Dash(acc.Uname)},
		{"mid", mid(acc, "-")},
		{"site", acc.Site},
		{"last check", lastCheck(acc, now)},
		{"detail", cli.Dash(acc.Detail)},
		{"next", next(acc, now)},
		{"expires", expires(acc, now)},
		{"generation", fmt.Sprint(acc.Generation)},
		{"refreshable", yes(acc.Refreshable)},
		{"refreshed", cli.Ago(acc.RefreshedAt, now)},
	}
	if acc.PendingConfirm {
		rows = append(rows, []string{"to be confirmed", "the site is yet to be told that the credential before is no longer used"})
	}
	if acc.BlockedUntil != nil {
		rows = append(rows, []string{"left alone until", acc.BlockedUntil.Local().Format("2006-01-02 15:04:05 MST")})
	}
	if note := note(acc); note != "" {
		rows = append(rows, []string{"note", note})
	}
	return cli.Table(rows)
}

// expires is when the session ends by itself; one that has died already has no
// end to come.
func expires(acc client.Account, now time.Time) string {
	if acc.State != client.StateValid {
		return "-"
	}
	return cli.Until(acc.ExpiresAt, now)
}

func paintState(out cli.Screen, state string) string {
	colours := map[string]string{client.StateValid: cli.Green, client.StateNeedsLogin: cli.Red, client.StateLoggingIn: cli.Yellow}
	return out.Paint(colours[state], state)
}

func lastCheck(acc client.Account, now time.Time) string {
	if acc.LastCheck == nil {
		return "-"
	}
	if acc.CheckedAt == nil {
		return *acc.LastCheck // nothing was ever asked with a session of its own
	}
	return *acc.LastCheck + " " + cli.Ago(acc.CheckedAt, now)
}

func next(acc client.Account, now time.Time) string {
	if acc.Next == nil {
		if acc.Paused {
			return "paused"
		}
		return "-"
	}
	return action(acc.Next.Action) + " " + cli.Until(&acc.Next.At, now)
}

// action puts the keeper's word for what it will do into a person's. One that
// a newer keeper knows is shown as it is.
func action(word string) string {
	words := map[string]string{
		"confirm_death": "second question",
		"login_code":    "new code",
		"login_poll":    "look for the scan",
		"login_collect": "fetch the cookies",
		"login_verify":  "ask whose the login is",
		"login_give_up": "give the login up",

		"refresh_verify":  "ask whose the new pair is",
		"refresh_confirm": "end the pair before",
		"warn":            "warn of the end",
	}
	if text, ok := words[word]; ok {
		return text
	}
	return strings.ReplaceAll(word, "_", " ")
}

// note is what a person should know or do about the account.
func note(acc client.Account) string {
	switch {
	case acc.Paused && acc.Attention == "":
		return "paused, nothing is done for it by itself: bilikeeper account set " + acc.Name + " --resume goes on"
	case acc.Attention != "":
		return acc.Attention
	case acc.State == client.StateLoggingIn:
		return "a login is under way: bilikeeper login " + acc.Name + " shows its code"
	case acc.State == client.StateNeedsLogin:
		return "log in again: bilikeeper login " + acc.Name
	case acc.State == client.StateNew:
		return "not logged in yet: bilikeeper login " + acc.Name
	case acc.State == client.StateValid && acc.LastCheck != nil && *acc.LastCheck == client.CheckDead:
		return "the site denied the session; it is asked a second time before that is believed"
	case acc.BlockedUntil != nil:
		return fmt.Sprintf("%s; the site is left alone until %s, nothing is lost", acc.Detail, acc.BlockedUntil.Local().Format("15:04:05 MST"))
	}
	return ""
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// mid is the site's number of the account's user.
func mid(acc client.Account, unknown string) string {
	if acc.Mid == nil {
		return unknown
	}
	return fmt.Sprint(*acc.Mid)
}
