package account

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/durable"
)

func getCommand(env *cli.Env) *cobra.Command {
	var o client.CredentialOptions
	var s selection
	var into string
	cmd := &cobra.Command{
		Use:   "get ACCOUNT",
		Short: "Print the credential for a tool to use",
		Long: fmt.Sprintf(`Prints the credential of an account, as fresh as the keeper has it.

Formats: header    name=value; name=value;   for a Cookie header
         json      everything, with the cookies' attributes
         netscape  cookies.txt for yt-dlp, curl, wget, streamlink, gallery-dl
         env       BILIBILI_...='...' lines, safe to eval in a POSIX shell
         and what these tools read: %s

The refresh token is left out unless it is asked for: a tool that holds it
refreshes on its own and thereby logs the keeper out. header and netscape have
no place for it.

With --tag, one of the accounts with that tag is taken, of those that live: by
turns, or at random. --json and the formats that name the account tell which.
With --wait it waits for the keeper, the account and a living session; a time
is written --wait=10m.`, toolFormats()),
		Example: `  curl -H "Cookie: $(bilikeeper get main)" https://api.bilibili.com/x/web-interface/nav
  bilikeeper get main --format netscape > cookies.txt
  eval "$(bilikeeper get main --format env)"
  bilikeeper get --tag recorders --wait=10m`,
		Args:              s.arguments(0),
		ValidArgsFunction: cli.CompleteAccounts(env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if env.JSON && !cmd.Flags().Changed("format") {
				o.Format = "json"
			}
			s.take(args)
			if into != "" {
				if err := cli.CheckFree(cmd.Context(), env, into); err != nil {
					return err
				}
			}
			c, err := s.credential(cmd.Context(), env, o)
			if err != nil {
				return err
			}
			return hand(env, c.Body, into)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Format, "format", "header", strings.Join(output.Formats(), ", "))
	f.StringVarP(&into, "output", "o", "", "write it to a `file`, 0600, as a whole, in place of standard output")
	f.BoolVar(&o.WithRefreshToken, "with-refresh-token", false, "include the refresh token")
	f.BoolVar(&o.Stale, "stale", false, "print it even when the session is known to be dead")
	cli.OneOf(cmd, "format", output.Formats()...)
	cli.FileFlag(cmd, "output")
	s.flags(env, cmd)
	return cmd
}

// hand writes a credential to a file that nobody else can read, as a whole or
// not at all; or to stdout, where none is named.
func hand(env *cli.Env, body []byte, path string) error {
	if path != "" {
		if err := durable.WriteFile(path, body, 0o600); err != nil {
			return cli.Fail(cli.ExitFailed, "", "write %s: %w", path, err)
		}
		return nil
	}
	if env.Out().TTY && !bytes.HasSuffix(body, []byte("\n")) {
		body = append(body, '\n') // for the eye; a pipe gets the bytes
	}
	_, err := env.Write(body)
	return err
}

// toolFormats are the formats that are named after a tool, as lines of the help.
func toolFormats() string {
	names := slices.DeleteFunc(output.Formats(), func(name string) bool {
		return slices.Contains([]string{"header", "json", "netscape", "env", "template"}, name)
	})
	return "\n" + cli.Wrap("           "+strings.Join(names, ", "), 11+60)
}
