package agentcmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/packaging"
)

func installCommand(env *cli.Env) *cobra.Command {
	var show bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Start the agent with each desktop session of the calling user",
		Args:  cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if show {
				return printFiles(env)
			}
			return install(cmd.Context(), env)
		},
	}
	cmd.Flags().BoolVar(&show, "print", false, "show what would be installed")
	return cmd
}

const unitName = "bilikeeper-agent.service"

// file is a file that starts the agent with a session.
type file struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// files are what is installed. Where the user's systemd runs that is a
// unit, and an entry as well: desktops that never reach graphical-session.target
// start the programs of the entries themselves.
func files(env *cli.Env) ([]file, error) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return nil, unsupported()
	}
	unit, entry, err := paths(env)
	if err != nil {
		return nil, err
	}
	path, err := cli.Program()
	if err != nil {
		return nil, err
	}
	args, err := namedPaths(env)
	if err != nil {
		return nil, err
	}
	files := []file{{entry, packaging.AgentEntry(userManager(env), path, args...)}}
	if userManager(env) {
		files = append([]file{{unit, packaging.AgentUnit(path, args...)}}, files...)
	}
	return files, nil
}

func paths(env *cli.Env) (unit, entry string, err error) {
	base := env.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(base) {
		home, err := home()
		if err != nil {
			return "", "", err
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "systemd", "user", unitName), filepath.Join(base, "autostart", "bilikeeper-agent.desktop"), nil
}

// namedPaths are the flags that the agent is to be started with.
func namedPaths(env *cli.Env) ([]string, error) {
	var args []string
	for _, f := range []struct{ flag, path string }{{"--config", env.Flags.Config}, {"--socket", env.Flags.Socket}} {
		if f.path == "" {
			continue
		}
		path, err := filepath.Abs(f.path)
		if err != nil {
			return nil, err
		}
		args = append(args, f.flag, path)
	}
	return args, nil
}

// userManager reports whether a systemd runs that belongs to this user.
func userManager(env *cli.Env) bool {
	dir := env.Getenv("XDG_RUNTIME_DIR")
	_, err := exec.LookPath("systemctl")
	return runtime.GOOS == "linux" && err == nil && filepath.IsAbs(dir) && there(filepath.Join(dir, "systemd"))
}

// userSystemctl asks the user's systemd.
func userSystemctl(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "systemctl", append([]string{"--user"}, args...)...).CombinedOutput()
	if err != nil {
		said := plain.Line(string(out))
		return cli.FailWith(cli.ExitFailed, cli.Format("the files are in place; systemctl --user status %s may tell more", unitName),
			"systemctl --user %s: %w: %s", strings.Join(args, " "), err, cli.Dash(said))
	}
	return nil
}

func printFiles(env *cli.Env) error {
	list, err := files(env)
	if err != nil {
		return err
	}
	return env.Show(map[string]any{"files": list}, func() {
		for i, f := range list {
			if i > 0 {
				env.Print("\n")
			}
			env.Print("# %s\n%s", f.Path, f.Text)
		}
	})
}

func install(ctx context.Context, env *cli.Env) error {
	list, err := files(env)
	if err != nil {
		return err
	}
	for _, f := range list {
		err := durable.MkdirAll(filepath.Dir(f.Path), 0o755)
		if err == nil {
			err = durable.WriteFile(f.Path, []byte(f.Text), 0o644)
		}
		if err != nil {
			return cli.Fail(cli.ExitFailed, "", "install the agent: %w", err)
		}
		env.Say("Written: %s", f.Path)
	}
	const later = "The agent starts with the next desktop session. To start it now: bilikeeper agent"
	if !userManager(env) {
		env.Say(later)
		return nil
	}
	if err := userSystemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	if err := userSystemctl(ctx, "enable", unitName); err != nil {
		return err
	}
	if userSystemctl(ctx, "is-active", "--quiet", "graphical-session.target") != nil {
		env.Say(later)
		return nil
	}
	// An older one that runs already is to be this one.
	if err := userSystemctl(ctx, "restart", unitName); err != nil {
		return err
	}
	env.Say("The agent runs, and starts with each desktop session.")
	return nil
}

func uninstall(ctx context.Context, env *cli.Env) error {
	unit, entry, err := paths(env)
	if err != nil {
		return err
	}
	if userManager(env) && there(unit) {
		if err := userSystemctl(ctx, "disable", "--now", unitName); err != nil {
			return err
		}
	}
	removed := false
	for _, path := range []string{unit, entry} {
		switch err := os.Remove(path); {
		case err == nil:
			removed = true
			env.Say("Removed: %s", path)
		case !errors.Is(err, fs.ErrNotExist):
			return cli.Fail(cli.ExitFailed, "", "uninstall the agent: %w", err)
		}
	}
	if !removed {
		env.Say("The agent was not installed.")
		return nil
	}
	if userManager(env) {
		return userSystemctl(ctx, "daemon-reload")
	}
	return nil
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
