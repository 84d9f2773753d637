package account

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/input"
)

// maxImport is far more than any browser's cookies take.
const maxImport = 1 << 20

func importCommand(env *cli.Env) *cobra.Command {
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
		Args:              cli.Accounts(0, 1),
		ValidArgsFunction: cli.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readImport(env, args)
			if err != nil {
				return err
			}
			req.Bytes = data // as they are: they may be in another encoding
			done := env.Working("The site is asked whose login it is")
			r, err := env.Client().Import(cmd.Context(), req)
			done()
			if err != nil {
				return err
			}
			return env.Show(r, func() { imported(env, r) })
		},
	}
	cmd.Flags().StringVar(&req.Account, "account", "default", "the account's `name` here")
	cmd.Flags().StringVar(&req.Format, "format", "auto", "auto, header, netscape, json, bilibili-api, biliup, ...")
	cmd.Flags().BoolVar(&req.Replace, "replace", false, "also in the place of a login that can be refreshed, or of another user's")
	cli.AccountFlag(env, cmd, "account")
	cli.OneOf(cmd, "format", append([]string{"auto"}, input.Formats()...)...)
	return cmd
}

func readImport(env *cli.Env, args []string) ([]byte, error) {
	in := env.Stdin
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
		return nil, cli.Fail(cli.ExitFailed, "", "read the login: %w", err)
	case len(data) > maxImport:
		return nil, cli.Fail(cli.ExitUsage, "", "read the login: more than 1 MiB; this is no login")
	case len(data) == 0:
		return nil, cli.Fail(cli.ExitUsage, "name a file, or pipe the login in", "read the login: nothing came")
	}
	return data, nil
}

// noFile says that a login cannot be read. What was given as the file's name is
// not repeated where it may be the login itself, pasted in the wrong place.
func noFile(name string, err error) error {
	if strings.ContainsAny(name, "=;{\n\t%") || len(name) > 200 {
		return cli.Fail(cli.ExitUsage, "give a file's name, or pipe the login in: xclip -o | bilikeeper import -",
			"read the login: the argument is no file's name; a login is not given on the command line, where others see it")
	}
	return cli.Fail(cli.ExitUsage, "", "read the login: %w", err)
}

func imported(env *cli.Env, r client.ImportResult) {
	env.Say("%s %s is %s (mid %s), read as %s", env.Screen(env.Stderr).Paint(cli.Green, "ok"), r.Account.Name, cli.Dash(r.Account.Uname), mid(r.Account, "?"), r.Format)
	if r.Refreshable {
		env.Say("It can be refreshed.")
	}
	for _, note := range r.Notes {
		env.Say("note: %s", cli.Format(note))
	}
}
