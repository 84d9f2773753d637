package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/page"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/vault"
)

func (a *app) daemonCommand() *cobra.Command {
	var service bool
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: "Run the keeper in the foreground",
		Long: `Runs the keeper in the foreground. SIGTERM and SIGINT stop it cleanly, SIGHUP
reloads the configuration. Without a configuration file every setting has a
working default; bilikeeper config init writes a commented one.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if service {
				return a.runService(cmd.Context())
			}
			return a.runDaemon(cmd.Context(), nil)
		},
	}
	cmd.Flags().StringVar(&a.flags.StateDir, "state-dir", "", "where the vault and its key lie (`directory`)")
	cmd.Flags().BoolVar(&service, "service", false, "answer to the operating system's service manager")
	_ = cmd.Flags().MarkHidden("service")
	return cmd
}

// runDaemon runs the keeper until ctx ends.
func (a *app) runDaemon(ctx context.Context, ready func()) error {
	c, places, err := a.loadConfig()
	if err != nil {
		return a.misconfigured(err)
	}
	log, err := a.logger(c.Log)
	if err != nil {
		return a.misconfigured(err)
	}
	for _, w := range c.Warnings(daemon.Checks()) {
		log.Warn().Msg(w)
	}
	reload := make(chan os.Signal, 1)
	if len(reloadSignals) > 0 {
		signal.Notify(reload, reloadSignals...)
		defer signal.Stop(reload)
	}
	err = daemon.Run(ctx, daemon.Options{
		Config: c, Places: places, Version: version, Log: log, Ready: ready, Reload: reload,
		Keys: (&vaultSecrets{app: a, silent: true}).keys(),
		Reread: func() (config.Config, error) {
			c, _, err := a.loadConfig()
			return c, err
		},
	})
	if errors.Is(err, daemon.ErrConfiguration) {
		return a.misconfigured(err)
	}
	return daemonError(err)
}

// misconfigured is an error of the configuration that keeps the keeper from running.
func (a *app) misconfigured(err error) error {
	f := *a.judge(err)
	f.code = exitConfiguration
	return &f
}

// logger writes to stderr: the journal, a terminal or a file take it from
// there. Secrets never reach it; their type and the errors' texts see to that.
func (a *app) logger(c config.Log) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		return zerolog.Nop(), fail(exitUsage, "", "log.level: %w", err)
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	zerolog.DurationFieldUnit = time.Second
	out := a.stderr
	if c.Format == "console" || c.Format == "auto" && a.screen(a.stderr).tty {
		out = consoleWriter(a.stderr, a.screen(a.stderr).colour)
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), nil
}

func consoleWriter(w io.Writer, colour bool) io.Writer {
	return zerolog.ConsoleWriter{Out: w, NoColor: !colour, TimeFormat: "15:04:05", TimeLocation: time.Local}
}

// daemonError adds what to do to an error that keeps the keeper from running.
func daemonError(err error) error {
	if err == nil {
		return nil
	}
	hints := []struct {
		is   error
		code int
		hint string
	}{
		{vault.ErrInUse, exitFailed, "another keeper runs already; bilikeeper status talks to it"},
		{vault.ErrKeyMissing, exitFailed, "put the key file back beside the vault; or make a new one, with the recovery key: bilikeeper vault slots add keyfile --recovery"},
		{vault.ErrWrongKey, exitFailed, "put back the key file that belongs to this vault; or make a new one, with the recovery key: bilikeeper vault slots add keyfile --recovery"},
		{vault.ErrNewerSchema, exitFailed, "a newer version of bilikeeper wrote this vault; install that version"},
		{vault.ErrCorrupt, exitFailed, "restore the vault from a backup: bilikeeper vault restore FILE; or move it away to begin anew; nothing was changed"},
		{vault.ErrExposed, exitFailed, "make it private again: chmod go= on what is named, and think about who may have read it"},
		{vault.ErrNoSpace, exitFailed, "make room on the disk"},
		{socket.ErrInUse, exitFailed, "name another socket with --socket, or stop what answers there"},
		{socket.ErrNotSocket, exitFailed, "move it away, or name another socket with --socket"},
		{socket.ErrPathLength, exitFailed, "name a shorter one with --socket, or with socket in the configuration"},
		{socket.ErrExposed, exitFailed, "close the directory, or name a socket in another one with --socket"},
	}
	for _, h := range hints {
		if errors.Is(err, h.is) {
			return &failure{code: h.code, err: err, hint: h.hint}
		}
	}
	var listen *page.ListenError
	if errors.As(err, &listen) {
		return &failure{code: exitFailed, err: err, hint: "name another address with listen in [page], or stop what answers there"}
	}
	if errors.Is(err, os.ErrPermission) {
		return &failure{code: exitNotPermitted, err: err, hint: "run it as the user whose directory this is, or name another with --state-dir"}
	}
	return fmt.Errorf("the keeper stopped: %w", err)
}
