// Package servicecmd has the commands that run the keeper on this machine: in the
// foreground, under the operating system's service manager, and the reload of
// one that runs. What the keeper does while it runs is package daemon's and may
// not come in.
//
// What the package guarantees: a wrong configuration ends the daemon with 78 and
// nothing else does. A service is installed with the project's own unit, and the
// vault stays when it is removed.
package servicecmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/vaultkeys"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/daemon/upkeep"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/transfer"
)

// Commands are the commands of this group.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{daemonCommand(env), reloadCommand(env), serviceCommand(env)}
}

func daemonCommand(env *cli.Env) *cobra.Command {
	var service bool
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: "Run the keeper in the foreground",
		Long: `Runs the keeper in the foreground. SIGTERM and SIGINT stop it cleanly, a
second one at once, SIGHUP reloads the configuration. Without a configuration file
every setting has a working default; bilikeeper config init writes a commented one.`,
		Args: cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if service {
				return runService(cmd.Context(), env)
			}
			return runDaemon(cmd.Context(), env, make(chan os.Signal, 1))
		},
	}
	cmd.Flags().StringVar(&env.Flags.StateDir, "state-dir", "", "where the vault and its key lie (`directory`)")
	cli.DirectoryFlag(cmd, "state-dir")
	cmd.Flags().BoolVar(&service, "service", false, "answer to the operating system's service manager")
	_ = cmd.Flags().MarkHidden("service")
	return cmd
}

// runDaemon runs the keeper until ctx ends. What comes in at reload asks for a reload.
func runDaemon(ctx context.Context, env *cli.Env, reload chan os.Signal) error {
	// Each part reads its own secrets, so that one which is missing is left out alone.
	read := func(p config.Places) (config.Config, config.Places, error) { return p.Read(daemon.Checks()) }
	c, places, err := cli.LoadConfig(env, read)
	if err != nil {
		return env.WithCode(cli.ExitConfiguration, err)
	}
	if _, err := cli.Companion(env, c.Store.Type); err != nil {
		return env.WithCode(cli.ExitConfiguration, err)
	}
	if err := cli.HandOverTo(env, c.Store.Type); err != nil {
		return err
	}
	log, err := env.Logger(c.Log)
	if err != nil {
		return env.WithCode(cli.ExitConfiguration, err)
	}
	for _, w := range c.Warnings(daemon.Checks()) {
		log.Warn().Msg(w)
	}
	cli.OutliveReaders()
	go reapOrphans(ctx)
	defer endAtSecond(ctx, log)()
	if len(reloadSignals) > 0 {
		signal.Notify(reload, reloadSignals...)
		defer signal.Stop(reload)
	}
	keys := (&vaultkeys.Secrets{Env: env, Silent: true}).Keys()
	err = daemon.Run(ctx, daemon.Options{
		Config: c, Places: places, Version: env.Version, Log: log, Reload: reload,
		Keys: keys, Stores: env.Stores, Examine: examiner(env),
		Reread: func() (config.Config, error) {
			c, _, err := cli.LoadConfig(env, read)
			return c, err
		},
	})
	if errors.Is(err, daemon.ErrConfiguration) {
		return env.WithCode(cli.ExitConfiguration, err)
	}
	if c.Store.Type == config.StoreBolt && (errors.Is(err, vault.ErrGone) || errors.Is(err, vault.ErrCorrupt)) {
		return wayBack(err, parts.Opening{Places: places, Keys: keys}.File(), places.Backups(c))
	}
	if c.Store.Type == config.StoreEtcd && (errors.Is(err, vault.ErrGone) || errors.Is(err, vault.ErrReplaced)) {
		return wayBackToEtcd(err, parts.Opening{Places: places, Keys: keys}.File(), places.Backups(c))
	}
	return explain(err)
}

// endAtSecond ends the process at once when it is told to stop while it is stopping,
// until the result is called. The first process of a container has to do it by
// itself: what a signal does by default, it does not do to that one.
func endAtSecond(ctx context.Context, log zerolog.Logger) (over func()) {
	done := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
		case <-done:
			return
		}
		second := make(chan os.Signal, 1)
		signal.Notify(second, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(second)
		select {
		case s := <-second:
			log.Error().Stringer("signal", s).Msg("told to stop a second time; what was under way is left as after a crash")
			os.Exit(cli.ExitFailed)
		case <-done:
		}
	}()
	return func() { close(done) }
}

// wayBack says what brings a vault back that is missing or damaged. A vault is not
// begun anew where one was: what was kept in it would be forgotten in silence.
func wayBack(err error, o vault.Options, copies string) error {
	restore := upkeep.WayBack(o, copies)
	back := cli.Format("restore the vault from a backup: bilikeeper vault restore FILE")
	if restore != "" {
		back = cli.Format("restore the vault from a backup: %s puts the newest copy that opens in its place", restore)
	}
	if errors.Is(err, vault.ErrCorrupt) {
		back = cli.Format("%s; or bilikeeper vault repair saves what still opens", back)
	}
	return cli.FailWith(cli.ExitFailed, cli.Format("%s; to begin anew, move %s and %s away; nothing was changed", back, o.Path, o.KeyFile), "%w", err)
}

// wayBackToEtcd says what brings back what etcd has lost, or had put back.
func wayBackToEtcd(err error, o vault.Options, copies string) error {
	own := filepath.Join(filepath.Dir(o.KeyFile), daemon.CopyFile)
	if errors.Is(err, vault.ErrReplaced) {
		return cli.FailWith(cli.ExitFailed, cli.Format("name the etcd that this host has used in store.endpoints and store.prefix; where it was put back to an earlier state on purpose, move %s away on each host: what came after that state is forgotten", own), "%w", err)
	}
	restore := upkeep.WayBack(o, copies)
	if restore == "" {
		restore = "bilikeeper vault restore FILE"
	}
	return cli.FailWith(cli.ExitFailed, cli.Format(`mend store.endpoints or store.prefix; where etcd has lost what it had: move %s away on each host, write type = "bolt" here, then: %s && bilikeeper vault migrate --to etcd, and write type = "etcd" again`, own, restore), "%w", err)
}

// explain adds what to do to an error that keeps the keeper from running.
func explain(err error) error {
	if err == nil {
		return nil
	}
	known := []cli.Known{
		{vault.ErrInUse, cli.ExitFailed, "another keeper runs already; bilikeeper status talks to it"},
		{vault.ErrKeyMissing, cli.ExitFailed, "put the key file back beside the vault; or make a new one, with the recovery key: bilikeeper vault slots add keyfile --recovery"},
		{vault.ErrWrongKey, cli.ExitFailed, "put back the key file that belongs to this vault; or make a new one, with the recovery key: bilikeeper vault slots add keyfile --recovery"},
		{vault.ErrNewerSchema, cli.ExitFailed, "a newer version of bilikeeper wrote this vault; install that version"},
		{vault.ErrCorrupt, cli.ExitFailed, "restore the vault from a backup: bilikeeper vault restore FILE; or save what still opens: bilikeeper vault repair"},
		{vault.ErrExposed, cli.ExitFailed, "make it private again: chmod go= on what is named, and think about who may have read it"},
		{vault.ErrReplaced, cli.ExitFailed, "put the vault's file back, or restore a backup: bilikeeper vault restore FILE; a keeper that starts without one begins with an empty vault"},
		{keeper.ErrStuck, cli.ExitFailed, "look at the disk; the vault is opened again with all that it had kept"},
		{vault.ErrDenied, cli.ExitFailed, "look at store.user, the password and the role in etcd; bilikeeper doctor says what is missing"},
		{vault.ErrUnavailable, cli.ExitFailed, "look whether etcd runs and is reached from here, and at store.endpoints, store.ca_file and store.user"},
		{vault.ErrNoSpace, cli.ExitFailed, "make room on the disk"},
		{transfer.ErrUnfinished, cli.ExitFailed, "run bilikeeper vault migrate again, as it was run, and then start the keeper"},
		{transfer.ErrLeft, cli.ExitFailed, "write into [store] where the accounts are kept now"},
		{socket.ErrInUse, cli.ExitFailed, "name another socket with --socket, or stop what answers there"},
		{socket.ErrNotSocket, cli.ExitFailed, "move it away, or name another socket with --socket"},
		{socket.ErrPathLength, cli.ExitFailed, "name a shorter one with --socket, or with socket in the configuration"},
		{socket.ErrExposed, cli.ExitFailed, "close the directory, or name a socket in another one with --socket"},
		{os.ErrPermission, cli.ExitNotPermitted, "run it as the user whose directory this is, or name another with --state-dir"},
	}
	if f := cli.Explain(err, known); f != nil {
		return f
	}
	return cli.Fail(cli.ExitFailed, "", "the keeper stopped: %w", err)
}
