package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status [ACCOUNT]",
		Short: "Show what the keeper knows, without asking the site",
		Args:  arguments(0, 1),

		ValidArgsFunction: a.completeAccounts(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.client().Status(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				one, err := a.client().Account(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				s.Accounts = []client.Account{one}
			}
			if a.json {
				return a.printJSON(s)
			}
			if len(args) == 1 {
				_, err := fmt.Fprint(a.stdout, accountTable(s.Accounts[0], a.screen(a.stdout), time.Now()))
				return err
			}
			return a.printStatus(s)
		},
	}
}

func (a *app) printStatus(s client.Status) error {
	for _, p := range s.Daemon.Problems {
		a.say("bilikeeper: warning: %s", p)
	}
	if len(s.Accounts) == 0 {
		a.say("The keeper (pid %d, %s) has no account yet. Add one: bilikeeper login main", s.Daemon.PID, s.Daemon.Version)
		return nil
	}
	_, err := fmt.Fprint(a.stdout, statusTable(s.Accounts, a.screen(a.stdout), time.Now()))
	return err
}

// statusTable is a line for each account, and below it what a person should
// know or do.
func statusTable(accounts []client.Account, out screen, now time.Time) string {
	rows := [][]string{{"ACCOUNT", "STATE", "USER", "LAST CHECK", "NEXT", "EXPIRES"}}
	for _, acc := range accounts {
		rows = append(rows, []string{acc.Name, acc.State, dash(acc.Uname), lastCheck(acc, now), next(acc, now), until(acc.ExpiresAt, now)})
	}
	var b strings.Builder
	for i, line := range align(rows) {
		if i > 0 {
			// The state is the second word; a user could be called the same.
			state := accounts[i-1].State
			line = strings.Replace(line, " "+state+" ", " "+out.paint(stateColour(state), state)+" ", 1)
		}
		fmt.Fprintln(&b, line)
	}
	for _, acc := range accounts {
		if note := note(acc); note != "" {
			fmt.Fprintf(&b, "%s: %s\n", acc.Name, note)
		}
	}
	return b.String()
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
		{"expires", until(acc.ExpiresAt, now)},
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
		"login_verify":  "verify the login",

		"refresh_verify":  "verify the refresh",
		"refresh_confirm": "confirm the refresh",
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
