package main

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

	"github.com/bilikeeper/bilikeeper/daemon/agent"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/notify/desktop"
)

func (a *app) agentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Show the keeper's messages in this desktop session",
		Long: `Shows the keeper's messages in this desktop session, with the code's picture and
a button that opens the login page or the picture. It is for a keeper that
cannot reach the session, the system's service above all.

The keeper is the calling user's own, or the system's where the user has none;
--socket names another. To see the messages of another user's keeper one needs
an entry in its configuration:

  [[control.allow]]
  user = "you"
  accounts = ["*"]
  may = ["status", "login"]`,
		Args: subcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runAgent(cmd.Context()) },
	}
	var show bool
	install := &cobra.Command{
		Use:   "install",
		Short: "Start the agent with each desktop session of the calling user",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if show {
				return a.printAgentFiles()
			}
			return a.installAgent(cmd.Context())
		},
	}
	install.Flags().BoolVar(&show, "print", false, "show what would be installed")
	cmd.AddCommand(install, &cobra.Command{
		Use: "uninstall", Short: "Start it no more, and end it", Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.uninstallAgent(cmd.Context()) },
	})
	return cmd
}

// runAgent runs the agent until ctx ends.
func (a *app) runAgent(ctx context.Context) error {
	log, err := a.logger(config.Default().Log)
	if err != nil {
		return err
	}
	state, err := a.agentState()
	if err != nil {
		return err
	}
	way, sockets := a.sessionClient()
	log.Info().Strs("sockets", sockets).Msg("showing a keeper's messages on this desktop")
	o := agent.Options{Client: way, State: state, OpenLabel: agent.OpenLabel(a.env), Log: log}
	if dir := a.env("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		o.Runtime = filepath.Join(dir, "bilikeeper-agent")
	}
	switch err := agent.Run(ctx, o); {
	case errors.Is(err, desktop.ErrUnsupported):
		return fail(exitFailed, "on this system use another notification channel, see NOTIFIERS in the README", "the agent needs D-Bus, which %s does not have", runtime.GOOS)
	case errors.Is(err, agent.ErrRunning):
		return fail(exitFailed, "end it first, or leave it to show the messages", "%w", err)
	case errors.Is(err, fs.ErrPermission):
		return &failure{code: exitNotPermitted, err: err, hint: "run it as the user of the desktop session"}
	default:
		return err
	}
}

// agentState is the file of what was shown. It is this user's, whoever's the
// keeper is.
func (a *app) agentState() (string, error) {
	if dir := a.env("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "bilikeeper", "agent.json"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fail(exitFailed, "set HOME", "there is no home directory: %w", err)
	}
	return filepath.Join(home, ".local", "state", "bilikeeper", "agent.json"), nil
}

// systemSocket is where a keeper for the whole machine listens.
const systemSocket = "/run/bilikeeper/control.sock"

// sessionClient is the way to the keeper that this session's user means: the
// one that is named, else the user's own, else the machine's.
func (a *app) sessionClient() (c *client.Client, sockets []string) {
	c = a.client()
	own := c.Path()
	named := cmp.Or(a.flags.Socket, a.env("BILIKEEPER_SOCKET"), a.env("BILIKEEPER_STATE_DIR")) != ""
	if named || own == systemSocket || own != config.Locate(a.flags, a.env).Socket {
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
