package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/input"
)

// maxImport is far more than any browser's cookies take.
const maxImport = 1 << 20

func (a *app) importCommand() *cobra.Command {
	var req client.ImportRequest
	cmd := &cobra.Command{
		Use:   "import [FILE|-]",
		Short: "Take over an existing login from a browser or another tool",
		Long: `Takes over an existing login from a file or from standard input, asks the site
whose it is, and says whether it can be refreshed.

Formats: a Cookie header, cookies.txt (netscape), the json of bilikeeper get,
bilibili-api's credential, biliup's cookies.json, what a browser's cookie
extensions write, a request copied from its developer tools or recorded there
(HAR), and the settings of the tools that get has formats for. auto finds out by
itself.

For a session that can be refreshed, add the refresh token: in the browser's
console, localStorage.ac_time_value; append it as ac_time_value=... to the
header. A login that a browser goes on using is refreshed by the browser, which
ends the one kept here: a login of the keeper's own lives longer.`,
		Example: `  bilikeeper import cookies.txt --account main
  xclip -o | bilikeeper import - --account main`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := a.readImport(args)
			if err != nil {
				return err
			}
			req.Bytes = data // as they are: they may be in another encoding
			r, err := a.client().Import(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(r)
			}
			return a.imported(r)
		},
	}
	cmd.Flags().StringVar(&req.Account, "account", "default", "the account's `name` here")
	cmd.Flags().StringVar(&req.Format, "format", "auto", "auto, header, netscape, json, bilibili-api, biliup, ...")
	cmd.Flags().BoolVar(&req.Replace, "replace", false, "also in the place of a login that can be refreshed, or of another user's")
	oneOf(cmd, "format", append([]string{"auto"}, input.Formats()...)...)
	return cmd
}

func (a *app) readImport(args []string) ([]byte, error) {
	in := a.stdin
	if len(args) == 1 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return nil, noFile(args[0], err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	switch {
	case err != nil:
		return nil, fail(exitFailed, "", "read the login: %w", err)
	case len(data) > maxImport:
		return nil, fail(exitUsage, "", "read the login: more than 1 MiB; this is no login")
	case len(data) == 0:
		return nil, fail(exitUsage, "name a file, or pipe the login in", "read the login: nothing came")
	}
	return data, nil
}

// noFile says that a login cannot be read. What was given as the file's name is
// not repeated where it may be the login itself, pasted in the wrong place.
func noFile(name string, err error) error {
	if strings.ContainsAny(name, "=;{\n\t%") || len(name) > 200 {
		return fail(exitUsage, "give a file's name, or pipe the login in: xclip -o | bilikeeper import -",
			"read the login: the argument is no file's name; a login is not given on the command line, where others see it")
	}
	return fail(exitUsage, "", "read the login: %w", err)
}

func (a *app) imported(r client.ImportResult) error {
	out := a.screen(a.stderr)
	mid := "?"
	if r.Account.Mid != nil {
		mid = fmt.Sprint(*r.Account.Mid)
	}
	a.say("%s %s is %s (mid %s), read as %s", out.paint(green, "ok"), r.Account.Name, dash(r.Account.Uname), mid, r.Format)
	if r.Refreshable {
		a.say("It can be refreshed.")
	}
	for _, note := range r.Notes {
		a.say("note: %s", note)
	}
	return nil
}

func (a *app) logoutCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "logout ACCOUNT",
		Short: "End the session at the site, then forget the account",
		Args:  arguments(1, 1),

		ValidArgsFunction: a.completeAccounts(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.confirm(cmd.Context(), yes, "Log "+args[0]+" out at the site and forget it here?"); err != nil {
				return err
			}
			r, err := a.client().Logout(cmd.Context(), args[0])
			if err != nil {
				var p *client.Problem
				if errors.As(err, &p) && p.Type == client.ProblemSiteAway {
					p.Hint = "nothing was changed; bilikeeper forget " + args[0] + " removes it here without asking the site"
				}
				return err
			}
			if a.json {
				return a.printJSON(r)
			}
			if r.Ended {
				a.say("%s is logged out at the site and forgotten here.", r.Account)
			} else {
				a.say("%s is forgotten here; %s.", r.Account, r.Detail)
			}
			return nil
		},
	}
	askedFor(cmd, &yes)
	return cmd
}
