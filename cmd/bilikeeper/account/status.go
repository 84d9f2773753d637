package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
		ValidArgsFunction: cli.CompleteAccounts(env, 1),
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
	if len(args) == 0 {
		return env.Client().Status(ctx)
	}
	s, err := env.Client().StatusOf(ctx, args[0])
	if !errors.Is(err, &client.Problem{Type: client.ProblemBadRequest}) {
		return s, err
	}
	// A keeper of an earlier version tells of all alone.
	if s, err = env.Client().Status(ctx); err != nil {
		return s, err
	}
	one, err := env.Client().Account(ctx, args[0])
	s.Accounts = []client.Account{one}
	return s, err
}

func printStatus(env *cli.Env, s client.Status, one bool) {
	for _, p := range s.Daemon.Problems {
		if !one {
			env.Warn("%s", cli.Format(p))
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
	return statusTable(s.Accounts, out, time.Now()) + hostTable(s.Daemon.Hosts, out, time.Now())
}

// hostTable is a line for each of the hosts that share the accounts, nothing where there
// is but one.
func hostTable(hosts []client.Host, out cli.Screen, now time.Time) string {
	if len(hosts) == 0 {
		return ""
	}
	rows := [][]string{out.Heads("HOST", "ACCOUNTS", "BEHIND", "SINCE", "VERSION", "NOTE")}
	for _, h := range hosts {
		var notes []string
		if h.Self {
			notes = append(notes, out.Text("this host"))
		}
		if h.Sender {
			notes = append(notes, out.Text("sends messages"))
		}
		lag := (time.Duration(h.LagMS) * time.Millisecond).Round(100 * time.Millisecond)
		rows = append(rows, []string{h.Name, fmt.Sprint(h.Accounts), lag.String(), out.Ago(&h.Since, now), h.Version, strings.Join(notes, ", ")})
	}
	return "\n" + cli.Table(rows)
}

// statusTable is a line for each account, and below it what a person should
// know or do. Where the screen is too narrow for a line, columns go, the least
// needed first; what comes next then stands on a line of its own.
func statusTable(accounts []client.Account, out cli.Screen, now time.Time) string {
	columns := []string{"ACCOUNT", "STATE", "USER", "LAST CHECK", "NEXT", "EXPIRES"}
	rows := [][]string{out.Heads("ACCOUNT", "STATE", "USER", "LAST CHECK", "NEXT", "EXPIRES")}
	for _, acc := range accounts {
		rows = append(rows, []string{acc.Name, paintState(out, acc.State), cli.Dash(acc.Uname), lastCheck(acc, out, now), next(acc, out, now), expires(acc, out, now)})
	}
	if slices.ContainsFunc(accounts, func(a client.Account) bool { return a.Host != "" }) {
		columns = append(columns, "HOST")
		rows[0] = append(rows[0], out.Heads("HOST")...)
		for i, acc := range accounts {
			rows[i+1] = append(rows[i+1], cli.Dash(acc.Host))
		}
	}
	below, table := false, cli.Table(rows)
	for _, column := range []string{"USER", "LAST CHECK", "HOST", "EXPIRES", "NEXT"} {
		if out.Fits(table) {
			break
		}
		at := slices.Index(columns, column)
		if at < 0 {
			continue
		}
		columns = slices.Delete(columns, at, at+1)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], at, at+1)
		}
		below, table = column == "NEXT", cli.Table(rows)
	}
	var b strings.Builder
	i := 0
	for line := range strings.Lines(table) {
		b.WriteString(line)
		if i > 0 && below {
			fmt.Fprintln(&b, "  "+next(accounts[i-1], out, now))
		}
		i++
	}
	for _, acc := range accounts {
		if note := note(acc, out); note != "" {
			fmt.Fprintln(&b, out.Fold(out.Text("%s: %s", acc.Name, note), 2))
		}
	}
	return b.String()
}

// accountTable is all that is known of one account.
func accountTable(acc client.Account, out cli.Screen, now time.Time) string {
	rows := [][]string{
		{out.Text("account"), acc.Name},
		{out.Text("state"), paintState(out, acc.State)},
		{out.Text("user"), cli.Dash(acc.Uname)},
		{out.Text("mid"), mid(acc, "-")},
		{out.Text("site"), acc.Site},
		{out.Text("last check"), lastCheck(acc, out, now)},
		{out.Text("detail"), cli.Dash(out.Told(acc.Detail))},
		{out.Text("next"), next(acc, out, now)},
		{out.Text("expires"), expires(acc, out, now)},
		{out.Text("generation"), fmt.Sprint(acc.Generation)},
		{out.Text("refreshable"), yes(acc.Refreshable, out)},
		{out.Text("refreshed"), out.Ago(acc.RefreshedAt, now)},
	}
	if acc.Host != "" {
		rows = append(rows, []string{out.Text("host"), acc.Host})
	}
	if acc.PendingConfirm {
		rows = append(rows, []string{out.Text("to be confirmed"), out.Text("the site is yet to be told that the credential before is no longer used")})
	}
	if acc.BlockedUntil != nil {
		rows = append(rows, []string{out.Text("left alone until"), acc.BlockedUntil.Local().Format(cli.Moment)})
	}
	if note := note(acc, out); note != "" {
		rows = append(rows, []string{out.Text("note"), note})
	}
	return out.Pairs(rows)
}

// expires is when the session ends by itself; one that has died already has no
// end to come.
func expires(acc client.Account, out cli.Screen, now time.Time) string {
	if acc.State != client.StateValid {
		return "-"
	}
	return out.Until(acc.ExpiresAt, now)
}

func paintState(out cli.Screen, state string) string {
	colour := ""
	switch state {
	case client.StateValid:
		colour = cli.Green
	case client.StateNeedsLogin:
		colour = cli.Red
	case client.StateLoggingIn:
		colour = cli.Yellow
	}
	return out.Paint(colour, state)
}

func lastCheck(acc client.Account, out cli.Screen, now time.Time) string {
	if acc.LastCheck == nil {
		return "-"
	}
	if acc.CheckedAt == nil {
		return *acc.LastCheck // nothing was ever asked with a session of its own
	}
	return *acc.LastCheck + " " + out.Ago(acc.CheckedAt, now)
}

func next(acc client.Account, out cli.Screen, now time.Time) string {
	if acc.Next == nil {
		if acc.Paused {
			return out.Text("paused")
		}
		return "-"
	}
	return out.Text("%[1]s %[2]s", action(acc.Next.Action, out), out.Until(&acc.Next.At, now))
}

// action puts the keeper's word for what it will do into a person's. One that
// a newer keeper knows is shown as it is.
func action(word string, out cli.Screen) string {
	if text, ok := actions()[word]; ok {
		return out.Text("%s", text)
	}
	return strings.ReplaceAll(word, "_", " ")
}

var actions = sync.OnceValue(func() map[string]cli.Message {
	return map[string]cli.Message{
		"check":         cli.Format("check"),
		"refresh":       cli.Format("refresh"),
		"confirm_death": cli.Format("second question"),
		"login_code":    cli.Format("new code"),
		"login_poll":    cli.Format("look for the scan"),
		"login_collect": cli.Format("fetch the cookies"),
		"login_verify":  cli.Format("ask whose the login is"),
		"login_give_up": cli.Format("give the login up"),

		"refresh_verify":  cli.Format("ask whose the new pair is"),
		"refresh_confirm": cli.Format("end the pair before"),
		"warn":            cli.Format("warn of the end"),
	}
})

// note is what a person should know or do about the account.
func note(acc client.Account, out cli.Screen) string {
	switch {
	case acc.Paused && acc.Attention == "":
		return out.Text("paused, nothing is done for it by itself: bilikeeper account set %s --resume goes on", acc.Name)
	case acc.Attention != "":
		return out.Told(acc.Attention)
	case acc.State == client.StateLoggingIn:
		return out.Text("a login is under way: bilikeeper login %s shows its code", acc.Name)
	case acc.State == client.StateNeedsLogin:
		return out.Text("log in again: bilikeeper login %s", acc.Name)
	case acc.State == client.StateNew:
		return out.Text("not logged in yet: bilikeeper login %s", acc.Name)
	case acc.State == client.StateValid && acc.LastCheck != nil && *acc.LastCheck == client.CheckDead:
		return out.Text("the site denied the session; it is asked a second time before that is believed")
	case acc.BlockedUntil != nil:
		return out.Text("%s; the site is left alone until %s, nothing is lost", cli.Format(acc.Detail), acc.BlockedUntil.Local().Format("15:04:05 MST"))
	}
	return ""
}

func yes(b bool, out cli.Screen) string {
	if b {
		return out.Text("yes")
	}
	return out.Text("no")
}

// mid is the site's number of the account's user.
func mid(acc client.Account, unknown string) string {
	if acc.Mid == nil {
		return unknown
	}
	return fmt.Sprint(*acc.Mid)
}
