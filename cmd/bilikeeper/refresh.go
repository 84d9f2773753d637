package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (a *app) refreshCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "refresh ACCOUNT",
		Short: "Rotate the credential now, if the site says that it is due",
		Long: `Rotates the credential now, if the site says that it is due. The keeper does so by
itself; this is for those who do not want to wait.

The old credential works until the new one is saved, proven and handed out, and
for a moment longer. A failure at any step leaves one of them in use.`,
		Args: arguments(1, 1),

		ValidArgsFunction: a.completeAccounts(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.client().Refresh(cmd.Context(), args[0], force)
			if err != nil {
				return err
			}
			if a.json {
				if err := a.printJSON(r); err != nil {
					return err
				}
			}
			return a.refreshed(r)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "rotate even if it is not due; at most limits.refreshes_per_hour times")
	return cmd
}

// refreshed says what came of a refresh.
func (a *app) refreshed(r client.RefreshResult) error {
	name := r.Account.Name
	out := a.screen(a.stdout)
	line := func(colour, text string) {
		if !a.json {
			fmt.Fprintf(a.stdout, "%s: %s\n", name, out.paint(colour, text))
		}
	}
	silent := errors.New("")
	switch r.Outcome {
	case client.RefreshDone:
		text := fmt.Sprintf("refreshed, generation %d", r.Account.Generation)
		if r.Account.PendingConfirm {
			text += "; the site is yet to be told that the old one is no longer used"
		}
		line(green, text)
		return nil
	case client.RefreshNotDue:
		line("", "not due; --force rotates all the same")
		return nil
	case client.RefreshImpossible:
		line(red, r.Detail)
		return &failure{code: exitNeedsLogin, err: silent, hint: "log in again: bilikeeper login " + name}
	}
	line(yellow, "not refreshed: "+r.Detail)
	return &failure{code: exitSiteAway, err: silent, hint: "nothing is lost; the credential in use goes on working"}
}
