package configcmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/ownfile"
)

func configCommand(env *cli.Env) *cobra.Command {
	return cli.Group("config", "Write, check and show the configuration", "", initCommand(env), &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration file",
		Args:  cli.Nothing,
		RunE:  func(*cobra.Command, []string) error { return check(env) },
	}, &cobra.Command{
		Use:   "print",
		Short: "Print the effective configuration, secrets masked",
		Args:  cli.Nothing,
		RunE: func(*cobra.Command, []string) error {
			c, places, err := env.LoadConfig()
			if err != nil {
				return err
			}
			c.StateDir, c.Socket = places.StateDir, places.Socket
			if env.JSON {
				return c.PrintJSON(env)
			}
			return c.Print(env)
		},
	})
}

func initCommand(env *cli.Env) *cobra.Command {
	var force, stdout bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a commented configuration file",
		Args:  cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if stdout {
				_, err := env.Write(example(env))
				return err
			}
			return write(cmd.Context(), env, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "write over a file that is there")
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print it instead")
	return cmd
}

// example is the file with every key, explained in the person's language.
func example(env *cli.Env) []byte {
	return env.Language().Comments(config.Example(daemon.Checks().Channels))
}

func write(ctx context.Context, env *cli.Env, force bool) error {
	path := env.Located().Config
	// The configuration is an own file, and the one that may be written here.
	err := cli.CheckFree(ctx, env, path)
	if own, ok := errors.AsType[*ownfile.Error](err); ok && own.File.Path != path {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return cli.Fail(cli.ExitFailed, "", "create the directory of the configuration: %w", err)
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return cli.Fail(cli.ExitFailed, "--force writes over it, --stdout prints a fresh one", "%s is there already", path)
	}
	if err != nil {
		return cli.Fail(cli.ExitFailed, "", "write the configuration: %w", err)
	}
	_, err = f.Write(example(env))
	if err := errors.Join(err, f.Close()); err != nil {
		return cli.Fail(cli.ExitFailed, "", "write the configuration: %w", err)
	}
	return env.Show(map[string]any{"path": path}, func() {
		env.Say("Wrote %s. Every line in it is a default; change what you need, then: bilikeeper config check", path)
	})
}

func check(env *cli.Env) error {
	c, places, err := cli.LoadConfig(env, func(p config.Places) (config.Config, config.Places, error) { return p.Load(daemon.BuildChecks()) })
	var wrong *config.Error
	if env.JSON && errors.As(err, &wrong) {
		if err := env.Show(map[string]any{"ok": false, "file": wrong.File, "problems": wrong.Problems}, nil); err != nil {
			return err
		}
		return cli.Exit(cli.ExitUsage, "")
	}
	if err == nil {
		_, err = cli.Companion(env, c.Store.Type)
	}
	if err != nil {
		return err
	}
	warnings := append([]string{}, c.Warnings(daemon.Checks())...)
	return env.Show(map[string]any{"ok": true, "file": places.Config, "warnings": warnings}, func() {
		for _, w := range warnings {
			env.Warn("%s", cli.Format(w))
		}
		if _, err := os.Stat(places.Config); errors.Is(err, fs.ErrNotExist) {
			env.Say("There is no file at %s; every setting has its default.", places.Config)
			return
		}
		env.Say("%s is fine.", places.Config)
	})
}
