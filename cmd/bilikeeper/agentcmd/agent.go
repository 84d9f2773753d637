// Package agentcmd has the commands of the desktop session's agent: run it, and
// have it started with each session. How a message is shown is daemon/agent's and
// may not come in.
//
// What the package guarantees: an agent stays with the keeper that answered it
// first. What install writes, uninstall removes.
package agentcmd

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/agent"
	"github.com/bilikeeper/bilikeeper/daemon/client"
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
	keeper, sockets := sessionClient(env)
	log.Info().Strs("sockets", sockets).Msg("showing a keeper's messages on this desktop")
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

// systemSocket is where a keeper for the whole machine listens.
const systemSocket = "/run/bilikeeper/control.sock"

// sessionClient is the connection to the keeper that this session's user means: the
// one that is named, else the user's own, else the machine's.
func sessionClient(env *cli.Env) (c *client.Client, sockets []string) {
	c = env.Client()
	own := c.Path()
	named := cmp.Or(env.Flags.Socket, env.Getenv("BILIKEEPER_SOCKET"), env.Getenv("BILIKEEPER_STATE_DIR")) != ""
	if named || own == systemSocket || own != env.Located().Socket {
		return c, []string{own}
	}
	d := &firstKeeper{paths: []string{own, systemSocket}}
	return &client.Client{Socket: own, Dial: d.dial}, d.paths
}

// firstKeeper dials the first of several sockets behind which a keeper is, and
// that one alone from then on: positions in one keeper's journal mean nothing
// to another.
type firstKeeper struct {
	paths []string
	found atomic.Pointer[string]
}

func (d *firstKeeper) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	if path := d.found.Load(); path != nil {
		return dialer.DialContext(ctx, "unix", *path)
	}
	var first error
	for _, path := range d.paths {
		conn, err := dialer.DialContext(ctx, "unix", path)
		if err == nil {
			d.found.Store(&path)
			return conn, nil
		}
		// What keeps this user out of a keeper says more than that another is
		// not there.
		if first == nil || errors.Is(err, fs.ErrPermission) && !errors.Is(first, fs.ErrPermission) {
			first = err
		}
	}
	return nil, first
}
