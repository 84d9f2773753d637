package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/durable"
)

func (a *app) getCommand() *cobra.Command {
	var o client.CredentialOptions
	var w selection
	var into string
	cmd := &cobra.Command{
		Use:   "get ACCOUNT",
		Short: "Print the credential for a tool to use",
		Long: `Prints the credential of an account, as fresh as the keeper has it.

Formats: header    name=value; name=value;   for a Cookie header
         json      everything, with the cookies' attributes
         netscape  cookies.txt for yt-dlp, curl, wget, streamlink, gallery-dl
         env       BILIBILI_...='...' lines, safe to eval in a POSIX shell
         and what these tools read: FORMATS

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
			if into != "" {
				return a.writeCredential(into, c.Body)
			}
			if a.screen(a.stdout).tty && !bytes.HasSuffix(c.Body, []byte("\n")) {
				c.Body = append(c.Body, '\n') // for the eye; a pipe gets the bytes
			}
			_, err = a.stdout.Write(c.Body)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Format, "format", "header", strings.Join(output.Formats(), ", "))
	f.StringVarP(&into, "output", "o", "", "write it to a `file`, 0600, as a whole, in place of standard output")
	f.BoolVar(&o.WithRefreshToken, "with-refresh-token", false, "include the refresh token")
	oneOf(cmd, "format", output.Formats()...)
	cmd.Long = strings.Replace(cmd.Long, "FORMATS", "\n           "+wrapped(toolFormats(), 60, "           "), 1)
	f.BoolVar(&o.Stale, "stale", false, "print it even when the session is known to be dead")
	w.flags(cmd)
	return cmd
}

// toolFormats are the formats that are named after a tool.
func toolFormats() []string {
	return slices.DeleteFunc(output.Formats(), func(name string) bool {
		return slices.Contains([]string{"header", "json", "netscape", "env", "template"}, name)
	})
}

// wrapped sets words in lines.
func wrapped(words []string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range words {
		if i < len(words)-1 {
			word += ","
		}
		switch {
		case column > 0 && column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = 0
		case column > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// writeCredential writes a credential that nobody else can read, as a whole or
// not at all.
func (a *app) writeCredential(path string, body []byte) error {
	if err := durable.WriteFile(path, body, 0o600); err != nil {
		return fail(exitFailed, "", "write %s: %w", path, err)
	}
	return nil
}

func (a *app) forgetCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "forget ACCOUNT",
		Short: "Remove an account from the keeper; its session at the site lives on",
		Args:  arguments(1, 1),

		ValidArgsFunction: a.completeAccounts(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.confirm(cmd.Context(), yes, "Forget "+args[0]+" here? Its credential is removed; the session at the site lives on."); err != nil {
				return err
			}
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
	askedFor(cmd, &yes)
	return cmd
}

// askedFor adds the flag that answers the question before what cannot be undone.
func askedFor(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask")
}

// confirm asks a person at a terminal before something that cannot be undone. A
// script is not asked.
func (a *app) confirm(ctx context.Context, yes bool, question string) error {
	in, ok := a.stdin.(*os.File)
	if yes || !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case said := <-answer:
		if said == "y" || said == "yes" {
			return nil
		}
		return fail(exitFailed, "", "nothing was changed")
	case <-ctx.Done():
		return fail(exitFailed, "", "interrupted; nothing was changed")
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
