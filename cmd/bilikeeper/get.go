package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (a *app) getCommand() *cobra.Command {
	var o client.CredentialOptions
	var w whose
	cmd := &cobra.Command{
		Use:   "get ACCOUNT",
		Short: "Print the credential for a tool to use",
		Long: `Prints the credential of an account, as fresh as the keeper has it.

Formats: header    name=value; name=value;   for a Cookie header
         json      everything, with the cookies' attributes
         netscape  cookies.txt for yt-dlp, curl, wget, streamlink, gallery-dl
         env       BILIBILI_...='...' lines, safe to eval in a POSIX shell

The refresh token is left out unless it is asked for: a tool that holds it
refreshes on its own and thereby logs the keeper out. header and netscape have
no place for it.

With --tag, one of the accounts with that tag is taken, of those that live: by
turns, or at random. --json and the formats that name the account tell which.
With --wait it waits for the keeper, the account and a living session; a time
is written --wait=10m.`,
		Example: `  curl -H "Cookie: $(bilikeeper get main)" https://api.bilibili.com/x/web-interface/nav
  bilikeeper get main --format netscape > cookies.txt
  eval "$(bilikeeper get main --format env)"
  bilikeeper get --tag recorders --wait=10m`,
		Args: w.arguments(0),

		ValidArgsFunction: a.completeAccounts(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.json && !cmd.Flags().Changed("format") {
				o.Format = "json"
			}
			w.name(args)
			c, err := a.credential(cmd.Context(), w, o)
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(c.Body)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Format, "format", "header", "header, json, netscape or env")
	f.BoolVar(&o.WithRefreshToken, "with-refresh-token", false, "include the refresh token")
	oneOf(cmd, "format", "header", "json", "netscape", "env")
	f.BoolVar(&o.Stale, "stale", false, "print it even when the session is known to be dead")
	w.flags(cmd)
	return cmd
}

func (a *app) forgetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "forget ACCOUNT",
		Short: "Remove an account from the keeper; its session at the site lives on",
		Args:  arguments(1, 1),

		ValidArgsFunction: a.completeAccounts(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.client().Forget(cmd.Context(), args[0]); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"account": args[0], "forgotten": true})
			}
			a.say("%s is forgotten here. Its session at the site lives on until it expires.", args[0])
			return nil
		},
	}
}

func (a *app) waitCommand() *cobra.Command {
	var wanted string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait ACCOUNT",
		Short: "Wait until an account is in a state, for scripts",
		Args:  arguments(1, 1),

		ValidArgsFunction: a.completeAccounts(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			states := []string{client.StateNew, client.StateValid, client.StateNeedsLogin, client.StateLoggingIn}
			if !contains(states, wanted) {
				return fail(exitUsage, "", "--for %q is not a state: there are %s", wanted, strings.Join(states, ", "))
			}
			acc, err := a.waitFor(cmd.Context(), args[0], wanted, timeout)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(acc)
			}
			fmt.Fprintf(a.stderr, "%s is %s\n", acc.Name, acc.State)
			return nil
		},
	}
	cmd.Flags().StringVar(&wanted, "for", client.StateValid, "new, valid, needs_login or logging_in")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this long (0 = never)")
	oneOf(cmd, "for", client.StateNew, client.StateValid, client.StateNeedsLogin, client.StateLoggingIn)
	return cmd
}
