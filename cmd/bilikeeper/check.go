package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (a *app) checkCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "check [ACCOUNT...]",
		Short: "Ask the site now whether the sessions live",
		Long: `Asks the site now whether the sessions live; all accounts when none is named.

When the site denies a session, it is asked a second time after
check.confirm_after before anybody believes it, and the command waits for that.
While the site is to be left alone the command answers 6 without asking.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			all := len(names) == 0
			if all {
				accounts, err := a.client().Accounts(cmd.Context())
				if err != nil {
					return err
				}
				for _, acc := range accounts {
					if acc.State != client.StateNew {
						names = append(names, acc.Name)
					}
				}
			}
			return a.checkEach(cmd, names, force)
		},
	}
	cmd.ValidArgsFunction = a.completeAccounts(-1)
	cmd.Flags().BoolVar(&force, "force", false, "ask even while the site is to be left alone")
	return cmd
}

// checkEach checks one account after the other: the site is asked by one
// request at a time anyway. The worst outcome decides the exit code.
func (a *app) checkEach(cmd *cobra.Command, names []string, force bool) error {
	results := []client.CheckResult{}
	var worst error
	var dead []string
	for _, name := range names {
		r, err := a.client().Check(cmd.Context(), name, force)
		if err != nil {
			var p *client.Problem
			if len(names) == 1 || !errors.As(err, &p) {
				return err
			}
			a.say("bilikeeper: error: %s: %s", name, err)
			worst = worse(worst, &failure{code: problemCode(p.Type), err: errors.New("")})
			continue
		}
		results = append(results, r)
		if !a.json {
			a.printCheck(r)
		}
		if r.Outcome == client.CheckDead {
			dead = append(dead, "bilikeeper login "+r.Account.Name)
		}
		worst = worse(worst, outcome(r))
	}
	if a.json {
		if err := a.printJSON(map[string]any{"checks": results}); err != nil {
			return err
		}
	}
	var f *failure
	if errors.As(worst, &f) && f.code == exitNeedsLogin && len(dead) > 0 {
		f.hint = "log in again: " + strings.Join(dead, "; ")
	}
	return worst
}

func (a *app) printCheck(r client.CheckResult) {
	out := a.screen(a.stdout)
	colour := map[string]string{client.CheckOK: green, client.CheckDead: red}[r.Outcome]
	if colour == "" {
		colour = yellow
	}
	line := fmt.Sprintf("%s: %s", r.Account.Name, out.paint(colour, r.Outcome))
	if r.Detail != "" {
		line += " (" + r.Detail + ")"
	}
	if !r.Asked && r.Account.BlockedUntil != nil {
		line += "; not asked this time, the site is left alone until " + r.Account.BlockedUntil.Local().Format("15:04:05")
	}
	fmt.Fprintln(a.stdout, line)
}

// outcome turns a check's outcome into the exit code that goes with it. What
// there is to say was printed already.
func outcome(r client.CheckResult) error {
	silent := errors.New("")
	switch r.Outcome {
	case client.CheckOK:
		return nil
	case client.CheckDead:
		return &failure{code: exitNeedsLogin, err: silent}
	default:
		hint := ""
		if !r.Asked {
			hint = "--force asks all the same"
		}
		return &failure{code: exitSiteAway, err: silent, hint: hint}
	}
}

// worse keeps the error that matters more: a dead session before a site that
// does not answer, and anything before nothing.
func worse(a, b error) error {
	var fa, fb *failure
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case errors.As(a, &fa) && errors.As(b, &fb) && fa.code == exitSiteAway:
		return b
	}
	return a
}
