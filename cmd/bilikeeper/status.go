package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (a *app) statusCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status [ACCOUNT]",
		Short: "Show what the keeper knows, without asking the site",
		Long: `Shows what the keeper knows, without asking the site. With --watch it stays on
the screen and follows what changes; elsewhere than on a terminal, and with
--json, it is written anew at each change.`,
		Args: arguments(0, 1),

		ValidArgsFunction: a.completeAccounts(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch {
				return a.watchStatus(cmd.Context(), args)
			}
			s, err := a.statusOf(cmd.Context(), args)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(s)
			}
			for _, p := range s.Daemon.Problems {
				if len(args) == 0 {
					a.say("bilikeeper: warning: %s", p)
				}
			}
			_, err = fmt.Fprint(a.stdout, a.statusText(s, args))
			return err
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "keep it on the screen")
	return cmd
}

// statusOf is the keeper's status, of one account where one is named.
func (a *app) statusOf(ctx context.Context, args []string) (client.Status, error) {
	s, err := a.client().Status(ctx)
	if err != nil || len(args) == 0 {
		return s, err
	}
	one, err := a.client().Account(ctx, args[0])
	s.Accounts = []client.Account{one}
	return s, err
}

func (a *app) statusText(s client.Status, args []string) string {
	switch {
	case len(args) == 1:
		return accountTable(s.Accounts[0], a.screen(a.stdout), time.Now())
	case len(s.Accounts) == 0:
		a.say("The keeper (pid %d, %s) has no account yet. Add one: bilikeeper login main", s.Daemon.PID, s.Daemon.Version)
		return ""
	}
	return statusTable(s.Accounts, a.screen(a.stdout), time.Now())
}

// watchEvery is how often the status is looked at. It costs the keeper nothing
// and the site is not asked.
const watchEvery = time.Second

// watchStatus shows the status until it is interrupted, which is its usual end. A
// keeper that goes away comes back.
func (a *app) watchStatus(ctx context.Context, args []string) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	tty := a.screen(a.stdout).tty && !a.json
	for shown := ""; ctx.Err() == nil; {
		s, err := a.statusOf(ctx, args)
		if errors.Is(err, client.ErrNoKeeper) && shown != "" {
			s, err = client.Status{}, nil
		}
		if err != nil {
			return err
		}
		if text, key := a.watched(s, args, tty), essence(s); key != shown || tty {
			shown = key
			if _, err := io.WriteString(a.stdout, text); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// watched is one picture of the status.
func (a *app) watched(s client.Status, args []string, tty bool) string {
	var b strings.Builder
	switch {
	case a.json:
		text, _ := json.Marshal(s)
		return string(text) + "\n"
	case tty:
		b.WriteString("\x1b[H\x1b[2J")
	}
	if s.Daemon.PID == 0 {
		return b.String() + "The keeper is away; waiting for it to come back.\n"
	}
	for _, p := range s.Daemon.Problems {
		fmt.Fprintf(&b, "warning: %s\n", p)
	}
	switch {
	case len(args) == 1:
		b.WriteString(accountTable(s.Accounts[0], a.screen(a.stdout), time.Now()))
	default:
		b.WriteString(statusTable(s.Accounts, a.screen(a.stdout), time.Now()))
	}
	if !tty {
		b.WriteByte('\n')
	}
	return b.String()
}

// essence tells one status from another.
func essence(s client.Status) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// statusTable is a line for each account, and below it what a person should
// know or do. Where the screen is too narrow for a line, columns go, the least
// needed first; what comes next then stands on a line of its own.
func statusTable(accounts []client.Account, out screen, now time.Time) string {
	rows := [][]string{{"ACCOUNT", "STATE", "USER", "LAST CHECK", "NEXT", "EXPIRES"}}
	for _, acc := range accounts {
		rows = append(rows, []string{acc.Name, acc.State, dash(acc.Uname), lastCheck(acc, now), next(acc, now), expires(acc, now)})
	}
	below := false
	for _, column := range []string{"USER", "LAST CHECK", "EXPIRES", "NEXT"} {
		if fits(rows, out.width) {
			break
		}
		at := slices.Index(rows[0], column)
		for i := range rows {
			rows[i] = slices.Delete(slices.Clone(rows[i]), at, at+1)
		}
		below = column == "NEXT"
	}
	var b strings.Builder
	for i, line := range align(rows) {
		if i > 0 {
			// The state is the second word; a user could be called the same.
			state := accounts[i-1].State
			line = strings.Replace(line+" ", " "+state+" ", " "+out.paint(stateColour(state), state)+" ", 1)
		}
		fmt.Fprintln(&b, strings.TrimRight(line, " "))
		if i > 0 && below {
			fmt.Fprintln(&b, "  "+next(accounts[i-1], now))
		}
	}
	for _, acc := range accounts {
		if note := note(acc); note != "" {
			fmt.Fprintf(&b, "%s: %s\n", acc.Name, note)
		}
	}
	return b.String()
}

// fits reports whether all rows have room on a screen; one of no known width has.
func fits(rows [][]string, width int) bool {
	return width == 0 || !slices.ContainsFunc(align(rows), func(line string) bool { return visible(line) > width })
}

// accountTable is all that is known of one account.
func accountTable(acc client.Account, out screen, now time.Time) string {
	mid := "-"
	if acc.Mid != nil {
		mid = fmt.Sprint(*acc.Mid)
	}
	rows := [][]string{
		{"account", acc.Name},
		{"state", acc.State},
		{"user", dash(acc.Uname)},
		{"mid", mid},
		{"site", acc.Site},
		{"last check", lastCheck(acc, now)},
		{"detail", dash(acc.Detail)},
		{"next", next(acc, now)},
		{"expires", expires(acc, now)},
		{"generation", fmt.Sprint(acc.Generation)},
		{"refreshable", yes(acc.Refreshable)},
		{"refreshed", ago(acc.RefreshedAt, now)},
	}
	if acc.PendingConfirm {
		rows = append(rows, []string{"to be confirmed", "the site is yet to be told that the credential before is no longer used"})
	}
	if acc.BlockedUntil != nil {
		rows = append(rows, []string{"left alone until", acc.BlockedUntil.Local().Format(time.DateTime)})
	}
	if note := note(acc); note != "" {
		rows = append(rows, []string{"note", note})
	}
	var b strings.Builder
	for _, line := range align(rows) {
		if strings.HasPrefix(line, "state ") {
			line = strings.Replace(line, acc.State, out.paint(stateColour(acc.State), acc.State), 1)
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// expires is when the session ends by itself; one that has died already has no
// end to come.
func expires(acc client.Account, now time.Time) string {
	if acc.State == client.StateNeedsLogin {
		return "-"
	}
	return until(acc.ExpiresAt, now)
}

func stateColour(state string) string {
	switch state {
	case client.StateValid:
		return green
	case client.StateNeedsLogin:
		return red
	case client.StateLoggingIn:
		return yellow
	}
	return ""
}

func lastCheck(acc client.Account, now time.Time) string {
	if acc.LastCheck == nil {
		return "-"
	}
	if acc.CheckedAt == nil {
		return *acc.LastCheck // nothing was ever asked with a session of its own
	}
	return *acc.LastCheck + " " + ago(acc.CheckedAt, now)
}

func next(acc client.Account, now time.Time) string {
	if acc.Next == nil {
		return "-"
	}
	return action(acc.Next.Action) + " " + until(&acc.Next.At, now)
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
		return fmt.Sprintf("%s; the site is left alone until %s, nothing is lost", acc.Detail, acc.BlockedUntil.Local().Format("15:04:05"))
	}
	return ""
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
