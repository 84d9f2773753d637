package account

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// cookiesArgument is replaced by the path of the private cookie file.
const cookiesArgument = "{cookies}"

func execCommand(env *cli.Env) *cobra.Command {
	var s selection
	cmd := &cobra.Command{
		Use:   "exec ACCOUNT -- CMD ARG...",
		Short: "Run a command with the credential in its environment",
		Long: `Runs a command with BILIBILI_COOKIE, BILIBILI_SESSDATA, BILIBILI_JCT, BILIBILI_UID
and BILIBILI_BUVID3 in its environment. The argument {cookies} becomes the path
of a private cookies.txt that lives as long as the command does: yt-dlp rewrites
the file that it is given. The command's exit code is returned; 127 where there is
no such program, 126 where it cannot be run.`,
		Example: `  bilikeeper exec main -- yt-dlp --cookies {cookies} URL
  bilikeeper exec main -- sh -c 'curl -H "Cookie: $BILIBILI_COOKIE" URL'
  bilikeeper exec --tag downloaders -- yt-dlp --cookies {cookies} URL`,
		Args: s.arguments(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			argv := s.take(args)
			return run(cmd, env, s, argv)
		},
	}
	s.flags(cmd)
	return cmd
}

func run(cmd *cobra.Command, env *cli.Env, s selection, argv []string) error {
	full, err := s.credential(cmd.Context(), env, client.CredentialOptions{Format: "env"})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(argv, func(arg string) bool { return strings.Contains(arg, cookiesArgument) }) {
		path, remove, err := cookieFile(cmd, env, full.Account)
		if err != nil {
			return err
		}
		defer remove()
		argv = slices.Clone(argv)
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], cookiesArgument, path)
		}
	}
	child := exec.Command(argv[0], argv[1:]...)
	child.Stdin, child.Stdout, child.Stderr = env.Stdin, env.Stdout, env.Stderr
	child.Env = append(os.Environ(), environment(string(full.Body))...)
	return runChild(child)
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

// cookieFile writes a cookies.txt that nobody else can read. It lies in the
// runtime directory where there is one, which is memory and not a disk.
func cookieFile(cmd *cobra.Command, env *cli.Env, account string) (path string, remove func(), err error) {
	c, err := env.Client().Credential(cmd.Context(), account, client.CredentialOptions{Format: "netscape"})
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(env.Getenv("XDG_RUNTIME_DIR"), "bilikeeper-exec-")
	if err != nil {
		dir, err = os.MkdirTemp("", "bilikeeper-exec-")
	}
	if err != nil {
		return "", nil, cli.Fail(cli.ExitFailed, "", "make a private directory for the cookies: %w", err)
	}
	path = filepath.Join(dir, "cookies.txt")
	if err := os.WriteFile(path, c.Body, 0o600); err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, cli.Fail(cli.ExitFailed, "", "write the cookies: %w", err)
	}
	return path, func() { _ = os.RemoveAll(dir) }, nil
}

// runChild runs the command to its end and returns its exit code. Signals are
// the command's to answer, so they are passed on and not heeded here: the
// cookies must not vanish under a command that goes on.
func runChild(child *exec.Cmd) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	if err := child.Start(); err != nil {
		return notRun(child, err)
	}
	done := make(chan error, 1)
	go func() { done <- child.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = child.Process.Signal(s)
		case err := <-done:
			return childResult(err)
		}
	}
}

// notRun says why a command was not run, with the exit code that a shell has for
// it: 127 where there is no such program, 126 where it cannot be run.
func notRun(child *exec.Cmd, err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return cli.Fail(127, "", "there is no program %s", child.Path)
	}
	reason := err
	if inner := errors.Unwrap(err); inner != nil {
		reason = inner
	}
	return cli.Fail(126, "", "%s cannot be run: %w", child.Path, reason)
}

func childResult(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return cli.Exit(exitCode(exit), "")
	}
	return cli.Fail(cli.ExitFailed, "", "the command: %w", err)
}
