package account

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/account/program"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func execCommand(env *cli.Env) *cobra.Command {
	var s selection
	var watch bool
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "exec ACCOUNT -- CMD ARG...",
		Short: "Run a command with the credential in its environment",
		Long: `Runs a command with BILIBILI_COOKIE, BILIBILI_SESSDATA, BILIBILI_JCT, BILIBILI_UID
and BILIBILI_BUVID3 in its environment. The argument {cookies} becomes the path
of a private cookies.txt that lives as long as the command does: yt-dlp rewrites
the file that it is given. The command's exit code is returned; 127 where there is
no such program, 126 where it cannot be run.

With --watch the command is started again when the credential changes: the new
one is fetched first, then the command and what it started get SIGTERM, and
after --grace SIGKILL. It ends when the command ends by itself. A keeper that is
away, or a session that dies, stops nothing. With --tag the account that was taken
first is followed. The command reads nothing from the terminal then.`,
		Example: `  bilikeeper exec main -- yt-dlp --cookies {cookies} URL
  bilikeeper exec main -- sh -c 'curl -H "Cookie: $BILIBILI_COOKIE" URL'
  bilikeeper exec main --watch --grace 1m -- blrec --config blrec.toml
  bilikeeper exec --tag downloaders -- yt-dlp --cookies {cookies} URL`,
		Args:              s.arguments(1),
		ValidArgsFunction: s.offer(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			argv := s.take(args)
			switch {
			case !watch && cmd.Flags().Changed("grace"):
				return cli.Fail(cli.ExitUsage, "add --watch", "--grace is the time that a command has before it is started again")
			case grace < 0:
				return cli.Fail(cli.ExitUsage, "write a duration, as in --grace 30s", "--grace %s is no time to wait", grace)
			}
			program.Sweep(env.Getenv("XDG_RUNTIME_DIR"))
			h := handover{env: env, keeper: env.Client(), argv: argv}
			first, err := h.first(cmd.Context(), s)
			if err != nil {
				return err
			}
			if watch {
				return h.watch(cmd.Context(), first, grace)
			}
			p, err := h.prepare(first, env.Stdin)
			if err != nil {
				return err
			}
			return p.Run()
		},
	}
	s.flags(env, cmd)
	cmd.Flags().BoolVar(&watch, "watch", false, "start the command again when the credential changes")
	cmd.Flags().DurationVar(&grace, "grace", 10*time.Second, "with --watch: the time between SIGTERM and SIGKILL")
	cli.OneOf(cmd, "grace", "10s", "30s", "1m")
	return cmd
}

// handover brings an account's credential to a program.
type handover struct {
	env    *cli.Env
	keeper *client.Client
	argv   []string
}

// secrets are what a program gets of a credential.
type secrets struct {
	account    string
	generation uint64
	lines      string // in the env format
	cookies    []byte // of the same generation, where the program wants them
}

// first fetches what the program is started with.
func (h handover) first(ctx context.Context, s selection) (secrets, error) {
	c, err := s.credential(ctx, h.env, client.CredentialOptions{Format: "env"})
	if err != nil {
		return secrets{}, err
	}
	return h.complete(ctx, c)
}

// complete adds the cookies to a credential in the env format. One that changes
// meanwhile is fetched anew, so that a program does not get half of each.
func (h handover) complete(ctx context.Context, c client.Credential) (secrets, error) {
	for range 5 {
		s := secrets{account: c.Account, generation: c.Generation, lines: string(c.Body)}
		if !program.WantsCookies(h.argv) {
			return s, nil
		}
		file, err := h.keeper.Credential(ctx, c.Account, client.CredentialOptions{Format: "netscape"})
		if err != nil {
			return secrets{}, err
		}
		if s.cookies = file.Body; file.Generation == c.Generation {
			return s, nil
		}
		if c, err = h.keeper.Credential(ctx, c.Account, client.CredentialOptions{Format: "env"}); err != nil {
			return secrets{}, err
		}
	}
	return secrets{}, fmt.Errorf("the credential of %s changes faster than it can be read", c.Account)
}

// environment turns the lines of the env format into name=value.
func environment(lines string) []string {
	var list []string
	for line := range strings.Lines(lines) {
		name, quoted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if ok && len(quoted) >= 2 {
			list = append(list, name+"="+strings.ReplaceAll(quoted[1:len(quoted)-1], `'\''`, `'`))
		}
	}
	return list
}
