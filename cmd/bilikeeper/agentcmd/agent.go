// Package agentcmd has the commands of the desktop session's agent: run it, and
// have it started with each session. How a message is shown is daemon/agent's and
// may not come in.
//
// What the package guarantees: an agent stays with the keeper that answered it
// first. What install writes, uninstall removes.
package agentcmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/agent"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/notify/desktop"
)

// Commands are the commands of this group.
func Commands(env *cli.Env) []*cobra.Command {
	cmd := cli.Group("agent", "Show the keeper's messages in this desktop session", `Shows the keeper's messages in this desktop session, with the code's picture and
a button that opens the login page or the picture. It is for a keeper that
cannot reach the session, the system's service above all.

The keeper is the calling user's own, or the system's where the user has none;
--socket names another. To see the messages of another user's keeper one needs
an entry in its configuration:

  [[control.allow]]
  user = "you"
  accounts = ["*"]
  may = ["status", "login"]`,
		installCommand(env), &cobra.Command{
			Use: "uninstall", Short: "Start it no more, and end it", Args: cli.Nothing,
			RunE: func(cmd *cobra.Command, _ []string) error { return uninstall(cmd.Context(), env) },
		})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env) }
	return []*cobra.Command{cmd}
}

// run runs the agent until ctx ends.
func run(ctx context.Context, env *cli.Env) error {
	log, err := env.Logger(config.Default().Log)
	if err != nil {
		return err
	}
	state, err := agentState(env)
	if err != nil {
		return err
	}
	cli.OutliveReaders()
	keeper := env.Client()
	log.Info().Strs("sockets", keeper.Sockets).Msg("showing a keeper's messages on this desktop")
	o := agent.Options{Client: keeper, State: state, OpenLabel: agent.OpenLabel(env.Getenv), Log: log}
	if dir := env.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		o.Runtime = filepath.Join(dir, "bilikeeper-agent")
	}
	switch err := agent.Run(ctx, o); {
	case errors.Is(err, desktop.ErrUnsupported):
		return unsupported()
	case errors.Is(err, agent.ErrRunning):
		return cli.Fail(cli.ExitFailed, "end it first, or leave it to show the messages", "%w", err)
	case errors.Is(err, fs.ErrPermission):
		return cli.Fail(cli.ExitNotPermitted, "run it as the user of the desktop session", "%w", err)
	default:
		return err
	}
}

// agentState is the file of what was shown. It is this user's, whoever's the
// keeper is.
func agentState(env *cli.Env) (string, error) {
	if dir := env.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "bilikeeper", "agent.json"), nil
	}
	home, err := home()
	return filepath.Join(home, ".local", "state", "bilikeeper", "agent.json"), err
}

func home() (string, error) {
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", cli.Fail(cli.ExitFailed, "set HOME", "there is no home directory: %w", err)
	}
	return dir, nil
}

func unsupported() error {
	return cli.Fail(cli.ExitFailed, "on this system use another notification channel, see docs/notifiers.md", "the agent needs D-Bus, which %s does not have", runtime.GOOS)
}
