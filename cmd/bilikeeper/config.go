package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Write, check and show the configuration",
		Args:  subcommandOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var force, stdout bool
	initialise := &cobra.Command{
		Use:   "init",
		Short: "Write a commented configuration file",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if stdout {
				_, err := a.stdout.Write(config.Example(daemon.Checks().Channels))
				return err
			}
			return a.configInit(force)
		},
	}
	initialise.Flags().BoolVar(&force, "force", false, "write over a file that is there")
	initialise.Flags().BoolVar(&stdout, "stdout", false, "print it instead")
	cmd.AddCommand(initialise, &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration file",
		Args:  arguments(0, 0),
		RunE:  func(*cobra.Command, []string) error { return a.configCheck() },
	}, &cobra.Command{
		Use:   "print",
		Short: "Print the effective configuration, secrets masked",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			c, places, err := a.loadConfig()
			if err != nil {
				return err
			}
			c.StateDir, c.Socket = places.StateDir, places.Socket
			if a.json {
				return c.PrintJSON(a.stdout)
			}
			return c.Print(a.stdout)
		},
	})
	return cmd
}

func (a *app) configInit(force bool) error {
	path := config.Locate(a.flags, a.env).Config
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fail(exitFailed, "", "create the directory of the configuration: %w", err)
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fail(exitFailed, "--force writes over it, --stdout prints a fresh one", "%s is there already", path)
	}
	if err != nil {
		return fail(exitFailed, "", "write the configuration: %w", err)
	}
	_, err = f.Write(config.Example(daemon.Checks().Channels))
	if err := errors.Join(err, f.Close()); err != nil {
		return fail(exitFailed, "", "write the configuration: %w", err)
	}
	if a.json {
		return a.printJSON(map[string]any{"path": path})
	}
	a.say("Wrote %s. Every line in it is a default; change what you need, then: bilikeeper config check", path)
	return nil
}

func (a *app) configCheck() error {
	c, places, err := a.loadConfig()
	var wrong *config.Error
	if a.json && errors.As(err, &wrong) {
		if err := a.printJSON(map[string]any{"ok": false, "file": wrong.File, "problems": wrong.Problems}); err != nil {
			return err
		}
		return &failure{code: exitUsage, err: errors.New("")}
	}
	if err != nil {
		return err
	}
	warnings := c.Warnings(daemon.Checks())
	if a.json {
		return a.printJSON(map[string]any{"ok": true, "file": places.Config, "warnings": append([]string{}, warnings...)})
	}
	for _, w := range warnings {
		a.say("bilikeeper: warning: %s", w)
	}
	if _, err := os.Stat(places.Config); errors.Is(err, fs.ErrNotExist) {
		a.say("There is no file at %s; every setting has its default.", places.Config)
		return nil
	}
	a.say("%s is fine.", places.Config)
	return nil
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := buildInfo()
			if a.json {
				return a.printJSON(v)
			}
			return a.printVersion(v)
		},
	}
}
